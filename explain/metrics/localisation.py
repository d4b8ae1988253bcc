"""Localisation: how much of the map lies on the object?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.boxes import InABox, share_inside
from explain.metric import register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Marked = NDArray[np.bool_]


@register
@dataclass(frozen=True)
class Localisation(InABox):
    """How much of the map's positive evidence lies inside a box around the object; higher is better.

    The sum of the values above zero inside, as a share of all of them, from 0 to 1. A map spread evenly gets the box's
    share of the picture, which stands beside it as "area"; objects tend to be in the middle, so read it beside the
    picture's centre as well. It asks where people see the object, not what the network used (Wang et al., 2020,
    arXiv:1910.01279, as "energy-based pointing game").
    """

    label: ClassVar = "Energy in the box"
    paper: ClassVar = "Wang et al., 2020, arXiv:1910.01279"
    caption: ClassVar = "how much of the map lies on the object?"

    def figure(self, values: Floats, inside: Marked) -> float:
        """Add up the values above zero, inside and everywhere."""
        return share_inside(values, inside) or 0.0
