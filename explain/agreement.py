"""How alike two maps are: rank correlation and structural similarity. numpy only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from explain.outcomes import MapChange
from models.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

#: Side of the square in which structural similarity is measured, and the paper's two constants.
WINDOW, K1, K2 = 7, 0.01, 0.03


def compare(first: Floats, second: Floats) -> MapChange:
    """Compare two maps (H, W) of one question by Spearman's rank correlation and by SSIM."""
    return MapChange(spearman(first, second), ssim(first, second))


def likeness(first: Floats, second: Floats, by: Callable[[Floats, Floats], float | None]) -> float:
    """Compare two maps, also those that are the same everywhere: 1 for two such maps, 0 beside one that varies.

    A map that is zero everywhere has nothing in common with one that is not.
    """
    _same_shape(first, second)
    if np.array_equal(first, second):
        return 1.0
    blank, flat = ([check(values) for values in (first, second)] for check in (_is_zero, _is_flat))
    if any(flat):
        return float(all(flat) and blank[0] == blank[1])
    found = by(first, second)
    return 0.0 if found is None else found


def spearman(first: Floats, second: Floats) -> float | None:
    """Correlate the ranks of two maps, equal values sharing their mean rank; None where a map is constant."""
    _same_shape(first, second)
    one, other = _ranks(first), _ranks(second)
    one, other = one - one.mean(), other - other.mean()
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 0 else None


def ssim(first: Floats, second: Floats) -> float | None:
    """Measure structural similarity (Wang et al., 2004) in squares of 7 pixels; the range is that of both together.

    None where both maps are constant, or smaller than a square.
    """
    _same_shape(first, second)
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    span = float(max(one.max(), other.max()) - min(one.min(), other.min()))
    if span == 0 or min(one.shape) < WINDOW:
        return None
    count = WINDOW**2
    unbiased = count / (count - 1)
    mean_one, mean_other = _means(one), _means(other)
    variance_one = unbiased * (_means(one * one) - mean_one**2)
    variance_other = unbiased * (_means(other * other) - mean_other**2)
    together = unbiased * (_means(one * other) - mean_one * mean_other)
    small, smaller = (K1 * span) ** 2, (K2 * span) ** 2
    above = (2 * mean_one * mean_other + small) * (2 * together + smaller)
    below = (mean_one**2 + mean_other**2 + small) * (variance_one + variance_other + smaller)
    return float((above / below).mean())


def _is_zero(values: Floats) -> bool:
    return not values.any()


def _is_flat(values: Floats) -> bool:
    return bool((values == values.flat[0]).all())


def _ranks(values: Floats) -> NDArray[np.float64]:
    _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean_rank: NDArray[np.float64] = ((ends - counts + ends - 1) / 2)[place]
    return mean_rank


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of every square that lies wholly inside."""
    squares = np.lib.stride_tricks.sliding_window_view(values, (WINDOW, WINDOW))
    means: NDArray[np.float64] = squares.mean((2, 3))
    return means


def _same_shape(first: Floats, second: Floats) -> None:
    if first.shape != second.shape or first.ndim != 2:
        raise ParameterError(f"Maps of one size are compared, not {first.shape} and {second.shape}.")
