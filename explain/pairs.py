"""Which channels of a layer say the same: by how they move together over many pictures, and by their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from models.progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

#: Pairs that correlate less are not kept; of those kept, no more are listed than so many, the most alike first.
LEAST_ALIKE, MOST_LISTED = 0.9, 2000
#: Channels of a wider layer are not compared: that takes memory and time by the square of their number.
MOST_CHANNELS = 4096
#: Channels compared with all others in one step, between which the work can be stopped.
ROWS = 128
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
class Pairs:
    """All pairs of a layer's channels that correlate at 0.9 or more, the most alike first.

    first, second (P,): the channels, the smaller number first. correlation (P,): of their responses. cosine (P,): of
    their weights, None where no one layer makes the channels.
    """

    first: NDArray[np.int16]
    second: NDArray[np.int16]
    correlation: NDArray[np.float32]
    cosine: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.first)

    def above(self, at_least: float) -> Pairs:
        """Return those that correlate at least so much."""
        return self._first(int((self.correlation >= at_least).sum()))

    def listed(self) -> tuple[Pair, ...]:
        """Write them down one by one, the 2,000 most alike at the most."""
        shown = self._first(MOST_LISTED)
        cosines = [None] * len(shown) if shown.cosine is None else shown.cosine.tolist()
        told = zip(shown.first.tolist(), shown.second.tolist(), shown.correlation.tolist(), cosines, strict=True)
        return tuple(Pair(*one) for one in told)

    def _first(self, count: int) -> Pairs:
        cosine = None if self.cosine is None else self.cosine[:count]
        return Pairs(self.first[:count], self.second[:count], self.correlation[:count], cosine)


class Together:
    """Counts, while answers to pictures pass, how the channels of a layer move together."""

    def __init__(self, channels: int) -> None:
        self.places = 0
        self.middle: Tensor | None = None
        self.sums = torch.zeros(channels, dtype=torch.float64)
        self.products = torch.zeros((channels, channels), dtype=torch.float64)

    def add(self, answers: Tensor) -> None:
        """Take the answers (n, C, h, w) to some more pictures, all in one product."""
        if self.middle is None:
            # Sums of squares lose their digits far from zero, so everything is measured from the first mean.
            self.middle = answers.mean((0, 2, 3))
        moved = answers.transpose(0, 1).flatten(1) - self.middle[:, None]
        self.sums += moved.sum(1).cpu()
        self.products += (moved @ moved.T).cpu()
        self.places += moved.shape[1]

    def pairs(self, size: Tensor, met: Tensor, filters: Tensor | None) -> Pairs:
        """Find all pairs, in steps between which the work can be stopped.

        size (C,): the largest magnitude of each channel. met (C,): at how many places it is above zero. filters
        (C, ...): the weights that make each channel, None where there are none. A channel that does not move
        correlates with none.
        """
        count = len(self.sums)
        mean = self.sums / self.places
        spread = (self.products.diagonal() / self.places - mean.square()).clamp(min=0).sqrt()
        spread[spread <= STILL * size.cpu()] = torch.inf
        often = met.cpu() >= MET
        weights = None if filters is None or len(filters) != count else filters.flatten(1).float()
        found = []
        for start in track(range(0, count, ROWS), -(-count // ROWS)):
            rows = slice(start, start + ROWS)
            covariance = self.products[rows, start:] / self.places - mean[rows, None] * mean[start:]
            correlation = (covariance / spread[rows, None] / spread[start:]).clamp(-1, 1)
            alike = torch.triu(correlation >= LEAST_ALIKE, 1)
            # Few channels are like any other, and only of those are the weights compared.
            first, second = (alike.any(axis).nonzero().flatten() for axis in (1, 0))
            sure = often[first + start, None] & often[second + start]
            cosine = None
            if weights is not None:
                cosine = _cosines(weights, first + start, second + start)
                sure |= cosine >= SURE
            part = alike[first][:, second] & sure
            found.append(_pairs(part, correlation[first][:, second], cosine, first + start, second + start))
        return _joined(found)


def _cosines(weights: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the cosines (n, m) between the filters of these channels; one of zeros is like none."""
    some, others = (weights[numbers.to(weights.device)] for numbers in (first, second))
    # Divided afterwards: the filters themselves may take hundreds of megabytes.
    lengths = [torch.linalg.vector_norm(one, dim=1).clamp(min=1e-12) for one in (some, others)]
    cosines: Tensor = some @ others.T / lengths[0][:, None] / lengths[1]
    return cosines.cpu()


def _pairs(chosen: Tensor, correlation: Tensor, cosine: Tensor | None, first: Tensor, second: Tensor) -> Pairs:
    """Write down what was chosen (n, m) of some channels (n,) and others (m,); a cosine goes along."""
    one, other = torch.nonzero(chosen, as_tuple=True)
    lower, higher = (numbers.to(torch.int16).numpy() for numbers in (first[one], second[other]))
    held = None if cosine is None else cosine[chosen].numpy()
    return Pairs(lower, higher, correlation[chosen].float().numpy(), held)


def _joined(found: list[Pairs]) -> Pairs:
    """Put pairs together, the most alike first; of equal ones the lower channels."""
    correlation = np.concatenate([one.correlation for one in found])
    order = np.argsort(-correlation, kind="stable")
    first = np.concatenate([one.first for one in found])[order]
    second = np.concatenate([one.second for one in found])[order]
    cosines = [one.cosine for one in found if one.cosine is not None]
    return Pairs(first, second, correlation[order], np.concatenate(cosines)[order] if cosines else None)
