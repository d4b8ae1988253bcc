"""Kernels that everybody should have seen, and those that a bundled network learned."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from safetensors import safe_open

from models.weights import BUNDLED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: The network and the layer whose kernels are shown as trained ones.
NETWORK, LAYER = "everyday_resnet", "conv1"


def _binomial(size: int) -> Floats:
    row = np.ones(1, np.float32)
    for _ in range(size - 1):
        row = np.convolve(row, np.ones(2, np.float32))
    return row


def upright_edges(size: int = 3) -> Floats:
    """Return Sobel's kernel: what is right of the middle counts for, what is left of it against."""
    across = np.convolve(_binomial(size - 2), np.array([-1, 0, 1], np.float32))
    return np.outer(_binomial(size), across).astype(np.float32)


def all_edges(size: int = 3) -> Floats:
    """Return a kernel that compares the middle with everything around it."""
    kernel = np.full((size, size), -1, np.float32)
    kernel[size // 2, size // 2] = size**2 - 1
    return kernel


def blur(size: int = 3) -> Floats:
    """Return a kernel that takes the mean."""
    return np.full((size, size), 1 / size**2, np.float32)


def sharpen(size: int = 3) -> Floats:
    """Return a kernel that keeps the middle and adds how it differs from its row and column."""
    kernel, middle = np.zeros((size, size), np.float32), size // 2
    kernel[middle] = kernel[:, middle] = -1
    kernel[middle, middle] = 2 * size - 1
    return kernel


def emboss(size: int = 3) -> Floats:
    """Return a kernel that lights the picture from the upper left, as if it were a relief."""
    places = np.arange(size, dtype=np.float32) - size // 2
    kernel: Floats = places[:, None] + places[None, :]
    kernel[size // 2, size // 2] = 1
    return kernel


@cache
def trained() -> Floats:
    """Return the kernels of the first layer of everyday_resnet, (filters, 3, height, width)."""
    with safe_open(BUNDLED / f"{NETWORK}.safetensors", "np") as weights:
        kernels: Floats = weights.get_tensor(f"{LAYER}.weight").astype(np.float32)
    kernels.setflags(write=False)
    return kernels
