"""The pointing game: does the map's highest place lie on the object?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from explain.boxes import beside_its_area
from explain.metric import Metric, register
from explain.params import Corners

if TYPE_CHECKING:
    from explain.method import Method
    from explain.results import Heatmap, Score
    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class Pointing(Metric):
    """Whether the map's highest place lies inside a box around the object: 1 or 0; higher is better.

    Of equal places the first in reading order counts. One pixel decides, and the picture's centre alone hits most
    objects, so it says something only over many pictures, and the share of the map inside the box says more
    (Zhang et al., 2016, arXiv:1608.00507). "area" is how often a place drawn at random would hit.
    """

    family: ClassVar = "Localisation"
    label: ClassVar = "Pointing game"
    paper: ClassVar = "Zhang et al., 2016, arXiv:1608.00507"
    caption: ClassVar = "is the highest place on the object?"
    better: ClassVar = "higher"
    passes: ClassVar = 1.0

    box: Annotated[
        tuple[int, int, int, int] | None,
        Corners(),
        "Where the object is: left, top, right, bottom, in the crop's pixels",
    ] = None

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target, method: Method | None = None) -> Score:
        """Look where the highest value is."""
        return beside_its_area(
            self, trace, heatmap, self.box, lambda values, inside: float(inside.flat[values.argmax()])
        )
