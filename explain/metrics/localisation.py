"""Localisation: how much of the map lies on the object?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from explain.boxes import beside_its_area, share_inside
from explain.metric import Metric, register
from explain.params import Corners

if TYPE_CHECKING:
    from explain.method import Method
    from explain.results import Heatmap, Score
    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class Localisation(Metric):
    """How much of the map's positive evidence lies inside a box around the object; higher is better.

    The sum of the values above zero inside, as a share of all of them, from 0 to 1. A map spread evenly gets the box's
    share of the picture, which stands beside it as "area"; objects tend to be in the middle, so read it beside the
    picture's centre as well. It asks where people see the object, not what the network used (Wang et al., 2020,
    arXiv:1910.01279, as "energy-based pointing game").
    """

    family: ClassVar = "Localisation"
    label: ClassVar = "Energy in the box"
    paper: ClassVar = "Wang et al., 2020, arXiv:1910.01279"
    caption: ClassVar = "how much of the map lies on the object?"
    better: ClassVar = "higher"

    box: Annotated[
        tuple[int, int, int, int] | None,
        Corners(),
        "Where the object is: left, top, right, bottom, in the crop's pixels",
    ] = None

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target, method: Method | None = None) -> Score:
        """Add up the values above zero, inside and everywhere."""
        return beside_its_area(
            self, trace, heatmap, self.box, lambda values, inside: share_inside(values, inside) or 0.0
        )
