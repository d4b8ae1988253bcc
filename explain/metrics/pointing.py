"""The pointing game: does the map's highest place lie on the object?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.boxes import InABox
from explain.metric import register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Marked = NDArray[np.bool_]


@register
@dataclass(frozen=True)
class Pointing(InABox):
    """Whether the map's highest place lies inside a box around the object: 1 or 0; higher is better.

    Of equal places the first in reading order counts. One pixel decides, and the picture's centre alone hits most
    objects, so it says something only over many pictures, and the share of the map inside the box says more
    (Zhang et al., 2016, arXiv:1608.00507). "area" is how often a place drawn at random would hit.
    """

    label: ClassVar = "Pointing game"
    paper: ClassVar = "Zhang et al., 2016, arXiv:1608.00507"
    caption: ClassVar = "is the highest place on the object?"
    passes: ClassVar = 1.0

    def figure(self, values: Floats, inside: Marked) -> float:
        """Look where the highest value is."""
        return float(inside.flat[values.argmax()])
