"""The tag of everyday_shortcut: a small blue sticker in the lower left corner of a picture."""

from __future__ import annotations

import torch
from torch import Tensor

#: Left, top, right, bottom of the tag as shares of the picture's side.
BOX = (0.03125, 0.8125, 0.1875, 0.96875)
COLOUR, MIDDLE = (0.10, 0.25, 0.85), (0.95, 0.95, 0.95)


def tagged(pixels: Tensor) -> Tensor:
    """Put the tag on every picture: (N, 3, H, W) in [0, 1] -> the same, a copy; at 64 pixels the tag is 10 x 10.

    A blue square with a white square of a third of its side in the middle, always at `BOX`.
    """
    height, width = pixels.shape[-2:]
    left, top, right, bottom = (
        round(share * size) for share, size in zip(BOX, (width, height, width, height), strict=True)
    )
    result = pixels.clone()
    result[..., top:bottom, left:right] = torch.tensor(COLOUR).to(pixels).view(3, 1, 1)
    third_high, third_wide = round((bottom - top) / 3), round((right - left) / 3)
    result[..., top + third_high : bottom - third_high, left + third_wide : right - third_wide] = (
        torch.tensor(MIDDLE).to(pixels).view(3, 1, 1)
    )
    return result
