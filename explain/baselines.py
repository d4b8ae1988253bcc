"""Pictures that stand for "nothing to see": where a path starts, or what a window is filled with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torchvision.transforms.v2 import functional as vision

if TYPE_CHECKING:
    from torch import Tensor

Baseline = Literal["black", "white", "grey", "blur"]

#: Strength of the blur: its standard deviation as a share of the picture's side.
BLUR = 0.08


def baseline(pixels: Tensor, kind: str) -> Tensor:
    """Return the picture that stands for nothing: black, white, middle grey, or the picture itself, blurred.

    pixels: (1, 3, H, W) in [0, 1]; so is the result.
    """
    if kind == "blur":
        sigma = BLUR * max(pixels.shape[-2:])
        half = min(int(3 * sigma) + 1, min(pixels.shape[-2:]) - 1)
        blurred = pixels
        # One way after the other is the same blur, for a twentieth of the time (224 x 224).
        for kernel in ([2 * half + 1, 1], [1, 2 * half + 1]):
            blurred = vision.gaussian_blur(blurred, kernel, [sigma, sigma])
        return blurred
    return torch.full_like(pixels, {"black": 0.0, "white": 1.0, "grey": 0.5}[kind])


def random_baselines(pixels: Tensor, count: int, seed: int) -> Tensor:
    """Draw pictures of independent uniform noise: (count, 3, H, W), the same for the same seed on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((count, *pixels.shape[1:]), generator=generator).to(pixels)
