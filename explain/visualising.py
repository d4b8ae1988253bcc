"""How a picture is made from nothing: a Fourier basis, decorrelated colours, small moves between the steps.

Olah, Mordvintsev and Schubert, "Feature visualization", Distill, 2017, doi:10.23915/distill.00007.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


#: Square root of how the colours of photographs vary together, from lucid, the library of the paper.
COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
#: Standard deviation of the first spectrum: nearly even grey.
FAINT = 0.01
#: What scales the pixels before they are squeezed into [0, 1], as in lucid.
CONTRAST = 0.25
#: The most that a picture is moved between steps: shift as a share of its side, scale, turn in degrees.
SHIFT, SCALE, TURN = 12 / 224, 0.1, 10.0


def random_spectrum(side: int, generator: torch.Generator) -> Tensor:
    """Draw the spectrum of a nearly even grey picture: (3, side, side // 2 + 1, 2), real and imaginary parts."""
    return FAINT * torch.randn((3, side, side // 2 + 1, 2), generator=generator)


def painted(spectrum: Tensor, side: int) -> Tensor:
    """Turn a spectrum into pixels (1, 3, side, side) in [0, 1]; differentiable.

    Each frequency weighs as much as it does in photographs, about 1 / frequency, so that a step changes large
    shapes and fine ones alike; the colours are those that vary independently in photographs.
    """
    rows, columns = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    weights = side / (rows**2 + columns**2).sqrt().clamp(min=1 / side)
    planes = torch.fft.irfft2(torch.view_as_complex(spectrum) * weights, s=(side, side)) * CONTRAST
    colours = torch.tensor(COLOURS)
    mixed = torch.einsum("chw,dc->dhw", planes, colours / colours.norm(dim=0).max())
    return mixed.sigmoid()[None]


def moved(pixels: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Shift, scale and turn pixels (1, 3, H, W) by a random amount; what comes in from outside is mid-grey.

    strength: 1 = by as much as is usual, 0 = not at all. Differentiable.
    """
    if strength == 0:
        return pixels
    across, down, size, turn = (strength * (2 * torch.rand(4, generator=generator) - 1)).tolist()
    angle, scale = math.radians(TURN * turn), 1 + SCALE * size
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    # A grid runs from -1 to 1, so the side is 2 long.
    matrix = torch.tensor([[[cosine, -sine, 2 * SHIFT * across], [sine, cosine, 2 * SHIFT * down]]])
    grid = functional.affine_grid(matrix, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels - 0.5, grid, align_corners=False) + 0.5


class Ascent:
    """Adam (arXiv:1412.6980) with its usual constants, uphill."""

    def __init__(self, start: Tensor, length: float) -> None:
        self.place = start
        self._length = length
        self._mean, self._square = torch.zeros_like(start), torch.zeros_like(start)
        self._steps = 0

    def climb(self, gradient: Tensor) -> None:
        """Take one step."""
        self._steps += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.999 * self._square + 0.001 * gradient**2
        mean, square = self._mean / (1 - 0.9**self._steps), self._square / (1 - 0.999**self._steps)
        self.place = self.place + self._length * mean / (square.sqrt() + 1e-8)
