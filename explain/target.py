"""What is being explained, as a value: a class, its probability, or one class rather than another."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex

from models.errors import TargetError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ClassLogit:
    """The score of one class before softmax; of a network with a single output, class 0 is minus that output."""

    index: int

    def __post_init__(self) -> None:
        _plain(self, "index")

    def __call__(self, logits: Tensor) -> Tensor:
        """Turn logits (N, C) into the asked score (N,)."""
        _check(self.index, logits)
        return _of(logits, self.index)


@dataclass(frozen=True)
class ClassProbability:
    """The softmax probability of one class, in 0..1; mixes in the other classes and saturates near 1."""

    index: int

    def __post_init__(self) -> None:
        _plain(self, "index")

    def __call__(self, logits: Tensor) -> Tensor:
        """Turn logits (N, C) into the asked probability (N,)."""
        _check(self.index, logits)
        return probabilities(logits)[:, self.index]


@dataclass(frozen=True)
class Contrast:
    """Why this class rather than that one: the difference of their scores."""

    index: int
    against: int

    def __post_init__(self) -> None:
        _plain(self, "index")
        _plain(self, "against")
        if self.index == self.against:
            raise TargetError("A class cannot be compared with itself.", "Pick two different classes.")

    def __call__(self, logits: Tensor) -> Tensor:
        """Turn logits (N, C) into the difference of the two scores (N,)."""
        _check(self.index, logits)
        _check(self.against, logits)
        return _of(logits, self.index) - _of(logits, self.against)


Target = ClassLogit | ClassProbability | Contrast


def probabilities(logits: Tensor) -> Tensor:
    """Turn logits (N, C) into probabilities (N, C); a single output (N, 1) becomes two classes (N, 2)."""
    return both(logits).softmax(1)


def confidence(logits: Tensor, target: Target) -> Tensor:
    """Say how sure the network is of the target, (N,) in 0..1: p of the class, or p / (p + q) for a contrast."""
    _check(target.index, logits)
    if isinstance(target, Contrast):
        _check(target.against, logits)
        # The softmax of these two alone is p / (p + q), also where both p and q are too small to be told from 0.
        return both(logits)[:, [target.index, target.against]].softmax(1)[:, 0]
    return probabilities(logits)[:, target.index]


def classes_of(logits: Tensor) -> int:
    """Count the classes that a target may name: the columns of (N, C), or two for a single output."""
    return max(logits.shape[1], 2)


def whole(value: object) -> int | None:
    """Return a whole number as an int, also one of numpy or torch; None for anything else, True and False included."""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _plain(target: Target, field: str) -> None:
    """Turn an index of numpy's or torch's into an int; what is no index is refused when it is used."""
    index = whole(getattr(target, field))
    if index is not None:
        object.__setattr__(target, field, index)


def both(logits: Tensor) -> Tensor:
    """Turn a single output (N, 1) into the scores of two classes (N, 2); leave others as they are."""
    return logits * logits.new_tensor([-0.5, 0.5]) if logits.shape[1] == 1 else logits


def _of(logits: Tensor, index: int) -> Tensor:
    if logits.shape[1] == 1:
        return logits[:, 0] if index == 1 else -logits[:, 0]
    return logits[:, index]


def _check(index: int, logits: Tensor) -> None:
    count = classes_of(logits)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < count:
        raise TargetError(f"There is no class {index!r}: the network knows the classes 0 to {count - 1}.")
