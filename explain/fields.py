"""What a unit of a layer sees of the picture: what it can see at all, what moves it, and who sees a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from explain.suitability import grid_of, laid_out
from models.errors import LayerError, PictureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.tracing import Trace
    from models import LoadedModel

#: Energy left out at each end of each axis by the box of an effective field.
TAIL = 0.025


@dataclass(frozen=True)
class Box:
    """A part of the crop in whole pixels; right and bottom are the first pixels beyond it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """How many columns it has."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """How many rows it has."""
        return self.bottom - self.top


@dataclass(frozen=True, eq=False)
class Reach:
    """What every unit of a layer can see, cut off at the picture's edge.

    rows: (h, 2), for each row of units the first row of pixels and the first beyond. columns: (w, 2), likewise.
    size: height and width of the field of a unit far from any edge.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """What moves a unit on this picture, measured by its gradient through the whole network.

    energy: (H, W) float32, the squared gradient by each pixel, summed over colours. box: where all of it lies but
    2.5 % at each end of each axis, None for a unit that nothing moves. share: of the energy inside the box.
    """

    energy: NDArray[np.float32]
    box: Box | None
    share: float


def reach(model: LoadedModel, layer: str) -> Reach | None:
    """List what every unit of a layer can see; None where that is the whole picture, or cannot be told."""
    _, rows, columns = _grid(model, layer)
    field = model.graph.geometry[layer].field
    if field is None or (field[0].count, field[1].count) != (rows, columns):
        return None
    down, across = (np.stack([span.first, np.maximum(span.last + 1, span.first)], 1) for span in field)
    sides = model.card.pixels.side
    return Reach(np.clip(down, 0, sides), np.clip(across, 0, sides), (round(field[0].size), round(field[1].size)))


def theoretical(model: LoadedModel, layer: str, row: int, column: int) -> Box | None:
    """Return the pixels of the crop that can move a unit at all; None where that is the whole picture.

    The box is exact at the borders too: it is where the gradient of the unit may differ from zero. A unit that reads
    padding alone has a box of no size.
    """
    _check_unit(model, layer, row, column)
    seen = reach(model, layer)
    if seen is None:
        return None
    (top, bottom), (left, right) = seen.rows[row].tolist(), seen.columns[column].tolist()
    return Box(left, top, right, bottom)


def seeing(model: LoadedModel, layer: str, x: int, y: int) -> NDArray[np.bool_]:
    """Mark the units of a layer, (h, w), that can see the pixel x, y of the crop."""
    side = model.card.pixels.side
    if not (0 <= x < side and 0 <= y < side):
        raise PictureError(f"The network sees {side} x {side} pixels; there is none at x {x}, y {y}.")
    _, rows, columns = _grid(model, layer)
    seen = reach(model, layer)
    if seen is None:
        return np.ones((rows, columns), bool)
    down = (seen.rows[:, 0] <= y) & (y < seen.rows[:, 1])
    across = (seen.columns[:, 0] <= x) & (x < seen.columns[:, 1])
    marked: NDArray[np.bool_] = down[:, None] & across[None, :]
    return marked


def effective(trace: Trace, layer: str, row: int, column: int, channel: int | None = None) -> EffectiveField:
    """Measure which pixels move a unit: the gradient of its output through the whole network (Luo et al., 2016).

    channel: the unit's channel; None for all channels at this place together. A layer without places counts as one row
    and one column, each of its values as a channel. A unit that is off for this picture, below zero at a ReLU, is moved
    by nothing. Source: arXiv:1701.04128.
    """
    _check_unit(trace.model, layer, row, column)
    channels = grid_of(trace.model, layer)[0]
    if channel is not None and not 0 <= channel < channels:
        raise LayerError(f"{layer!r} has {channels} channels; there is no channel {channel}.")
    leaf = trace.pixels.clone().requires_grad_()
    with torch.enable_grad(), trace.model.lock:
        output = trace.model.output(layer, leaf)
        spatial = trace.model.graph.geometry[layer].spatial
        output = laid_out(trace.model, layer, output) if spatial else output.reshape(1, -1, 1, 1)
        units = output[0, :, row, column] if channel is None else output[0, channel, row, column]
        (gradient,) = torch.autograd.grad(units.sum(), [leaf], allow_unused=True, materialize_grads=True)
    energy = gradient[0].cpu().double().square().sum(0).numpy()
    box = _central(energy)
    inside = 0.0 if box is None else float(energy[box.top : box.bottom, box.left : box.right].sum() / energy.sum())
    return EffectiveField(energy.astype(np.float32), box, inside)


def _central(energy: NDArray[np.float64]) -> Box | None:
    """Cut the tails of the energy off at each end of each axis."""
    total = float(energy.sum())
    if not total > 0:
        return None
    edges = []
    for axis in (0, 1):
        passed = np.cumsum(energy.sum(axis=axis)) / total
        first, last = np.searchsorted(passed, TAIL), np.searchsorted(passed, 1 - TAIL)
        edges.append((int(first), min(int(last) + 1, len(passed))))
    (left, right), (top, bottom) = edges
    return Box(left, top, right, bottom)


def _grid(model: LoadedModel, layer: str) -> tuple[int, int, int]:
    shape = model.graph.layer(layer).shape
    if not model.graph.geometry[layer].spatial:
        raise LayerError(f"{layer!r} gives shape {shape}; only a layer with height and width has units at places.")
    return grid_of(model, layer)


def _check_unit(model: LoadedModel, layer: str, row: int, column: int) -> None:
    _, rows, columns = grid_of(model, layer)
    if not (0 <= row < rows and 0 <= column < columns):
        raise LayerError(f"{layer!r} has {rows} x {columns} units; there is none in row {row}, column {column}.")
