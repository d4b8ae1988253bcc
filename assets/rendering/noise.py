"""Noise that textures are made of: the same number for the same place and seed, on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: (N,) and (3, N), float32 throughout.
Values = NDArray[np.floating[Any]]
Vectors = NDArray[np.floating[Any]]


def hashed(cells: NDArray[np.int32], seed: int) -> Values:
    """Give each lattice cell (3, N) a number in [0, 1) that looks random."""
    bits = cells.astype(np.uint32)
    mixed = bits[0] * np.uint32(374761393) + bits[1] * np.uint32(668265263) + bits[2] * np.uint32(2147483647)
    mixed = mixed + np.uint32(seed * 1274126177 & 0xFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(1274126177)
    mixed = (mixed ^ (mixed >> np.uint32(16))) * np.uint32(2246822519)
    result: Values = ((mixed ^ (mixed >> np.uint32(15))) & np.uint32(0xFFFFFF)).astype(np.float32) / np.float32(1 << 24)
    return result


def smooth(points: Vectors, seed: int = 0) -> Values:
    """Blend the random numbers of the eight cells round each point (3, N): value noise in [0, 1)."""
    corner = np.floor(points)
    share = points - corner
    share = share * share * (3 - 2 * share)
    cell = corner.astype(np.int32)
    total: Values = np.zeros(points.shape[1], np.float32)
    for number in range(8):
        offset = np.array([[number & 1], [number >> 1 & 1], [number >> 2]], np.int32)
        weight = np.where(offset == 1, share, 1 - share).prod(axis=0)
        total += weight * hashed(cell + offset, seed)
    return total


def clouds(points: Vectors, octaves: int = 4, seed: int = 0) -> Values:
    """Add up noise of finer and finer grain (fractal Brownian motion), in [0, 1)."""
    total: Values = np.zeros(points.shape[1], np.float32)
    size, weight, sum_of_weights = np.float32(1), np.float32(0.5), 0.0
    for octave in range(octaves):
        total += weight * smooth(points * size + np.float32(17.3 * octave), seed + octave)
        sum_of_weights += float(weight)
        size, weight = np.float32(size * 2.03), np.float32(weight * 0.5)
    return total / np.float32(sum_of_weights)


def cells(points: Vectors, seed: int = 0) -> tuple[Values, Values]:
    """Scatter one dot in each cell; return the distance to the nearest dot and a random number of that dot."""
    corner = np.floor(points).astype(np.int32)
    nearest: Values = np.full(points.shape[1], 9, np.float32)
    number: Values = np.zeros(points.shape[1], np.float32)
    for step in np.ndindex(3, 3, 3):
        cell = corner + (np.array(step, np.int32) - 1)[:, None]
        dot = np.stack([hashed(cell, seed + axis) for axis in range(3)])
        distance = ((cell + dot - points) ** 2).sum(axis=0)
        closer = distance < nearest
        nearest = np.where(closer, distance, nearest)
        number = np.where(closer, dot[0], number)
    return np.sqrt(nearest), number
