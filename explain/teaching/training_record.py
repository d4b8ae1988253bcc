"""What is known of a training: its settings, and what was measured after each epoch. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from models.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPTIMISERS: Mapping[str, str] = MappingProxyType(
    {"sgd": "SGD", "momentum": "Momentum", "rmsprop": "RMSprop", "adam": "Adam"}
)
SCHEDULES: Mapping[str, str] = MappingProxyType({"constant": "Constant", "step": "Steps", "cosine": "Cosine"})
INITIALISATIONS: Mapping[str, str] = MappingProxyType(
    {"zeros": "All zero", "naive": "Naive", "xavier": "Xavier", "he": "He"}
)
LOSSES: Mapping[str, str] = MappingProxyType({"cross_entropy": "Cross-entropy", "squared": "Squared error"})
#: Pictures in the training part of the digits, and how long a training may be.
ALL_PICTURES, MOST_EPOCHS = 1077, 200


@dataclass(frozen=True)
class Settings:
    """How a network for digits is trained.

    pictures: how many of the training pictures are used. label_noise: the share of them whose label is replaced by a
    wrong one. shift: each picture is moved by up to so many pixels whenever it is used. patience: the epochs without
    a lower validation loss after which training stops and the best weights come back; 0 never stops early. l1, l2:
    what the loss adds for each weight w: l1 |w| and l2 w² / 2.
    """

    learning_rate: float = 0.05
    batch_size: int = 32
    optimiser: str = "momentum"
    schedule: str = "cosine"
    epochs: int = 20
    pictures: int = ALL_PICTURES
    label_noise: float = 0.0
    shift: int = 0
    dropout: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    batch_norm: bool = False
    patience: int = 0
    initialisation: str = "he"
    loss: str = "cross_entropy"
    seed: int = 0

    def __post_init__(self) -> None:
        for given, known, what in (
            (self.optimiser, OPTIMISERS, "optimiser"),
            (self.schedule, SCHEDULES, "schedule"),
            (self.initialisation, INITIALISATIONS, "initialisation"),
            (self.loss, LOSSES, "loss"),
        ):
            if given not in known:
                raise ParameterError(f"The {what} {given!r} is not known; there are {', '.join(known)}.")
        for number, low, high, what in (
            (self.learning_rate, 1e-6, 100, "learning rate"),
            (self.batch_size, 1, ALL_PICTURES, "batch size"),
            (self.epochs, 1, MOST_EPOCHS, "number of epochs"),
            (self.pictures, 10, ALL_PICTURES, "number of training pictures"),
            (self.label_noise, 0, 1, "share of wrong labels"),
            (self.shift, 0, 3, "shift"),
            (self.dropout, 0, 0.95, "dropout"),
            (self.l1, 0, 1, "factor of L1"),
            (self.l2, 0, 1, "factor of L2"),
            (self.patience, 0, MOST_EPOCHS, "patience"),
        ):
            if not low <= number <= high:
                raise ParameterError(f"The {what} is a number from {low:g} to {high:g}, not {number:g}.")
        if self.batch_norm and self.batch_size == 1:
            raise ParameterError(
                "Batch norm needs at least 2 pictures in a batch, and this one has 1.",
                "Take a larger batch, or switch batch norm off.",
            )
        if self.seed < 0:
            raise ParameterError(f"The seed is a whole number from 0, not {self.seed}.")

    @property
    def steps_per_epoch(self) -> int:
        """Say how many batches go over all pictures once."""
        return max(1, -(-(self.pictures - self.alone) // self.batch_size))

    @property
    def alone(self) -> bool:
        """Tell whether one picture would be left over for the last batch, and goes with the one before it instead."""
        return self.batch_norm and self.pictures % self.batch_size == 1


@dataclass(frozen=True)
class Score:
    """How well a network does on some pictures: its mean loss, and the share it gets right."""

    loss: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class Epoch:
    """What was measured after an epoch; number 0 is before the first step.

    gradients: by layer, the mean length of the gradient of its weights over the epoch's batches. filters: the
    weights of the first convolution (C, k, k). decisions: probabilities (N, 10) of the watched pictures.
    """

    number: int
    training: Score
    validation: Score
    gradients: Mapping[str, float]
    filters: NDArray[np.float32]
    decisions: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Record:
    """A training as far as it has come.

    batches: the loss of each batch, in order. ended: why it is over ("epochs", "stopped early", "diverged", "time"),
    or None. kept: the epoch whose weights the network has now, where that is not the last.
    """

    settings: Settings
    epochs: tuple[Epoch, ...]
    batches: tuple[float, ...]
    ended: str | None = None
    kept: int | None = None

    @property
    def best(self) -> Epoch:
        """Return the epoch with the lowest validation loss."""
        return min(self.epochs, key=lambda epoch: epoch.validation.loss)

    @property
    def final(self) -> Epoch:
        """Return the epoch whose weights the network has."""
        return self.epochs[-1 if self.kept is None else self.kept]
