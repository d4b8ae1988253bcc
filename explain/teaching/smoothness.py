"""How much a map is made of areas, and how much of single pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]


def neighbours(values: Floats) -> float:
    """Correlate each pixel of a map (H, W) with the one to its right and the one below: 1 = smooth, 0 = only noise.

    Pearson's correlation over all such pairs; 0 for a map that is the same everywhere.
    """
    map_ = np.asarray(values, np.float64)
    one = np.concatenate([map_[:, :-1].ravel(), map_[:-1].ravel()])
    other = np.concatenate([map_[:, 1:].ravel(), map_[1:].ravel()])
    one, other = one - one.mean(), other - other.mean()
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 0 else 0.0


def share_of(values: Floats, marked: NDArray[np.bool_]) -> float:
    """Say which share of the sizes of a map lies on marked pixels, 0..1; 0 for an empty map."""
    sizes = np.abs(np.asarray(values, np.float64))
    total = float(sizes.sum())
    return float(sizes[marked].sum()) / total if total > 0 else 0.0


def extreme(pixels: Floats, share: float, *, light: bool) -> NDArray[np.bool_]:
    """Mark the darkest or the lightest `share` of a picture's pixels: (H, W, 3) in [0, 1] -> (H, W)."""
    from explain.results import share_of_area

    grey = np.asarray(pixels, np.float32).mean(2)
    return share_of_area(grey if light else -grey, share)
