"""Training a small network on digits, step by step: paused, gone on with and repeated exactly by its seed."""

from __future__ import annotations

import math
import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from explain.teaching.digit_network import CLASSES, DigitNetwork, build
from explain.teaching.digits import digits, forward, weights
from explain.teaching.first_weights import first_weights
from explain.teaching.optimisers import KINDS
from explain.teaching.training_record import Epoch, Record, Score, Settings
from models.progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.teaching.digits import Part

#: Seconds of work after which a training ends, whatever its settings.
LIMIT = 120.0
#: What random numbers are drawn for, so that a change of one setting leaves the other draws as they were.
PICTURES, LABELS, WEIGHTS, ORDER, SHIFTS, DROPOUT = range(6)


@cache
def watched() -> tuple[int, ...]:
    """Return places in the validation part: one picture of each digit, then the ten hardest for the shipped network."""
    part = digits().validation
    usual = [int(np.flatnonzero(part.labels == digit)[0]) for digit in range(CLASSES)]
    sure = forward(weights(), part.inputs)["probabilities"][np.arange(len(part.labels)), part.labels]
    hard = [int(place) for place in sure.argsort(kind="stable") if place not in usual]
    return (*usual, *hard[:CLASSES])


class Trainer:
    """A training under way. The same settings give the same numbers, however it is cut into steps.

    network: what is trained; nobody else may change it.
    """

    def __init__(self, settings: Settings) -> None:
        import torch

        self.settings = settings
        part, rng = digits().training, self._random(PICTURES)
        chosen = rng.permutation(len(part.labels))[: settings.pictures]
        self._pixels = torch.from_numpy(part.inputs[chosen])
        self._labels = torch.from_numpy(self._noisy(part.labels[chosen]))
        self._validation = _tensors(digits().validation)
        self._watched = self._validation[0][list(watched())]
        self.network = build(DigitNetwork(batch_norm=settings.batch_norm))
        drawn = {name: torch.from_numpy(values) for name, values in start(settings).items()}
        self.network.load_state_dict(drawn, strict=False)
        self._layers = [name for name, values in self.network.named_parameters() if values.ndim > 1]
        self._weights = list(self.network.parameters())
        self._body, self._last = self.network[:-1], self.network[-1]
        self._optimiser = KINDS[settings.optimiser]()
        self._order = self._random(ORDER)
        self._shifts, self._dropping = self._random(SHIFTS), self._random(DROPOUT)
        self._left: list[NDArray[np.int64]] = []
        self._lengths: list[list[float]] = []
        self._batches: list[float] = []
        self._ended: str | None = None
        self._kept: int | None = None
        self._best: dict[str, Tensor] = {}
        self.seconds = 0.0
        self._epochs: list[Epoch] = []
        self._measure()

    @property
    def record(self) -> Record:
        """What is known so far."""
        return Record(self.settings, tuple(self._epochs), tuple(self._batches), self._ended, self._kept)

    @property
    def ended(self) -> bool:
        """Tell whether there is nothing left to do."""
        return self._ended is not None

    @property
    def between_epochs(self) -> bool:
        """Tell whether no epoch is under way."""
        return not self._left

    @property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy the weights and biases as they are now, by the names that torch gives them."""
        return {name: values.detach().numpy().copy() for name, values in self.network.named_parameters()}

    @property
    def share(self) -> float:
        """Say how much of the training is done, from 0 to 1."""
        return len(self._batches) / (self.settings.epochs * self.settings.steps_per_epoch)

    @property
    def rate(self) -> float:
        """Return the learning rate of the next step, as the schedule has it."""
        settings = self.settings
        share = self.share
        if settings.schedule == "cosine":
            return settings.learning_rate * (1 + math.cos(math.pi * share)) / 2
        if settings.schedule == "step":
            return settings.learning_rate * 0.1 ** ((share >= 0.5) + (share >= 0.75))
        return settings.learning_rate

    def step(self) -> None:
        """Train on one batch; after the last of an epoch, measure. Nothing happens once the training has ended."""
        if self.ended:
            return
        began = time.perf_counter()
        if not self._left:
            order = self._order.permutation(len(self._labels))
            size, count = self.settings.batch_size, self.settings.steps_per_epoch
            self._left = np.split(order, range(size, size * count, size))
        self._train(self._left.pop(0))
        if not self._left and not self.ended:
            self._measure()
            self._end()
        self.seconds += time.perf_counter() - began
        if self.seconds > LIMIT and not self.ended:
            self._ended = "time"

    def epoch(self) -> None:
        """Train to the end of the epoch that is under way, or of the next."""
        self.step()
        while not self.ended and not self.between_epochs:
            self.step()

    def _random(self, purpose: int) -> np.random.Generator:
        return _random(self.settings, purpose)

    def _noisy(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Replace a share of the labels by others, which are wrong."""
        rng = self._random(LABELS)
        wrong = rng.permutation(len(labels))[: round(self.settings.label_noise * len(labels))]
        noisy = labels.copy()
        noisy[wrong] = (noisy[wrong] + rng.integers(1, CLASSES, len(wrong))) % CLASSES
        return noisy

    def _train(self, chosen: NDArray[np.int64]) -> None:
        """Take one step: forward, loss, gradients, and the optimiser's change of the weights."""
        import torch

        self.network.train()
        rate = self.rate
        scores = self._scores(self._shifted(self._pixels[chosen]))
        loss = loss_of(self.settings.loss, scores, self._labels[chosen])
        value = loss.item()
        self._batches.append(value)
        if not math.isfinite(value):
            self._ended = "diverged"
            return
        gradients = [gradient.detach() for gradient in torch.autograd.grad(loss, self._weights)]
        with torch.no_grad():
            self._lengths.append([g.norm().item() for g, w in zip(gradients, self._weights, strict=True) if w.ndim > 1])
            for place, weight in enumerate(self._weights):
                if weight.ndim > 1 and (self.settings.l1 or self.settings.l2):
                    gradients[place] = gradients[place] + self.settings.l2 * weight + self.settings.l1 * weight.sign()
            for weight, step in zip(self._weights, self._optimiser.steps(gradients, rate), strict=True):
                weight.sub_(step)

    def _measure(self) -> None:
        """Measure the network as it is now, on all that it may learn from and on the validation pictures."""
        import torch

        self.network.eval()
        training, validation = ((self._pixels, self._labels), self._validation)
        lengths = np.mean(self._lengths, 0) if self._lengths else np.zeros(len(self._layers))
        self._lengths = []
        with torch.no_grad():
            self._epochs.append(
                Epoch(
                    len(self._epochs),
                    self._score(*training),
                    self._score(*validation),
                    {name.removesuffix(".weight"): float(n) for name, n in zip(self._layers, lengths, strict=True)},
                    self._weights[0][:, 0].detach().numpy().copy(),
                    self.network(self._watched).softmax(1).numpy(),
                )
            )

    def _score(self, pixels: Tensor, labels: Tensor) -> Score:
        scores = self.network(pixels)
        right = (scores.argmax(1) == labels).float().mean().item()
        return Score(loss_of(self.settings.loss, scores, labels).item(), right)

    def _end(self) -> None:
        """See whether this epoch was the last, and bring the best weights back if training is stopped early."""
        record, patience = self.record, self.settings.patience
        best, last = record.best.number, len(self._epochs) - 1
        if not math.isfinite(self._epochs[-1].training.loss):
            self._ended = "diverged"
        elif last >= self.settings.epochs:
            self._ended = "epochs"
        if not patience:
            return
        if best == last:
            self._best = {name: values.clone() for name, values in self.network.state_dict().items()}
        elif self._ended is None and last - best >= patience:
            self._ended = "stopped early"
        if self.ended and self._best and best != last:
            self.network.load_state_dict(self._best)
            self._kept = best

    def _scores(self, pixels: Tensor) -> Tensor:
        """Run the network as in training: with dropout before its last layer."""
        import torch

        hidden, share = self._body(pixels), self.settings.dropout
        if share:
            mask = self._dropping.random(tuple(hidden.shape), dtype=np.float32) >= share
            hidden = hidden * torch.from_numpy(mask) / (1 - share)
        scores: Tensor = self._last(hidden)
        return scores

    def _shifted(self, pixels: Tensor) -> Tensor:
        """Move each picture by its own whole number of pixels; black comes in at the edge."""
        import torch
        from torch.nn.functional import pad

        most = self.settings.shift
        if not most:
            return pixels
        down, right = torch.from_numpy(self._shifts.integers(0, 2 * most + 1, (2, len(pixels))))
        side = torch.arange(pixels.shape[-1])
        rows, columns = down[:, None] + side, right[:, None] + side
        every = torch.arange(len(pixels))[:, None, None]
        return pad(pixels, (most,) * 4)[:, 0][every, rows[:, :, None], columns[:, None, :]][:, None]


