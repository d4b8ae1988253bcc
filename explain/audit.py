"""Which channels of a layer are of no use: dead, nearly dead, or the same as another; and what that would save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from explain.pairs import MOST_CHANNELS, Together
from explain.responses import check_channels, responses
from explain.saving import saving, weights_of
from explain.suitability import grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image
    from torch import Tensor

    from explain.pairs import Pair, Pairs
    from explain.saving import Saving
    from models import LoadedModel

#: A channel is nearly dead that is above zero at no more than this share of all places of all pictures.
RARELY = 0.005
#: Channels whose responses correlate at least this much are redundant, unless another limit is asked for.
ALIKE = 0.99


@dataclass(frozen=True, eq=False)
class Audit:
    """What the channels of a layer do over many pictures.

    highest, lowest (C,): the largest and smallest value. share (C,): of all places of all pictures, where the
    channel is above zero. seen (C,): in how many pictures it is above zero anywhere. alike: all pairs of channels
    that say nearly the same, None where the channels were not compared: while the audit runs, and in a layer of more
    than 4,096. saving: what one channel costs, None where that is not known.
    """

    layer: str
    pictures: int
    highest: NDArray[np.float32]
    lowest: NDArray[np.float32]
    share: NDArray[np.float64]
    seen: NDArray[np.int64]
    alike: Pairs | None = None
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

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs that correlate at 0.9 or more, the most alike first and no more than 2,000."""
        return self.redundant(0)

    def redundant(self, at_least: float = ALIKE) -> tuple[Pair, ...]:
        """List the pairs whose responses correlate at least so much (not below 0.9), the 2,000 most alike first."""
        return () if self.alike is None else self.alike.above(at_least).listed()

    def count_redundant(self, at_least: float = ALIKE) -> int:
        """Count the pairs whose responses correlate at least so much (not below 0.9), listed or not."""
        return 0 if self.alike is None else len(self.alike.above(at_least))

    def like(self, at_least: float = ALIKE) -> dict[int, int]:
        """Say of each channel that is like an earlier one which it is most like."""
        if self.alike is None:
            return {}
        alike = self.alike.above(at_least)
        seconds, places = np.unique(alike.second, return_index=True)
        return dict(zip(seconds.tolist(), alike.first[places].tolist(), strict=True))

    def spare(self, at_least: float = ALIKE) -> tuple[int, ...]:
        """List the channels that could go: the dead, and of channels that say the same all but the first.

        A channel goes only if it is alike enough to one that stays.
        """
        gone = self.highest <= 0
        if self.alike is not None:
            alike = self.alike.above(at_least)
            order = np.argsort(alike.first, kind="stable")
            edges = np.searchsorted(alike.first[order], np.arange(self.channels + 1))
            for channel in range(self.channels):
                if not gone[channel]:
                    gone[alike.second[order[edges[channel] : edges[channel + 1]]]] = True
        return _numbers(gone)


def audit(model: LoadedModel, layer: str, pictures: Sequence[Image.Image | Tensor]) -> Audit:
    """Go over pictures and judge every channel of a layer.

    pictures: PIL pictures, or pixels (1, 3, H, W) in [0, 1]; each is read when its turn comes. While it runs,
    the partial result is an audit of the pictures so far, without pairs. Channels of a layer of more than 4,096
    are not compared.
    """
    check_channels(model, layer)
    tally = _Tally(model, layer)
    for answers in responses(model, layer, pictures, tally.so_far):
        tally.add(answers)
    return tally.so_far(tally.pairs(weights_of(model, layer)), saving(model, layer))


class _Tally:
    """Counts while the pictures pass: extremes, where a channel is above zero, and which channels move together."""

    def __init__(self, model: LoadedModel, layer: str) -> None:
        self.layer = layer
        self.pictures = self.places = 0
        channels = grid_of(model, layer)[0]
        self.highest = torch.full((channels,), -torch.inf, device=model.device)
        self.lowest = -self.highest
        self.above = torch.zeros(channels, dtype=torch.int64, device=model.device)
        self.seen = torch.zeros_like(self.above)
        self.together = Together(channels) if channels <= MOST_CHANNELS else None

    def add(self, answers: Tensor) -> None:
        """Take the answers (n, C, h, w) to some more pictures."""
        self.highest = torch.maximum(self.highest, answers.amax((0, 2, 3)))
        self.lowest = torch.minimum(self.lowest, answers.amin((0, 2, 3)))
        above = (answers > 0).sum((2, 3))
        self.above += above.sum(0)
        self.seen += (above > 0).sum(0)
        self.pictures += len(answers)
        self.places += len(answers) * answers[0, 0].numel()
        if self.together is not None:
            self.together.add(answers)

    def so_far(self, alike: Pairs | None = None, saved: Saving | None = None) -> Audit:
        """Write down what was counted."""
        highest, lowest = self.highest.cpu().numpy(), self.lowest.cpu().numpy()
        share = self.above.cpu().numpy() / self.places
        return Audit(self.layer, self.pictures, highest, lowest, share, self.seen.cpu().numpy(), alike, saved)

    def pairs(self, filters: Tensor | None) -> Pairs | None:
        """Find the channels that say the same; None where there are too many to compare them."""
        if self.together is None:
            return None
        return self.together.pairs(torch.maximum(self.highest.abs(), self.lowest.abs()), self.above, filters)


def _numbers(chosen: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(number) for number in np.flatnonzero(chosen))
