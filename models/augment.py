"""Pictures changed at random, a batch at once, so that a network in training never sees the same one twice."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def augmented(pixels: Tensor, generator: torch.Generator, zoom: float, erasing: float) -> Tensor:
    """Zoom, shift and mirror each picture, change its light, and erase a part: (N, 3, H, W) uint8 -> [0, 1].

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
    grid = functional.affine_grid(affine, list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(pixels.float() / 255, grid, padding_mode="reflection", align_corners=False)
    light = drawn(0.75, 1.25).view(-1, 1, 1, 1)
    centre = moved.mean((1, 2, 3), keepdim=True)
    grey = moved.mean(1, keepdim=True)
    colour = drawn(0.6, 1.4).view(-1, 1, 1, 1)
    moved = ((moved - grey) * colour + (grey - centre) * drawn(0.75, 1.25).view(-1, 1, 1, 1) + centre) * light
    if erasing:
        side = pixels.shape[-1]
        half = drawn(0.1, 0.25).view(-1, 1, 1) * side
        rows = torch.arange(side, device=pixels.device).view(1, -1, 1) - drawn(0, side).view(-1, 1, 1)
        columns = torch.arange(side, device=pixels.device).view(1, 1, -1) - drawn(0, side).view(-1, 1, 1)
        hidden = (rows.abs() < half) & (columns.abs() < half) & (drawn(0, 1).view(-1, 1, 1) < erasing)
        moved = torch.where(hidden.unsqueeze(1), centre, moved)
    return moved.clamp(0, 1)
