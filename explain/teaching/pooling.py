"""Pooling: one number instead of many, and what a shift of the picture changes before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

Way = Literal["max", "average"]
#: A number counts as changed if it moved by more than this share of the largest one beside it.
TOLERANCE = 0.05


def pool(maps: Floats, window: int, stride: int, way: Way) -> Any:
    """Pool maps (..., H, W): of each window of `window` x `window` numbers, `stride` apart, the largest or the mean.

    Windows lie wholly inside the map, so what is left over at the right and lower edge is not looked at.
    """
    rows, columns = maps.shape[-2:]
    if not 1 <= window <= min(rows, columns) or stride < 1:
        raise ParameterError(
            f"A map of {rows} x {columns} cannot be pooled by windows of {window} at a stride of {stride}."
        )
    windows = np.lib.stride_tricks.sliding_window_view(maps, (window, window), (-2, -1))
    windows = windows[..., ::stride, ::stride, :, :]
    return windows.max((-2, -1)) if way == "max" else windows.mean((-2, -1), dtype=maps.dtype)


def pool_all(maps: Floats, way: Way) -> Any:
    """Pool each map (..., H, W) to a single number: global pooling."""
    return maps.max((-2, -1)) if way == "max" else maps.mean((-2, -1))


def pooled_size(length: int, window: int, stride: int) -> int:
    """Count the windows that fit along a side: (length - window) // stride + 1."""
    return (length - window) // stride + 1


@dataclass(frozen=True)
class Change:
    """How much numbers moved.

    count: how many there are. changed: the share of them that moved by more than 5 % of the largest of them.
    distance: the length of the difference as a share of the length of the numbers before.
    """

    count: int
    changed: float
    distance: float


def change(before: Floats, after: Floats) -> Change:
    """Measure how much numbers moved; both of one shape."""
    if before.shape != after.shape:
        raise ParameterError(f"Numbers of one shape are compared, not {before.shape} and {after.shape}.")
    first, second = (np.asarray(each, np.float64) for each in (before, after))
    moved = np.abs(second - first)
    length = float(np.linalg.norm(first))
    return Change(
        count=first.size,
        changed=float((moved > TOLERANCE * np.abs(first).max(initial=0)).mean()),
        distance=float(np.linalg.norm(second - first)) / length if length else float(moved.any()),
    )


def wiped_out(maps: Floats, window: int, stride: int) -> float:
    """Return the share of the numbers of maps (..., H, W) that max pooling takes into none of its results."""
    rows, columns = maps.shape[-2:]
    flat = maps.reshape(-1, rows, columns)
    windows = np.lib.stride_tricks.sliding_window_view(flat, (window, window), (1, 2))[:, ::stride, ::stride]
    largest = windows.reshape(*windows.shape[:3], -1).argmax(-1)
    down = np.arange(windows.shape[1])[None, :, None] * stride + largest // window
    across = np.arange(windows.shape[2])[None, None, :] * stride + largest % window
    kept = np.zeros(flat.shape, bool)
    kept[np.arange(len(flat))[:, None, None], down, across] = True
    return float(1 - kept.mean())
