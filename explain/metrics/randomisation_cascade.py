"""The randomisation cascade: does the map change when the network forgets what it has learned?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from explain.agreement import likeness, spearman
from explain.asking_again import another_map
from explain.control_maps import CONTROLS, control_maps
from explain.hiding import area
from explain.metric import Metric, fitting, maker, register
from explain.params import Range
from explain.randomising import Randomising
from explain.results import Curve
from explain.tracing import Trace
from models.errors import ConvLensError, UnsuitableError
from models.progress import from_listener, report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.method import Method
    from explain.results import Heatmap
    from explain.target import Target

    Floats = NDArray[np.float32]


@register
@dataclass(frozen=True)
class RandomisationCascade(Metric):
    """How much of the map is left when the network's layers become random, from the output down; lower is better.

    A copy of the network gets fresh random weights, layer by layer; at up to `stages` places, evenly spread, the method
    is asked again with the same target. x: the share of the layers that are random, y: Spearman's rank correlation of
    the sizes of both maps (signs do not count), from 1 at the start; a blank map counts as 0, one
    that stays as it was as 1. The figure is the mean height of the curve. A map that stays, as an edge detector does,
    cannot show what the network learned. checks: "edges" and "edges_before", the same correlation of the last map, and
    of the map itself, with an edge detector (Adebayo et al., 2018, arXiv:1810.03292; drawn anew as in He et al., 2015,
    arXiv:1502.01852).
    """

    family: ClassVar = "Randomisation"
    label: ClassVar = "Randomisation cascade"
    paper: ClassVar = "Adebayo et al., 2018, arXiv:1810.03292"
    caption: ClassVar = "make layers random from the top: does the map change?"
    better: ClassVar = "lower"
    asks_again: ClassVar = True
    cost: ClassVar = 8
    passes: ClassVar = 0.5
    axes: ClassVar = ("share of layers random", "rank correlation")

    stages: Annotated[int, Range(1, 500), "Places in the cascade where the map is asked again, at the most"] = 8
    seed: Annotated[int, Range(0, 99), "Draw of the weights"] = 0

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Curve:
        """Ask the method again at each stage."""
        target = fitting(trace, heatmap, target)
        asked = maker(self, heatmap, method)
        copied = Randomising(trace.model, self.seed)
        if not copied.layers:
            raise UnsuitableError("This network has no weights that could become random.")
        cascade = _Cascade(heatmap.values, len(copied.layers))
        count = min(self.stages, len(copied.layers))
        for stage in range(count):
            tell = cascade.teller(stage, count)
            tell()
            random = round((stage + 1) * len(copied.layers) / count)
            copied.go_on(random)
            try:
                found = another_map(asked, Trace(copied.model, trace.pixels), target, tell)
            except ConvLensError as error:
                if from_listener(error):
                    raise
                cascade.miss(error)
            else:
                cascade.add(random, copied.layers[random - 1], found.values)
        report(count, count)
        if len(cascade.y) == 1:
            raise UnsuitableError(f"{asked.label} gives no map once layers are random: {cascade.reason}")
        return cascade.curve(control_maps(trace)["edges"])


class _Cascade:
    """The curve as far as it has come."""

    def __init__(self, original: Floats, layers: int) -> None:
        self.original = self.last = np.abs(original)
        self.layers = layers
        self.x, self.y, self.stages = [0.0], [1.0], ["as trained"]
        self.missed = 0
        self.reason = ""

    def add(self, random: int, name: str, values: Floats) -> None:
        """Compare the map of a network of which so many layers are random, the last one of them called so."""
        self.last = np.abs(values)
        self.x.append(random / self.layers)
        self.y.append(likeness(self.last, self.original, spearman))
        self.stages.append(name)

    def miss(self, error: ConvLensError) -> None:
        """Count a stage at which there is no map."""
        self.missed += 1
        self.reason = error.message

    def teller(self, stage: int, count: int) -> Callable[[], None]:
        """Return what reports that so many of the stages are done."""
        return lambda: report(stage, count, self.curve if len(self.y) > 1 else None)

    def curve(self, edges: Floats | None = None) -> Curve:
        """Return the curve; its mean height is taken as far as there are maps."""
        x, y = np.array(self.x, np.float32), np.array(self.y, np.float32)
        missing = f"At {self.missed} of {self.missed + len(y) - 1} stages there is no map: {self.reason}"
        checks = {}
        if edges is not None:
            checks = {
                "edges_before": spearman(self.original, edges) or 0.0,
                "edges": spearman(self.last, edges) or 0.0,
            }
        return Curve(
            x=x,
            y=y,
            area=area(x, y) / float(x[-1]),
            better=RandomisationCascade.better,
            stages=tuple(self.stages),
            # They ask no network, so nothing that happens to one changes them.
            baselines=dict.fromkeys(CONTROLS, 1.0),
            others={name: np.ones_like(y) for name in CONTROLS},
            checks=checks,
            notes=(missing,) if self.missed else (),
        )
