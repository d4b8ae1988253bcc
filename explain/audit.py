"""Which channels of a layer are of no use: dead, nearly dead, or the same as another; and what that would save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from explain.responses import check_channels, responses
from explain.saving import saving, weights_of
from explain.suitability import grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image
    from torch import Tensor

    from explain.saving import Saving
    from models import LoadedModel

#: A channel is nearly dead that is above zero at no more than this share of all places of all pictures.
RARELY = 0.005
#: Channels whose responses correlate at least this much are redundant, unless another limit is asked for.
ALIKE = 0.99
#: Pairs that correlate less are not listed, and no more than so many, the most alike first.
LEAST_ALIKE, MOST_PAIRS = 0.9, 2000
#: Channels above zero at fewer places than this may move together by chance; they are a pair only if their weights
#: are nearly the same, too: a cosine of at least SURE.
MET, SURE = 10, 0.99
#: A channel that moves less than this share of its size is constant: the rest is rounding.
STILL = 1e-6


@dataclass(frozen=True)
class Pair:
    """Two channels that say nearly the same: the correlation of their responses, and the cosine of their weights.

    The correlation is over all places of all pictures. cosine: None where no one layer makes the channels.
    """

    first: int
    second: int
    correlation: float
    cosine: float | None


@dataclass(frozen=True, eq=False)
class Audit:
    """What the channels of a layer do over many pictures.

    highest, lowest (C,): the largest and smallest value. share (C,): of all places of all pictures, where the
    channel is above zero. seen (C,): in how many pictures it is above zero anywhere. pairs: the most alike first.
    saving: what one channel costs, None where that is not known.
    """

    layer: str
    pictures: int
    highest: NDArray[np.float32]
    lowest: NDArray[np.float32]
    share: NDArray[np.float64]
    seen: NDArray[np.int64]
    pairs: tuple[Pair, ...] = ()
    saving: Saving | None = None

    @property
    def channels(self) -> int:
        """How many channels the layer has."""
        return len(self.highest)

    @property
    def signed(self) -> bool:
        """Whether some channel goes below zero, so that to be never above zero does not mean to be silent."""
        return bool((self.lowest < 0).any())

    @property
    def dead(self) -> tuple[int, ...]:
        """The channels that are never above zero."""
        return _numbers(self.highest <= 0)

    @property
    def nearly_dead(self) -> tuple[int, ...]:
        """The channels that are above zero, but hardly anywhere (Hu et al., 2016, arXiv:1607.03250)."""
        return _numbers((self.highest > 0) & (self.share <= RARELY))

    def redundant(self, at_least: float = ALIKE) -> tuple[Pair, ...]:
        """List the pairs whose responses correlate at least so much (not below 0.9), the most alike first."""
        return tuple(pair for pair in self.pairs if pair.correlation >= at_least)

    def spare(self, at_least: float = ALIKE) -> tuple[int, ...]:
        """List the channels that could go: the dead, and of channels that say the same all but the first.

        A channel goes only if it is alike enough to one that stays.
        """
        gone = set(self.dead)
        for pair in sorted(self.redundant(at_least), key=lambda pair: (pair.first, pair.second)):
            if pair.first not in gone:
                gone.add(pair.second)
        return tuple(sorted(gone))


def audit(model: LoadedModel, layer: str, pictures: Sequence[Image.Image | Tensor]) -> Audit:
    """Go over pictures and judge every channel of a layer.

    pictures: PIL pictures, or pixels (1, 3, H, W) in [0, 1]; each is read when its turn comes. While it runs,
    the partial result is an audit of the pictures so far, without pairs.
    """
    check_channels(model, layer)
    tally = _Tally(model, layer)
    for answers in responses(model, layer, pictures, tally.so_far):
        tally.add(answers)
    filters = weights_of(model, layer)
    return tally.so_far(_pairs(tally, filters), saving(model, layer))


class _Tally:
    """Counts while the pictures pass: extremes, where a channel is above zero, and which channels move together."""

    def __init__(self, model: LoadedModel, layer: str) -> None:
        self.layer = layer
        self.pictures = self.places = 0
        channels = grid_of(model, layer)[0]
        self.highest = torch.full((channels,), -torch.inf, device=model.device)
        self.lowest = -self.highest
        self.middle = torch.zeros(channels, device=model.device)
        self.above = torch.zeros(channels, dtype=torch.int64, device=model.device)
        self.seen = torch.zeros_like(self.above)
        self.sums = torch.zeros(channels, dtype=torch.float64)
        self.products = torch.zeros((channels, channels), dtype=torch.float64)

    def add(self, answers: Tensor) -> None:
        """Take the answers (n, C, h, w) to some more pictures."""
        if not self.pictures:
            # Sums of squares lose their digits far from zero, so everything is measured from the first mean.
            self.middle = answers.mean((0, 2, 3))
        for answer in answers.flatten(2):
            self.highest = torch.maximum(self.highest, answer.amax(1))
            self.lowest = torch.minimum(self.lowest, answer.amin(1))
            above = (answer > 0).sum(1)
            self.above += above
            self.seen += above > 0
            moved = answer - self.middle[:, None]
            self.sums += moved.sum(1).cpu().double()
            self.products += (moved @ moved.T).cpu().double()
            self.pictures += 1
            self.places += answer.shape[1]

    def so_far(self, pairs: tuple[Pair, ...] = (), saved: Saving | None = None) -> Audit:
        """Write down what was counted."""
        highest, lowest = self.highest.cpu().numpy(), self.lowest.cpu().numpy()
        share = self.above.cpu().numpy() / self.places
        return Audit(self.layer, self.pictures, highest, lowest, share, self.seen.cpu().numpy(), pairs, saved)

    def correlation(self) -> NDArray[np.float64]:
        """Correlate all channels (C, C); those that do not move correlate with none."""
        mean = self.sums / self.places
        covariance = self.products / self.places - mean[:, None] * mean[None]
        spread = covariance.diagonal().clamp(min=0).sqrt()
        size = torch.maximum(self.highest.abs(), self.lowest.abs()).cpu()
        spread[spread <= STILL * size] = torch.inf
        return (covariance / spread[:, None] / spread[None]).clamp(-1, 1).numpy()


def _pairs(tally: _Tally, filters: Tensor | None) -> tuple[Pair, ...]:
    correlation = tally.correlation()
    cosine = _cosines(filters) if filters is not None and len(filters) == len(correlation) else None
    met = tally.above.cpu().numpy() >= MET
    sure = met[:, None] & met[None]
    if cosine is not None:
        sure |= cosine >= SURE
    first, second = np.nonzero(np.triu(sure & (correlation >= LEAST_ALIKE), 1))
    order = np.argsort(-correlation[first, second], kind="stable")[:MOST_PAIRS]
    numbers = [(int(one), int(other)) for one, other in zip(first[order], second[order], strict=True)]
    return tuple(
        Pair(*both, float(correlation[both]), None if cosine is None else float(cosine[both])) for both in numbers
    )


def _cosines(filters: Tensor) -> NDArray[np.float64]:
    unit = torch.nn.functional.normalize(filters.flatten(1).double().cpu(), dim=1)
    cosines: NDArray[np.float64] = (unit @ unit.T).numpy()
    return cosines


def _numbers(chosen: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(number) for number in np.flatnonzero(chosen))
