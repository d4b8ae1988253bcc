"""Deletion: hide the picture in the order of the map, and watch the answer go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from explain.hiding import hidden_in_order
from explain.metric import Metric, register
from explain.params import Range

if TYPE_CHECKING:
    from explain.method import Method
    from explain.results import Curve, Heatmap
    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class Deletion(Metric):
    """How fast the network loses sight of the class when the marked places are hidden first; lower is better.

    The curve is the probability of the class, or p / (p + q) for a contrast, against the share of the picture that is
    hidden, in the order of the map without absolute values; x and y run from 0 to 1, and the area under it is the
    figure. Hidden places are flat, which no network has seen in training: read it beside the control maps
    (Petsiuk et al., 2018, arXiv:1806.07421).
    """

    family: ClassVar = "Faithfulness"
    label: ClassVar = "Deletion"
    paper: ClassVar = "Petsiuk et al., 2018, arXiv:1806.07421"
    caption: ClassVar = "hide the marked places first: does the class go?"
    better: ClassVar = "lower"
    cost: ClassVar = 200
    axes: ClassVar = ("share hidden", "probability")

    steps: Annotated[int, Range(2, 500), "Steps in which the picture is hidden"] = 49
    fill: Annotated[Literal["mean", "black", "white", "grey"], "What is seen where it is hidden"] = "mean"

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Curve:
        """Hide the picture step by step."""
        return hidden_in_order(self, trace, heatmap, target, self.fill, self.steps)
