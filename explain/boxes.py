"""A box that somebody drew around an object, and how a map lies to it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from explain.control_maps import control_maps
from explain.metric import Metric, fitting
from explain.params import Corners
from explain.results import Score
from models.errors import ParameterError, UnsuitableError
from models.progress import report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.method import Method
    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace

    Floats = NDArray[np.float32]
    Marked = NDArray[np.bool_]

#: Left, top, and the first column and row beyond, in pixels of the crop.
Edges = tuple[int, int, int, int]


@dataclass(frozen=True)
class InABox(Metric):
    """Measure where a map lies to a box around the object. Abstract: a subclass says by which figure."""

    family: ClassVar = "Localisation"
    better: ClassVar = "higher"

    box: Annotated[
        Edges | None, Corners(), "Where the object is: left, top, right, bottom, in the crop's pixels"
    ] = None

    @abstractmethod
    def figure(self, values: Floats, inside: Marked) -> float:
        """Measure a map (H, W) with some values above zero; `inside` marks the pixels of the box."""

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Score:
        """Measure the map, beside the control maps and the box's share of the picture's area."""
        fitting(trace, heatmap, target)
        height, width = heatmap.values.shape
        if self.box is None:
            raise ParameterError(f"{self.label} needs the box in which the object lies.", "Hand over box=.")
        left, top, right, bottom = self.box
        if right > width or bottom > height:
            raise ParameterError(f"The box {self.box} reaches beyond the crop of {width} x {height} pixels.")
        if not (heatmap.values > 0).any():
            raise UnsuitableError("The map shows nothing that speaks for the class, so there is nothing to find.")
        report(0, 1)
        inside = np.zeros((height, width), bool)
        inside[top:bottom, left:right] = True
        value = self.figure(heatmap.values, inside)
        controls = {name: values for name, values in control_maps(trace).items() if (values > 0).any()}
        others = {name: self.figure(values, inside) for name, values in controls.items()}
        report(1, 1)
        return Score(value=value, better=self.better, baselines={**others, "area": float(inside.mean())})


def share_inside(values: Floats, inside: Marked) -> float | None:
    """Return the share of a map's positive values that lies inside, None where there are none."""
    positive = np.maximum(values, 0)
    total = float(positive.sum(dtype=np.float64))
    return float(positive[inside].sum(dtype=np.float64)) / total if total > 0 else None
