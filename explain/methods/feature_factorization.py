"""Deep feature factorization: the parts into which a layer's activations fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from torch.nn import functional

from explain.factorization import factorize, missed
from explain.method import Method, register
from explain.params import LayerName, Range
from explain.results import Concepts
from explain.suitability import default_layer, laid_out, without_spatial_layer
from models.progress import report

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel

#: Iterations from one report to the next.
REPORTED = 10
#: A layer whose negative values are above this share of its norm gets a note.
NEGATIVE = 0.01


@register
@dataclass(frozen=True)
class FeatureFactorization(Method):
    """Show the parts into which a layer divides the picture, and what each adds to the score.

    The layer's activations, negative values cut off, are written as a few patterns over channels, each with its
    strength at every place: non-negative matrix factorization (Collins et al., 2018, arXiv:1806.10206). The parts are
    found without labels and without the class: places get one colour because the layer answers alike there, and no
    part has a name. `shares` says what each adds to the target to first order: the gradient at the layer times the
    part, summed over places and channels, in units of the target. `error` is what the parts miss of the activations, as
    a share of their norm. Another seed or number of parts may cut the picture differently.
    """

    family: ClassVar = "Parts"
    label: ClassVar = "Feature factorization"
    paper: ClassVar = "Collins et al., 2018, arXiv:1806.10206"
    caption: ClassVar = "fast: parts it tells apart; shares are rough"
    question: ClassVar = "parts"

    layer: Annotated[str | None, LayerName(), "Layer to take apart; none = the last one with places"] = None
    parts: Annotated[int, Range(2, 10), "Parts to look for"] = 5
    iterations: Annotated[int, Range(10, 1000, 10), "Rounds of improvement"] = 200
    seed: Annotated[int, Range(0, 99), "Draw of the start; a part that stays with other draws can be relied on"] = 0

    def __call__(self, trace: Trace, target: Target) -> Concepts:
        """Take the layer apart: maps (K, H, W), grids (K, h, w), shares (K,), ordered by share, largest first."""
        layer = default_layer(trace.model) if self.layer is None else self.layer
        activation = laid_out(trace.model, layer, trace.activation(layer))[0]
        gradient = laid_out(trace.model, layer, trace.gradient(target, layer)[0])[0]
        taken = _Taken(layer, activation.float(), gradient.float(), (trace.pixels.shape[-2], trace.pixels.shape[-1]))
        table = taken.table.relu()

        def after(done: int, strengths: Tensor, patterns: Tensor) -> None:
            if done % REPORTED == 0:
                report(done, self.iterations, lambda: taken.concepts(strengths, patterns))

        report(0, self.iterations)
        count = min(self.parts, *table.shape)
        return taken.concepts(*factorize(table, count, self.iterations, self.seed, after))

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks without a layer that has places and carries gradient."""
        return without_spatial_layer(model)


@dataclass(frozen=True, eq=False)
class _Taken:
    """The layer taken apart: its output and the target's gradient there (C, h, w), and the crop's height and width."""

    layer: str
    activation: Tensor
    gradient: Tensor
    size: tuple[int, int]

    @property
    def table(self) -> Tensor:
        """The activations with a row for each place: (h w, C)."""
        return self.activation.flatten(1).T

    def concepts(self, strengths: Tensor, patterns: Tensor) -> Concepts:
        """Turn strengths (h w, K) and patterns (K, C) into maps with what each adds, the largest share first."""
        by_place = self.gradient.flatten(1).T.cpu().double()
        shares = (strengths * (by_place @ patterns.T)).sum(0)
        order = shares.argsort(descending=True, stable=True)
        grids = strengths.T[order].reshape(-1, *self.activation.shape[1:]).float()
        maps = functional.interpolate(grids[None], self.size, mode="bilinear", align_corners=False)[0]
        table = self.table.cpu().double()
        cut_off = float(table.clamp(max=0).norm() / table.norm().clamp(min=1e-300))
        return Concepts(
            maps=maps.numpy(),
            grids=grids.numpy(),
            shares=shares[order].float().numpy(),
            layer=self.layer,
            error=missed(table.relu(), strengths, patterns),
            checks={"layer_adds": float((by_place * table).sum())},
            notes=_notes(self.layer, cut_off, bool(torch.any(table > 0))),
        )


def _notes(layer: str, cut_off: float, anything: bool) -> tuple[str, ...]:
    if not anything:
        return (f"Nothing in {layer} is above zero for this picture, so there are no parts.",)
    if cut_off > NEGATIVE:
        return (f"{layer} has negative values, too ({100 * cut_off:.0f} % of its size); the parts leave them out.",)
    return ()
