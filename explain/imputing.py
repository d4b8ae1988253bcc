"""Filling in removed pixels from their neighbours, so that nothing of the removed shows, nor the shape of the hole."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Exact = NDArray[np.float64]
    Marked = NDArray[np.bool_]

#: How much a neighbour at a side, and one at a corner, counts.
AT_SIDE, AT_CORNER = 1 / 6, 1 / 12
NEIGHBOURS = {
    (down, right): AT_SIDE if down * right == 0 else AT_CORNER
    for down, right in itertools.product((-1, 0, 1), repeat=2)
    if (down, right) != (0, 0)
}


def imputed(pixels: Exact, removed: Marked) -> Exact:
    """Fill the removed pixels (H, W) of a picture (3, H, W): each becomes the weighted mean of its eight neighbours.

    Neighbours may be removed, too, so it is one sparse system of linear equations for all of them, solved directly; at
    the edge there are fewer neighbours, and their weights count accordingly more. One pixel must be left at least
    (Rong et al., 2022, arXiv:2202.00449).
    """
    height, width = removed.shape
    number = np.cumsum(removed).reshape(removed.shape) - 1
    weights, from_known = np.zeros(removed.shape), np.zeros(pixels.shape)
    known = np.where(removed, 0, pixels)
    rows, columns, values = [], [], []
    for (down, right), weight in NEIGHBOURS.items():
        here = (_overlap(height, down), _overlap(width, right))
        there = (_overlap(height, -down), _overlap(width, -right))
        weights[here] += weight
        from_known[:, *here] += weight * known[:, *there]
        both = removed[here] & removed[there]
        rows.append(number[here][both])
        columns.append(number[there][both])
        values.append(np.full(len(rows[-1]), -weight))
    every = np.arange(removed.sum())
    entries = np.concatenate([*values, weights[removed]])
    places = (np.concatenate([*rows, every]), np.concatenate([*columns, every]))
    system: Any = sparse.csc_matrix((entries, places), shape=(len(every), len(every)))
    # Symmetric, and each row's diagonal is no less than the rest of it: no pivoting is needed.
    solver = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
    filled = pixels.copy()
    filled[:, removed] = solver.solve(from_known[:, removed].T).T
    return filled


def _overlap(side: int, shift: int) -> slice:
    """The places along an axis whose neighbour, so far away, lies inside."""
    return slice(max(0, -shift), side - max(0, shift))
