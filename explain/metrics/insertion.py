"""Insertion: show the picture in the order of the map, and watch the answer come."""

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
class Insertion(Metric):
    """How soon the network recognises the class when the marked places are shown first; higher is better.

    The curve is the probability of the class, or p / (p + q) for a contrast, against the share of the picture that is
    shown, in the order of the map without absolute values; x and y run from 0 to 1, and the area under it is the
    figure. It begins with the blurred picture, which keeps shapes from being made by the edges of what is shown
    (Petsiuk et al., 2018, arXiv:1806.07421).
    """

    family: ClassVar = "Faithfulness"
    label: ClassVar = "Insertion"
    paper: ClassVar = "Petsiuk et al., 2018, arXiv:1806.07421"
    caption: ClassVar = "show the marked places first: does the class come?"
    better: ClassVar = "higher"
    cost: ClassVar = 200
    axes: ClassVar = ("share shown", "probability")

    steps: Annotated[int, Range(2, 500), "Steps in which the picture is shown"] = 49
    fill: Annotated[Literal["blur", "mean", "black", "white", "grey"], "What is seen before"] = "blur"

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Curve:
        """Show the picture step by step."""
        return hidden_in_order(self, trace, heatmap, target, self.fill, self.steps)
