"""Filling in removed pixels from their neighbours, so that nothing of the removed shows, nor the shape of the hole."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Exact = NDArray[np.float64]
    Marked = NDArray[np.bool_]

#: How much a neighbour at a side, and one at a corner, counts.
AT_SIDE, AT_CORNER = 1 / 6, 1 / 12
#: How long, in seconds, a listener waits for a sign of life.
OFTEN = 0.1
NEIGHBOURS = {
    (down, right): AT_SIDE if down * right == 0 else AT_CORNER
    for down, right in itertools.product((-1, 0, 1), repeat=2)
    if (down, right) != (0, 0)
}


def imputed(pixels: Exact, removed: Marked, tell: Callable[[], None] | None = None) -> Exact:
    """Fill the removed pixels (H, W) of a picture (3, H, W): each becomes the weighted mean of its eight neighbours.

    Neighbours may be removed, too, so it is one sparse system of linear equations for all of them, solved directly; at
    the edge there are fewer neighbours, and their weights count accordingly more. One pixel must be left at least
    (Rong et al., 2022, arXiv:2202.00449). tell: called several times a second meanwhile; what it raises ends the wait.
    """
    if not removed.any():
        return pixels
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
    filled = pixels.copy()
    filled[:, removed] = _waited_for(lambda: _solved(system, from_known[:, removed].T), tell).T
    return filled


def _solved(system: Any, wanted: Exact) -> Exact:
    # Symmetric, and each row's diagonal is no less than the rest of it: no pivoting is needed.
    solver = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
    solution: Exact = solver.solve(wanted)
    return solution


def _waited_for(work: Callable[[], Exact], tell: Callable[[], None] | None) -> Exact:
    """Do a job of one long call, which lets go of the interpreter, in a thread beside this one, and tell meanwhile."""
    if tell is None:
        return work()
    pool = ThreadPoolExecutor(1)
    try:
        job = pool.submit(work)
        while not wait([job], OFTEN).done:
            tell()
        return job.result()
    finally:
        # Whoever stops does not wait for a result that nobody wants.
        pool.shutdown(wait=False)


def _overlap(side: int, shift: int) -> slice:
    """The places along an axis whose neighbour, so far away, lies inside."""
    return slice(max(0, -shift), side - max(0, shift))
