"""Activation maximisation: a picture, made from nothing, that drives a channel, a unit or a class up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch

from explain.feature_maps import around
from explain.gradients import differentiate
from explain.method import Method, register
from explain.params import LayerName, Range
from explain.results import Visualisation
from explain.suitability import default_layer, grid_of, laid_out, without_spatial_layer
from explain.visualising import Ascent, moved, painted, random_spectrum
from models.errors import LayerError
from models.progress import report

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel

    #: From pixels (1, 3, H, W) to the number that is driven up.
    Score = Callable[[Tensor], Tensor]

#: Length of a step on the spectrum, as in lucid.
LENGTH = 0.05
#: Steps without any gradient after which there is nothing to climb.
PATIENCE = 8


@register
@dataclass(frozen=True)
class ActivationMaximisation(Method):
    """Make a picture from nothing that drives a channel, one of its units, or a class up as far as it goes.

    Gradient ascent on the picture's spectrum with decorrelated colours, moving the picture a little between the
    steps (Olah et al., Distill, 2017, doi:10.23915/distill.00007; the idea is older: Simonyan et al., 2013,
    arXiv:1312.6034). What an activation gives is read before the activation, where the gradient does not vanish.
    "class" drives the target up, the other objectives leave it aside. The traced picture is only a yardstick.
    """

    family: ClassVar = "Feature visualisation"
    label: ClassVar = "Activation maximisation"
    paper: ClassVar = "Olah et al., 2017, doi:10.23915/distill.00007; Simonyan et al., 2013, arXiv:1312.6034"
    caption: ClassVar = "slow: what a channel looks for"

    objective: Annotated[
        Literal["channel", "unit", "class"], "What to drive up: the mean of a channel, one of its units, or the class"
    ] = "channel"
    layer: Annotated[str | None, LayerName(), "Layer of the channel; none = the last one with places"] = None
    channel: Annotated[int, Range(0, 65535), "Channel of the layer"] = 0
    row: Annotated[int, Range(-1, 1023), "Row of the unit; -1 = the middle one"] = -1
    column: Annotated[int, Range(-1, 1023), "Column of the unit; -1 = the middle one"] = -1
    steps: Annotated[int, Range(1, 2048), "Steps uphill"] = 128
    moves: Annotated[float, Range(0, 3, 0.1), "How much the picture is shifted, scaled and turned between steps"] = 1.0
    seed: Annotated[int, Range(0, 99), "Draw of the start and of the moves"] = 0

    def __call__(self, trace: Trace, target: Target) -> Visualisation:
        """Climb, and report the picture so far after each step."""
        model, side = trace.model, trace.model.card.pixels.side
        found, score = self._aimed(model, target)
        generator = torch.Generator().manual_seed(self.seed)
        # The picture is made on the CPU: on a GPU, torch adds up the gradient of a moved picture in a random order.
        ascent, felt = Ascent(random_spectrum(side, generator), LENGTH), False
        for step in range(self.steps):
            with torch.enable_grad():
                leaf = ascent.place.requires_grad_()
                pixels = painted(leaf, side)
                value = score(moved(pixels, self.moves, generator).to(model.device))
                (gradient,) = differentiate(value, [leaf])
            found = _with(found, pixels, value)
            report(step + 1, self.steps, found)
            felt = felt or bool(gradient.any())
            if not felt and step + 1 >= PATIENCE:
                break
            ascent.climb(gradient)
        with torch.no_grad():
            pixels = painted(ascent.place, side)
            reached = float(score(pixels.to(model.device)))
        own = self.measure(trace, target) if trace.pixels.shape == pixels.shape else float("nan")
        flat = () if felt else ("Nothing in the picture changes this score, so there is nothing to climb.",)
        return replace(found, pixels=_array(pixels), score=reached, reference=own, notes=(*found.notes, *flat))

    def measure(self, trace: Trace, target: Target) -> float:
        """Score the traced picture as the method scores its own."""
        _, score = self._aimed(trace.model, target)
        with torch.no_grad():
            return float(score(trace.pixels))

    def _aimed(self, model: LoadedModel, target: Target) -> tuple[Visualisation, Score]:
        """Turn the objective into a function of pixels, beside the result that is still without a picture."""
        side = model.card.pixels.side
        blank = Visualisation(pixels=np.zeros((side, side, 3), np.float32), scores=np.zeros(0, np.float32))
        if self.layer is not None:
            model.graph.layer(self.layer)
        if self.objective == "class":
            return blank, lambda pixels: target(model(pixels)).sum()
        layer = _default(model) if self.layer is None else self.layer
        channels, rows, columns = grid_of(model, layer)
        unit = (rows // 2 if self.row < 0 else self.row, columns // 2 if self.column < 0 else self.column)
        inside = unit[0] < rows and unit[1] < columns
        if self.channel >= channels or (self.objective == "unit" and not inside):
            asked = f"channel {self.channel}" + (f", unit {unit}" if self.objective == "unit" else "")
            raise LayerError(f"{layer!r} has {channels} channels of {rows} x {columns}, so it has no {asked}.")
        where = unit if self.objective == "unit" else None
        read = _before_activation(model, layer)
        notes = () if read == layer else (f"Driven up and measured is what goes into the activation: {read}.",)
        aimed = replace(blank, layer=layer, channel=self.channel, unit=where, notes=notes)

        def score(pixels: Tensor) -> Tensor:
            output = model.output(read, pixels)
            spatial = model.graph.geometry[read].spatial
            maps = laid_out(model, read, output) if spatial else output.reshape(1, -1, 1, 1)
            chosen = maps[0, self.channel]
            return chosen.mean() if where is None else chosen[where]

        return aimed, score


def _default(model: LoadedModel) -> str:
    """The last layer with places; of a network without one, the last layer."""
    return model.layers()[-1].name if without_spatial_layer(model) else default_layer(model)


def _before_activation(model: LoadedModel, layer: str) -> str:
    """Name what goes into the activation that gives this layer's output, or the layer itself."""
    near = around(model, layer)
    if near is None or model.graph.node(near.after) is not model.graph.node(layer):
        return layer
    known = {info.name for info in model.layers()}
    return near.before if near.before in known else layer


def _with(found: Visualisation, pixels: Tensor, value: Tensor) -> Visualisation:
    scores = np.append(found.scores, np.float32(value.item()))
    return replace(found, pixels=_array(pixels), scores=scores)


def _array(pixels: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return pixels.detach()[0].permute(1, 2, 0).contiguous().numpy()
