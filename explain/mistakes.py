"""What a run got wrong: which pictures, how often, which classes for which, and whether its confidence can be trusted.

    run = read_run(Path("run.parquet"))
    summarise(run.cases).accuracy
    worst_pairs(confuse(run.cases))
    [run.case(row) for row in rows(run.cases, Filter(show="wrong"), "surest")]

Only pictures with an answer and a label are counted as right or wrong; the others are named beside them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.runs import Cases

Show = Literal["all", "wrong", "right", "unlabelled", "unreadable"]
AmongFive = Literal["any", "in", "out"]
#: The orders of `rows`, and what they are called on the page.
ORDERS = {
    "surest": "Most sure first",
    "unsure": "Least sure first",
    "margin": "Furthest from right first",
    "name": "By name",
}
#: The quantile of the normal distribution within which 95 % of it lie.
WITHIN_95 = 1.959964


@dataclass(frozen=True)
class Filter:
    """Which pictures of a run are looked at.

    true and predicted: the index of a class, None = any. show: with which outcome; "unlabelled" have an answer and
    no label, "unreadable" have no answer. low and high: how sure the network is of its first guess, 0..1, both
    included; a picture without an answer only passes where neither bounds. top5: whether the label is among the five
    most likely classes; "in" and "out" take only pictures with a label and an answer.
    """

    true: int | None = None
    predicted: int | None = None
    show: Show = "wrong"
    low: float = 0.0
    high: float = 1.0
    top5: AmongFive = "any"

    def __post_init__(self) -> None:
        if self.show not in get_args(Show):
            raise ParameterError(f"Wanted one of {', '.join(get_args(Show))} to show, not {self.show!r}.")
        if self.top5 not in get_args(AmongFive):
            raise ParameterError(f"Wanted one of {', '.join(get_args(AmongFive))} of the top five, not {self.top5!r}.")
        if not 0 <= self.low <= self.high <= 1:
            raise ParameterError(f"Wanted a stretch of probabilities from 0 to 1, not {self.low:g} to {self.high:g}.")


@dataclass(frozen=True)
class Summary:
    """How a run went, in counts, and in shares of 0..1.

    pictures = unreadable (no answer) + unlabelled (an answer, no label) + counted (both). right and top5: of the
    counted, those whose first guess, or one of the five first, is the label. interval: of the accuracy, 95 %
    (Wilson, 1927). confidence: the mean, of all that have an answer. What nothing can be said of is None.
    """

    pictures: int
    unreadable: int
    unlabelled: int
    counted: int
    right: int
    accuracy: float | None
    top5: int
    top5_accuracy: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    calibration_error: float | None


@dataclass(frozen=True, eq=False)
class Calibration:
    """How often the network is right when it is as sure as it says, in bins of equal width.

    edges (bins + 1,): from 0 to 1. count (bins,): pictures with a label in each. confidence and accuracy (bins,):
    their means, not numbers where there are none. error: the expected calibration error, the mean gap between the
    two weighted by count (Guo et al., 2017, arXiv:1706.04599), None without any.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float | None


@dataclass(frozen=True, eq=False)
class Confusion:
    """Which class was taken for which.

    labels (k,): the indices of the classes that occur as a label or as a guess, ascending. matrix (k, k): pictures,
    by row of the true class and column of the first guess.
    """

    labels: NDArray[np.int64]
    matrix: NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """A class that was taken for another: in `count` pictures, `of` those of the true class."""

    true: int
    predicted: int
    count: int
    of: int


@dataclass(frozen=True)
class ByClass:
    """How a run went for one class, by its index.

    count: its pictures. guessed: how often it was the first guess. right: how often both. accuracy (also called
    recall): right of count. precision: right of guessed. confidence: the mean first guess on its pictures. A share
    of nothing is None.
    """

    index: int
    count: int
    guessed: int
    right: int
    accuracy: float | None
    confidence: float | None
    precision: float | None


def rows(cases: Cases, filter: Filter, order: str = "surest") -> NDArray[np.int64]:
    """List the rows of the pictures that pass the filter, in one of ORDERS; equal ones in the order of the run.

    By "margin", pictures without a label come last; by "surest" and "unsure", those without an answer.
    """
    found = np.flatnonzero(_passing(cases, filter))
    if order == "name":
        names = [_natural(name) for name in cases.name[found]]
        return found[np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)]
    keys = {"surest": -cases.confidence, "unsure": cases.confidence}
    keys["margin"] = np.where(cases.counted, cases.margin, np.float32(np.inf))
    if order not in keys:
        raise ParameterError(f"Wanted one of {', '.join(ORDERS)} as the order, not {order!r}.")
    return found[np.argsort(keys[order][found], kind="stable")]


