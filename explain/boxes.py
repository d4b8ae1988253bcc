"""A box that somebody drew around an object, and how a map lies to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from explain.control_maps import control_maps
from explain.metric import Metric, fitting
from explain.results import Score
from models.errors import ParameterError, UnsuitableError
from models.progress import report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.results import Heatmap
    from explain.tracing import Trace

    Floats = NDArray[np.float32]
    Marked = NDArray[np.bool_]

#: Left, top, and the first column and row beyond, in pixels of the crop.
Edges = tuple[int, int, int, int]


def beside_its_area(
    metric: Metric, trace: Trace, heatmap: Heatmap, box: Edges | None, figure: Callable[[Floats, Marked], float]
) -> Score:
    """Measure where a map lies to a box; beside the control maps, and the box's share of the picture's area.

    figure: of the values of a map (H, W), some of them above zero, and the pixels that lie inside.
    """
    fitting(trace, heatmap)
    height, width = heatmap.values.shape
    if box is None:
        raise ParameterError(f"{metric.label} needs the box in which the object lies.", "Hand over box=.")
    left, top, right, bottom = box
    if right > width or bottom > height:
        raise ParameterError(f"The box {box} reaches beyond the crop of {width} x {height} pixels.")
    if not (heatmap.values > 0).any():
        raise UnsuitableError("The map shows nothing that speaks for the class, so there is nothing to find.")
    report(0, 1)
    inside = np.zeros((height, width), bool)
    inside[top:bottom, left:right] = True
    value = figure(heatmap.values, inside)
    others = {name: figure(values, inside) for name, values in control_maps(trace).items() if (values > 0).any()}
    report(1, 1)
    return Score(value=value, better=metric.better, baselines={**others, "area": float(inside.mean())})


def share_inside(values: Floats, inside: Marked) -> float | None:
    """Return the share of a map's positive values that lies inside, None where there are none."""
    positive = np.maximum(values, 0)
    total = float(positive.sum(dtype=np.float64))
    return float(positive[inside].sum(dtype=np.float64)) / total if total > 0 else None
