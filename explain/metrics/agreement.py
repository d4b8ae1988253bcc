"""Agreement: do other kinds of method say the same of this picture?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from explain.agreement import spearman, ssim
from explain.asking_again import another_map
from explain.control_maps import beside, control_maps
from explain.engine import unsuitable
from explain.methods.grad_cam import GradCAM
from explain.methods.input_x_gradient import InputXGradient
from explain.methods.occlusion import Occlusion
from explain.metric import Metric, fitting, register
from explain.results import Score
from models.errors import UnsuitableError
from models.progress import from_listener, report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.method import Method
    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace

    Floats = NDArray[np.float32]

#: Windows that are hidden along each side.
WINDOWS = 7


@register
@dataclass(frozen=True)
class Agreement(Metric):
    """How much the map resembles what other kinds of method say of the same picture and target; higher is better.

    The mean over Grad-CAM, Input x Gradient and Occlusion (49 windows), without the one of the same family as the
    method that made the map, which may be nearly that map, and those that mean nothing on this network. Spearman's rank
    correlation, from -1 to 1, or structural similarity of the maps, each brought to a largest size of 1; signs count.
    `checks` hold the figure for each. That methods agree does not make them right, and where they do not, at least one
    is wrong (Krishna et al., 2022, arXiv:2202.01602).
    """

    family: ClassVar = "Agreement"
    label: ClassVar = "Agreement"
    paper: ClassVar = "Krishna et al., 2022, arXiv:2202.01602"
    caption: ClassVar = "do other kinds of method say the same?"
    better: ClassVar = "higher"
    cost: ClassVar = 55
    same_controls: ClassVar = False

    by: Annotated[Literal["spearman", "ssim"], "How two maps are compared"] = "spearman"

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Score:
        """Ask the other methods, and compare."""
        target = fitting(trace, heatmap, target)
        if heatmap.values.min() == heatmap.values.max():
            raise UnsuitableError("The map is the same everywhere, so it agrees and disagrees with none.")
        made_by = method or heatmap.method
        others = [other for other in _kinds(trace) if made_by is None or other.family != made_by.family]
        maps = {type(other).__name__: found for other, found in _asked(trace, target, others).items()}
        compared = {name: self._alike(heatmap.values, other) for name, other in maps.items()}
        alike = {name: found for name, found in compared.items() if found is not None}
        if not alike:
            raise UnsuitableError("No other kind of method gives a map of this network to compare with.")
        controls = {
            name: [self._alike(values, maps[other]) or 0.0 for other in alike]
            for name, values in control_maps(trace).items()
        }
        return Score(
            value=float(np.mean(list(alike.values()))),
            better=self.better,
            baselines={name: float(np.mean(found)) for name, found in controls.items()},
            checks=alike,
        )

    def _alike(self, one: Floats, other: Floats) -> float | None:
        if self.by == "spearman":
            return spearman(one, other)
        return ssim(*(values / (np.abs(values).max() or 1) for values in (one, other)))


def _kinds(trace: Trace) -> list[Method]:
    window = -(-max(trace.pixels.shape[2:]) // WINDOWS)
    return [GradCAM(), InputXGradient(), Occlusion(window=window, stride=window)]


def _asked(trace: Trace, target: Target, methods: list[Method]) -> dict[Method, Floats]:
    """Ask the methods that suit the network; the trace remembers their maps."""
    known: dict[str, Floats | None] = beside(trace, ("other kinds", target))
    for done, method in enumerate(methods):
        report(done, len(methods))
        name = type(method).__name__
        if name not in known:
            known[name] = _map(trace, target, method, done, len(methods))
    report(len(methods), len(methods))
    return {method: found for method in methods if (found := known[type(method).__name__]) is not None}


def _map(trace: Trace, target: Target, method: Method, done: int, total: int) -> Floats | None:
    if unsuitable(trace.model, type(method)) is not None:
        return None
    try:
        return another_map(method, trace, target, lambda: report(done, total)).values
    except UnsuitableError as error:
        if from_listener(error):
            raise
        return None