def _passing(cases: Cases, filter: Filter) -> NDArray[np.bool_]:
    masks = {
        "all": np.ones(len(cases), bool),
        "wrong": cases.wrong,
        "right": cases.right,
        "unlabelled": cases.fine & ~cases.counted,
        "unreadable": ~cases.fine,
    }
    passing = masks[filter.show].copy()
    if filter.true is not None:
        passing &= cases.label == filter.true
    if filter.predicted is not None:
        passing &= cases.predicted == filter.predicted
    # What is not a number is neither above nor below, so it passes only where nothing is asked.
    if filter.low > 0:
        passing &= cases.confidence >= np.float32(filter.low)
    if filter.high < 1:
        passing &= cases.confidence <= np.float32(filter.high)
    if filter.top5 != "any":
        passing &= cases.counted & (_among_five(cases) == (filter.top5 == "in"))
    return passing


def _among_five(cases: Cases) -> NDArray[np.bool_]:
    """Tell for each picture whether its label is among the most likely classes."""
    return np.asarray(cases.counted & (cases.top == cases.label[:, None]).any(axis=1))


def _natural(name: str) -> str:
    """Fill up numbers with zeros and write all letters small, so that names sort as a person would sort them."""
    return re.sub(r"[0-9]+", lambda number: number[0].zfill(20), name.casefold())


def summarise(cases: Cases) -> Summary:
    """Count how a run went."""
    counted, right, top5 = int(cases.counted.sum()), int(cases.right.sum()), int(_among_five(cases).sum())
    answers = int(cases.fine.sum())
    return Summary(
        pictures=len(cases),
        unreadable=len(cases) - answers,
        unlabelled=answers - counted,
        counted=counted,
        right=right,
        accuracy=_share(right, counted),
        top5=top5,
        top5_accuracy=_share(top5, counted),
        interval=_wilson(right, counted),
        confidence=_share(float(cases.confidence[cases.fine].sum(dtype=np.float64)), answers),
        calibration_error=calibrate(cases).error,
    )


def _share(part: float, of: int) -> float | None:
    return part / of if of else None


def _wilson(right: int, count: int) -> tuple[float, float] | None:
    """Find the shares from which a count like this is not surprising; unlike p +- 2 s it stays within 0..1."""
    if not count:
        return None
    share, z = right / count, WITHIN_95
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def calibrate(cases: Cases, bins: int = 15) -> Calibration:
    """Compare how sure the network is with how often it is right, over the pictures with a label."""
    if bins < 1:
        raise ParameterError(f"Wanted at least one bin, not {bins}.")
    sure, right = cases.confidence[cases.counted], cases.right[cases.counted]
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(place, weights=sure, minlength=bins) / count
        accuracy = np.bincount(place, weights=right, minlength=bins) / count
    error = float(np.nansum(count * np.abs(confidence - accuracy))) / len(sure) if len(sure) else None
    return Calibration(np.linspace(0, 1, bins + 1), count, confidence, accuracy, error)


def confuse(cases: Cases) -> Confusion:
    """Count which class was taken for which, over the pictures with a label."""
    true, predicted = cases.label[cases.counted], cases.predicted[cases.counted]
    labels, places = np.unique(np.concatenate([true, predicted]).astype(np.int64), return_inverse=True)
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(matrix, (places[: len(true)], places[len(true) :]), 1)
    return Confusion(labels, matrix)


def worst_pairs(confusion: Confusion, count: int = 10) -> tuple[Pair, ...]:
    """List the most frequent mistakes; of equally frequent ones, first those with the larger share of their class."""
    matrix, labels, of = confusion.matrix, confusion.labels, confusion.matrix.sum(axis=1)
    true, predicted = np.nonzero(matrix * ~np.eye(len(matrix), dtype=bool))
    times = matrix[true, predicted]
    best = np.lexsort((of[true], -times))[:count]
    return tuple(
        Pair(int(labels[row]), int(labels[column]), int(matrix[row, column]), int(of[row]))
        for row, column in zip(true[best], predicted[best], strict=True)
    )


def by_class(cases: Cases) -> tuple[ByClass, ...]:
    """Count how a run went for each class that occurs as a label or as a guess, by index."""
    confusion = confuse(cases)
    count, guessed = confusion.matrix.sum(axis=1), confusion.matrix.sum(axis=0)
    place = np.searchsorted(confusion.labels, cases.label[cases.counted])
    sure = np.bincount(place, weights=cases.confidence[cases.counted], minlength=len(count))
    return tuple(
        ByClass(
            index=int(index),
            count=int(count[row]),
            guessed=int(guessed[row]),
            right=int(confusion.matrix[row, row]),
            accuracy=_share(int(confusion.matrix[row, row]), int(count[row])),
            confidence=_share(float(sure[row]), int(count[row])),
            precision=_share(int(confusion.matrix[row, row]), int(guessed[row])),
        )
        for row, index in enumerate(confusion.labels)
    )
