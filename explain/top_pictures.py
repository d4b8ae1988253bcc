"""The pictures that excite a channel most, and where in them it is excited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from explain.fields import theoretical
from explain.responses import check_channels, responses
from explain.suitability import grid_of
from models.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image
    from torch import Tensor

    from explain.fields import Box
    from models import LoadedModel

#: How many pictures are kept for each channel.
KEPT = 16


@dataclass(frozen=True, eq=False)
class TopPictures:
    """For every channel of a layer the pictures that excite it most, the strongest first.

    numbers (C, k): which picture, counted from 0 in the order given. values (C, k): the largest value in it.
    rows, columns (C, k): the unit that gives it. pictures: how many were gone over; k is 16, or fewer if there
    were fewer. Of equal values the earlier picture stands first.
    """

    layer: str
    pictures: int
    numbers: NDArray[np.int64]
    values: NDArray[np.float32]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Excited:
    """One picture that excites a channel.

    number: which picture. value: the largest, at the unit (row, column). box: the pixels of the crop that this
    unit sees, None = all. map (h, w): what the channel answers to the picture.
    """

    number: int
    value: float
    row: int
    column: int
    box: Box | None
    map: NDArray[np.float32]


def top_pictures(
    model: LoadedModel, layer: str, pictures: Sequence[Image.Image | Tensor], kept: int = KEPT
) -> TopPictures:
    """Go over pictures once, and keep for every channel of a layer those that excite it most.

    pictures: PIL pictures, or pixels (1, 3, H, W) in [0, 1]; each is read when its turn comes. While it runs,
    the partial result is the ranking of the pictures so far.
    """
    if kept < 1:
        raise ParameterError(f"At least one picture is kept for each channel, not {kept}.")
    check_channels(model, layer)
    ranking = _Ranking(model, layer, kept)
    for answers in responses(model, layer, pictures, ranking.so_far):
        ranking.add(answers)
    return ranking.so_far()


def excited(
    model: LoadedModel,
    found: TopPictures,
    channel: int,
    pictures: Sequence[Image.Image | Tensor],
    count: int = KEPT,
) -> tuple[Excited, ...]:
    """Look closely at the pictures that excite one channel: the patch that does, and the channel's map.

    pictures: the same as were gone over; only those needed are read again.
    """
    channels = len(found.numbers)
    if not 0 <= channel < channels:
        raise ParameterError(f"{found.layer!r} has the channels 0 to {channels - 1}, not {channel!r}.")
    numbers = found.numbers[channel, :count].tolist()
    maps: list[NDArray[np.float32]] = []
    for answers in responses(model, found.layer, pictures, only=numbers):
        maps += [one.cpu().numpy() for one in answers[:, channel]]
    spatial = model.graph.geometry[found.layer].spatial
    looked_at = []
    for place, (number, one) in enumerate(zip(numbers, maps, strict=True)):
        row, column = int(found.rows[channel, place]), int(found.columns[channel, place])
        box = theoretical(model, found.layer, row, column) if spatial else None
        looked_at.append(Excited(number, float(found.values[channel, place]), row, column, box, one))
    return tuple(looked_at)


class _Ranking:
    """Keeps the best while the pictures pass."""

    def __init__(self, model: LoadedModel, layer: str, kept: int) -> None:
        self.layer, self.kept = layer, kept
        self.pictures = 0
        nothing = torch.empty((grid_of(model, layer)[0], 0), device=model.device)
        self.values = nothing
        self.numbers = self.units = nothing.long()

    def add(self, answers: Tensor) -> None:
        """Take the answers (n, C, h, w) to some more pictures."""
        count, channels, _, self.width = answers.shape
        values, units = answers.flatten(2).max(2)
        numbers = torch.arange(self.pictures, self.pictures + count, device=answers.device).expand(channels, -1)
        all_values = torch.cat([self.values, values.T], 1)
        order = all_values.argsort(stable=True, dim=1, descending=True)[:, : self.kept]
        self.values = all_values.gather(1, order)
        self.numbers = torch.cat([self.numbers, numbers], 1).gather(1, order)
        self.units = torch.cat([self.units, units.T], 1).gather(1, order)
        self.pictures += count

    def so_far(self) -> TopPictures:
        """Write down the ranking."""
        values, numbers, units = (one.cpu().numpy() for one in (self.values, self.numbers, self.units))
        return TopPictures(self.layer, self.pictures, numbers, values, units // self.width, units % self.width)