def start(settings: Settings) -> dict[str, NDArray[np.float32]]:
    """Draw the weights with which a training with these settings begins, by the names that torch gives them."""
    return first_weights(settings, _random(settings, WEIGHTS))


def untrained(settings: Settings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the filters (C, k, k) and the probabilities (N, 10) of the watched pictures before the first step.

    Without torch; batch norm, which changes nothing yet, is left out.
    """
    drawn = start(settings)
    pictures = digits().validation.inputs[list(watched())]
    return drawn["conv1.weight"][:, 0], forward(drawn, pictures)["probabilities"]


def loss_of(kind: str, scores: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss of scores (N, 10): cross-entropy, or the squared error of the ten probabilities."""
    from torch.nn.functional import cross_entropy, one_hot

    if kind == "squared":
        return (scores.softmax(1) - one_hot(labels, CLASSES)).square().sum(1).mean()
    return cross_entropy(scores, labels)


def train(settings: Settings) -> Trainer:
    """Train to the end; a listener hears of each epoch."""
    trainer = Trainer(settings)
    for _ in track(range(settings.epochs), settings.epochs):
        trainer.epoch()
    return trainer


def _random(settings: Settings, purpose: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, purpose])


def _tensors(part: Part) -> tuple[Tensor, Tensor]:
    import torch

    return torch.from_numpy(part.inputs), torch.from_numpy(part.labels)
