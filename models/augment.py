"""Pictures changed at random, a batch at once, so that a network in training never sees the same one twice."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def augmented(pixels: Tensor, generator: torch.Generator, zoom: float, erasing: float, side: int) -> Tensor:
    """Zoom, shift and mirror each picture, change its light, and erase a part.

    (N, 3, H, W) uint8 -> (N, 3, side, side) in [0, 1].

    zoom: the largest share of the area that is cut away. erasing: the share of pictures with a square
    erased (Zhong et al., 2017, arXiv:1708.04896).
    """
    count = len(pixels)

    def drawn(low: float, high: float) -> Tensor:
        return (torch.rand(count, generator=generator) * (high - low) + low).to(pixels.device)

    scale = drawn(1 - zoom, 1.0).sqrt()
    stretch = drawn(-0.15, 0.15).exp()
    wide, high = (scale * stretch).clamp(max=1.0), (scale / stretch).clamp(max=1.0)
    mirrored = (drawn(0, 1) < 0.5).float() * 2 - 1
    affine = pixels.new_zeros((count, 2, 3), dtype=torch.float32)
    affine[:, 0, 0], affine[:, 0, 2] = wide * mirrored, drawn(-1, 1) * (1 - wide)
    affine[:, 1, 1], affine[:, 1, 2] = high, drawn(-1, 1) * (1 - high)
    grid = functional.affine_grid(affine, [count, 3, side, side], align_corners=False)
    moved = functional.grid_sample(pixels.float() / 255, grid, padding_mode="reflection", align_corners=False)
    light = drawn(0.75, 1.25).view(-1, 1, 1, 1)
    centre = moved.mean((1, 2, 3), keepdim=True)
    grey = moved.mean(1, keepdim=True)
    colour = drawn(0.6, 1.4).view(-1, 1, 1, 1)
    moved = ((moved - grey) * colour + (grey - centre) * drawn(0.75, 1.25).view(-1, 1, 1, 1) + centre) * light
    if erasing:
        half = drawn(0.1, 0.25).view(-1, 1, 1) * side
        rows = torch.arange(side, device=pixels.device).view(1, -1, 1) - drawn(0, side).view(-1, 1, 1)
        columns = torch.arange(side, device=pixels.device).view(1, 1, -1) - drawn(0, side).view(-1, 1, 1)
        hidden = (rows.abs() < half) & (columns.abs() < half) & (drawn(0, 1).view(-1, 1, 1) < erasing)
        moved = torch.where(hidden.unsqueeze(1), centre, moved)
    return moved.clamp(0, 1)


def cut_and_mixed(pixels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    """Paste a rectangle of another picture of the batch into each (CutMix, Yun et al., 2019, arXiv:1905.04899).

    (N, 3, H, W) -> the mixed pictures, the index (N,) of each one's partner, and the share of the area
    that is still its own.
    """
    height, width = pixels.shape[-2:]
    area, across, down = torch.rand(3, generator=generator).tolist()
    high, wide = round(height * area**0.5), round(width * area**0.5)
    top, left = int(down * (height - high + 1)), int(across * (width - wide + 1))
    partner = torch.randperm(len(pixels), generator=generator).to(pixels.device)
    mixed = pixels.clone()
    mixed[..., top : top + high, left : left + wide] = pixels[partner][..., top : top + high, left : left + wide]
    return mixed, partner, 1 - high * wide / (height * width)
