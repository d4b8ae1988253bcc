"""One digit on its way through the small network: what each stage gives, and from which numbers each unit comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from explain.steps import Activation, Combination, Part, Pooling, Step, WeightedSum
from explain.teaching.digits import STAGES, forward, inputs
from models.errors import LayerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.teaching.digits import Floats, Grey

#: What each stage is called, and what it does with the stage before.
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "picture": "Picture",
        "conv1": "First convolution",
        "activation1": "ReLU",
        "pool1": "Max pooling",
        "conv2": "Second convolution",
        "activation2": "ReLU",
        "pool2": "Max pooling",
        "flatten": "In a row",
        "hidden1": "Hidden units",
        "hidden_activation1": "ReLU",
        "scores": "Scores",
        "probabilities": "Probabilities",
    }
)
#: What a sentence calls each stage.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "picture": "the digit",
        "conv1": "the first convolution",
        "activation1": "the first ReLU",
        "pool1": "the first pooling",
        "conv2": "the second convolution",
        "activation2": "the second ReLU",
        "pool2": "the second pooling",
        "flatten": "the row",
        "hidden1": "the hidden units",
        "hidden_activation1": "the ReLU of the hidden units",
        "scores": "the scores",
        "probabilities": "the probabilities",
    }
)


@dataclass(frozen=True)
class Unit:
    """One value of one stage; a stage without places has rows and columns of one."""

    stage: str
    channel: int
    row: int = 0
    column: int = 0


@dataclass(frozen=True, eq=False)
class Run:
    """A picture (8, 8) of counts from 0 to 16, run through the network with these weights."""

    weights: Mapping[str, Floats]
    pixels: Grey

    @cached_property
    def stages(self) -> Mapping[str, Floats]:
        """What each of STAGES gives: (channels, rows, columns)."""
        found = forward(self.weights, inputs(self.pixels[None]))
        return MappingProxyType({name: values[0].reshape(_shape(values[0])) for name, values in found.items()})

    @property
    def scores(self) -> Floats:
        """The ten scores."""
        return self.stages["scores"][:, 0, 0]

    @property
    def probabilities(self) -> Floats:
        """The ten probabilities."""
        return self.stages["probabilities"][:, 0, 0]

    @property
    def answer(self) -> int:
        """The digit that the network names."""
        return int(self.scores.argmax())

    def value(self, unit: Unit) -> float:
        """Return one value."""
        self._check(unit)
        return float(self.stages[unit.stage][unit.channel, unit.row, unit.column])

    def has(self, unit: Unit) -> bool:
        """Tell whether there is such a unit."""
        shape = self.stages[unit.stage].shape if unit.stage in STAGES else (0, 0, 0)
        places = (unit.channel, unit.row, unit.column)
        return all(0 <= place < count for place, count in zip(places, shape, strict=True))

    def step(self, unit: Unit) -> Step | None:
        """Return the numbers that a unit comes from; None for a pixel, and a probability, which needs all scores."""
        self._check(unit)
        kind = unit.stage.rstrip("12")
        if kind == "conv":
            return self._convolution(unit)
        if kind == "pool":
            return self._pooling(unit)
        if kind in ("activation", "hidden_activation"):
            return self._activation(unit)
        if kind in ("hidden", "scores"):
            return self._sum(unit)
        return self._moved(unit) if kind == "flatten" else None

    def _check(self, unit: Unit) -> None:
        if not self.has(unit):
            place = f"channel {unit.channel}, row {unit.row}, column {unit.column}"
            raise LayerError(f"The network for digits has no unit {unit.stage!r}, {place}.")

    def _read(self, unit: Unit) -> tuple[str, Floats]:
        """Return the stage before, as the page calls it, and what it gave."""
        before = STAGES[STAGES.index(unit.stage) - 1]
        return NAMES[before], self.stages[before]

    def _convolution(self, unit: Unit) -> WeightedSum:
        source, read = self._read(unit)
        kernel = self.weights[f"{unit.stage}.weight"][unit.channel]
        edge = kernel.shape[-1] // 2
        rows, columns = (np.arange(place - edge, place + edge + 1) for place in (unit.row, unit.column))
        padded = np.pad(read, ((0, 0), (edge, edge), (edge, edge)))
        return WeightedSum(
            layer=unit.stage,
            kind="Conv2d",
            source=source,
            output=self.value(unit),
            patch=padded[:, unit.row : unit.row + 2 * edge + 1, unit.column : unit.column + 2 * edge + 1],
            kernel=kernel,
            bias=float(self.weights[f"{unit.stage}.bias"][unit.channel]),
            channels=np.arange(len(read)),
            rows=rows,
            columns=columns,
            padded=_beyond(rows, read.shape[1])[:, None] | _beyond(columns, read.shape[2])[None],
        )

    def _sum(self, unit: Unit) -> WeightedSum:
        source, read = self._read(unit)
        return WeightedSum(
            layer=unit.stage,
            kind="Linear",
            source=source,
            output=self.value(unit),
            patch=read,
            kernel=self.weights[f"{unit.stage}.weight"][unit.channel][:, None, None],
            bias=float(self.weights[f"{unit.stage}.bias"][unit.channel]),
            channels=np.arange(len(read)),
            rows=np.zeros(1, np.int64),
            columns=np.zeros(1, np.int64),
            padded=np.zeros((1, 1), bool),
        )

    def _pooling(self, unit: Unit) -> Pooling:
        source, read = self._read(unit)
        rows, columns = (np.arange(2 * place, 2 * place + 2) for place in (unit.row, unit.column))
        return Pooling(
            layer=unit.stage,
            kind="MaxPool2d",
            source=source,
            output=self.value(unit),
            way="largest",
            patch=read[unit.channel][np.ix_(rows, columns)],
            padded=np.zeros((2, 2), bool),
            rows=rows,
            columns=columns,
            divisor=4,
        )

    def _activation(self, unit: Unit) -> Activation:
        source, read = self._read(unit)
        value = float(read[unit.channel, unit.row, unit.column])
        return Activation(
            layer=unit.stage, kind="ReLU", source=source, output=self.value(unit), value=value, function="relu"
        )

    def _moved(self, unit: Unit) -> Combination:
        source, read = self._read(unit)
        channel, row, column = np.unravel_index(unit.channel, read.shape)
        part = Part(source, f"map {channel}, row {row}, column {column}", float(read[channel, row, column]))
        return Combination(
            layer=unit.stage, kind="Flatten", source=source, output=self.value(unit), way="move", parts=(part,)
        )


def _shape(values: Floats) -> tuple[int, ...]:
    return values.shape if values.ndim == 3 else (len(values), 1, 1)


def _beyond(places: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    outside: NDArray[np.bool_] = (places < 0) | (places >= count)
    return outside
