"""Neighbours: which pictures of a run a network takes for alike, by what goes into its last layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.errors import ParameterError, UnsuitableError
from models.progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.runs import Run

#: Rows that are compared in one step, between which the work can be stopped.
ROWS = 4096


@dataclass(frozen=True)
class Near:
    """A picture near another: its row in the run's cases, and the cosine of the two embeddings, -1..1."""

    row: int
    similarity: float


@dataclass(frozen=True)
class Neighbours:
    """The pictures of a run nearest to one of them, itself left out, the nearest first.

    right, wrong: among the pictures named right, and among those named wrong. nearest: among both together; of them,
    `same_label` have the label of the picture itself (None where it has none), and `same_guess` have as their label
    the class that the network said of it.
    """

    right: tuple[Near, ...]
    wrong: tuple[Near, ...]
    nearest: tuple[Near, ...]
    same_label: int | None
    same_guess: int


def neighbours(run: Run, row: int, count: int = 6) -> Neighbours:
    """Find the pictures of a run that are nearest to one of them in the network's embedding, `count` of each kind.

    Only pictures with an answer and a label are looked at. Of equally near ones the earlier stands first.
    """
    cases = run.cases
    if not 0 <= row < len(cases):
        raise ParameterError(f"The run has the rows 0 to {len(cases) - 1}, not {row!r}.")
    if count < 1:
        raise ParameterError(f"Wanted at least one neighbour, not {count!r}.")
    if not cases.fine[row]:
        raise UnsuitableError("There is no answer for this picture, so nothing to compare with others.")
    if run.embeddings is None:
        raise UnsuitableError("This network does not end in a linear layer, so there is no embedding to compare.")
    similarity = _cosines(run.embeddings, row)
    others = cases.counted & (np.arange(len(cases)) != row)
    nearest = _nearest(similarity, others, count)
    labels = [int(cases.label[near.row]) for near in nearest]
    return Neighbours(
        right=_nearest(similarity, others & cases.right, count),
        wrong=_nearest(similarity, others & cases.wrong, count),
        nearest=nearest,
        same_label=labels.count(int(cases.label[row])) if cases.counted[row] else None,
        same_guess=labels.count(int(cases.predicted[row])),
    )


def _cosines(embeddings: NDArray[np.float16], row: int) -> NDArray[np.float32]:
    """Return the cosine of each embedding with that of one row, (N,); 0 where one of the two is all zeros."""
    own = embeddings[row].astype(np.float32)
    found = np.empty(len(embeddings), np.float32)
    for start in track(range(0, len(embeddings), ROWS), -(-len(embeddings) // ROWS)):
        # A part at a time: as float32 all of them may take gigabytes.
        part = embeddings[start : start + ROWS].astype(np.float32)
        lengths = np.linalg.norm(part, axis=1) * np.linalg.norm(own)
        found[start : start + ROWS] = np.divide(part @ own, lengths, out=np.zeros_like(lengths), where=lengths != 0)
    return found.clip(-1, 1)


def _nearest(similarity: NDArray[np.float32], among: NDArray[np.bool_], count: int) -> tuple[Near, ...]:
    rows = np.flatnonzero(among)
    first = rows[np.argsort(-similarity[rows], kind="stable")[:count]]
    return tuple(Near(int(row), float(similarity[row])) for row in first)
