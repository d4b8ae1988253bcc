"""Runs made by hand or by chance, for tests of what is counted in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from explain.runs import UNKNOWN, Cases


def cases(
    labels: Sequence[int | None],
    probabilities: NDArray[np.float32] | Sequence[Sequence[float] | None],
    names: Sequence[str] = (),
    kept: int = 5,
) -> Cases:
    """Make the cases of a run from a label (or None) and the probabilities of all classes (or None) of each."""
    count = len(labels)
    kept = min([kept, *(len(row) for row in probabilities if row is not None)])
    top = np.full((count, kept), UNKNOWN, np.int32)
    best = np.full((count, kept), np.nan, np.float32)
    given, margin = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32)
    for row, (label, shares) in enumerate(zip(labels, probabilities, strict=True)):
        if shares is None:
            continue
        every = np.asarray(shares, np.float32)
        top[row] = np.argsort(-every, kind="stable")[:kept]
        best[row] = every[top[row]]
        named = int(top[row, 0]) if label is None else label
        margin[row] = math.log(every[named]) - math.log(np.delete(every, named).max(initial=1e-9))
        if label is not None:
            given[row] = every[label]
    words = list(names) or [f"{row}.png" for row in range(count)]
    reasons = ["broken" if shares is None else "" for shares in probabilities]
    return Cases(
        number=np.arange(count),
        name=np.array(words, object),
        sha256=np.array([""] * count, object),
        called=np.array(["" if label is None else f"class {label}" for label in labels], object),
        label=np.array([UNKNOWN if label is None else label for label in labels], np.int32),
        reason=np.array(reasons, object),
        predicted=top[:, 0] if count else np.empty(0, np.int32),
        top=top,
        probabilities=best,
        label_probability=given,
        margin=margin,
    )


EMPTY = cases([], [])
UNLABELLED = cases([None, None], [[0.7, 0.3], [0.2, 0.8]])
BROKEN = cases([0, None], [None, None])
#: Right and surely so; wrong; no label; cannot be read; wrong, and not even among the first two.
MIXED = cases(
    [0, 0, None, 1, 2],
    [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.5, 0.4, 0.1], None, [0.9, 0.08, 0.02]],
    ["10.png", "9.png", "B.png", "a.png", "c.png"],
    kept=2,
)
