"""A run: what a network says of every picture of a folder, kept as numbered Parquet parts.

    pictures = sources.read(folder, read_picture)
    run = evaluate(model, pictures.sources, Path("run.parquet"))
    run.cases.predicted[run.cases.right]

Each part holds a fixed stretch of the pictures and is renamed into place when it is whole. A run that was killed
goes on when it is started again: nothing twice, nothing lost.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import ConvLensError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from explain.parts import Header
    from explain.sources import Source
    from models import LoadedModel

#: How many of the most likely classes are kept of each picture.
KEPT_CLASSES = 5
#: What stands for a class that is not known.
UNKNOWN = -1


class RunError(ConvLensError):
    """A run that is not there, is damaged, or is a run of something else."""


@dataclass(frozen=True, eq=False)
class Case:
    """What a network says of one picture.

    number: its place among the pictures. name: to be shown, never opened. sha256: of the file, "" = not read.
    called: its class as its folder or list calls it. label: its index, None = the network does not know it.
    reason: why there is no answer, "" = fine. predicted: the first guess, -1 without an answer. top and
    probabilities (k,): the most likely classes, at most five, best first. label_probability: of the label. margin:
    the score of the label minus the best other score, of the first guess where there is no label; below zero the
    label is not the first guess. embedding (D,): what goes into the last linear layer, None where there is none.
    """

    number: int
    name: str
    sha256: str
    called: str
    label: int | None
    reason: str
    predicted: int
    top: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    label_probability: float
    margin: float
    embedding: NDArray[np.float16] | None

    @property
    def right(self) -> bool:
        """Whether the first guess is the label."""
        return self.label is not None and self.label == self.predicted


@dataclass(frozen=True, eq=False)
class Cases:
    """All cases of a run as columns, each (N,), named as the fields of `Case`; top and probabilities are (N, k).

    Without a label, label is -1; without an answer, predicted and top are -1 and the figures are not numbers.
    """

    number: NDArray[np.int64]
    name: NDArray[np.object_]
    sha256: NDArray[np.object_]
    called: NDArray[np.object_]
    label: NDArray[np.int32]
    reason: NDArray[np.object_]
    predicted: NDArray[np.int32]
    top: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    label_probability: NDArray[np.float32]
    margin: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.number)

    @cached_property
    def fine(self) -> NDArray[np.bool_]:
        """Which pictures have an answer."""
        return np.asarray(self.predicted != UNKNOWN)

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Which pictures have an answer and a label, so that the answer is right or wrong."""
        return np.asarray(self.fine & (self.label != UNKNOWN))

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which pictures are named right."""
        return np.asarray(self.counted & (self.label == self.predicted))

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Which pictures are named wrong."""
        return np.asarray(self.counted & (self.label != self.predicted))

    @property
    def confidence(self) -> NDArray[np.float32]:
        """How sure the network is of its first guess, 0..1."""
        return self.probabilities[:, 0]


@dataclass(frozen=True, eq=False)
class Run:
    """What a network says of many pictures, as far as it has come. folder: where its parts lie."""

    folder: Path
    header: Header
    cases: Cases

    @property
    def model(self) -> str:
        """The network's key."""
        return self.header.model

    @property
    def weights(self) -> str:
        """The identity of the network's weights."""
        return self.header.weights

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by index."""
        return self.header.classes

    @cached_property
    def identity(self) -> str:
        """What tells this run, as far as it has come, from any other: network, weights, pictures and answers."""
        held = (self.model, self.weights, self.header.checksum, self.cases.number.tolist(), self.cases.sha256.tolist())
        return hashlib.sha256(json.dumps(held).encode()).hexdigest()

    @property
    def total(self) -> int:
        """How many pictures there are to go over."""
        return self.header.pictures

    @property
    def finished(self) -> bool:
        """Whether every picture has been gone over."""
        return len(self.cases) == self.total

    @cached_property
    def embeddings(self) -> NDArray[np.float16] | None:
        """What goes into the last linear layer, (N, D); not numbers without an answer, None for other networks.

        Read from the parts when it is first asked for.
        """
        from explain.parts import read_embeddings

        return read_embeddings(self.folder, self.cases)

    def case(self, row: int) -> Case:
        """Return one picture of the run, by its row in `cases`."""
        plain: dict[str, Any] = {name: column[row] for name, column in vars(self.cases).items() if name in _FIELDS}
        label = int(plain["label"])
        plain["label"] = None if label == UNKNOWN else label
        fine = bool(self.cases.fine[row])
        every = self.embeddings if fine else None
        for name in ("top", "probabilities"):
            plain[name] = plain[name] if fine else plain[name][:0]
        for name in ("number", "predicted"):
            plain[name] = int(plain[name])
        for name in ("label_probability", "margin"):
            plain[name] = float(plain[name])
        return Case(**plain, embedding=None if every is None else every[row])


_FIELDS = frozenset(Cases.__dataclass_fields__)


def read_run(path: Path) -> Run:
    """Read a run as far as it has come; one that is damaged or not there is refused."""
    from explain.parts import read_parts

    header, cases = read_parts(path)
    return Run(path, header, cases)


def evaluate(model: LoadedModel, pictures: Sequence[Source], out: Path, batch: int | None = None) -> Run:
    """Ask a network about every picture and keep the answers in the folder `out`, or go on where this was left.

    batch: how many pictures at once, None = what suits the device and the size of the pictures. Reports its
    progress in pictures, and stops between two batches. A picture that cannot be read becomes a case with the
    reason. A run of something else in `out` is refused.
    """
    from explain.evaluating import go_over

    go_over(model, pictures, out, batch)
    return read_run(out)
