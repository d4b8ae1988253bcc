"""Max-sensitivity: how much does the map change when the picture hardly does?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
import torch

from explain.asking_again import another_map
from explain.control_maps import control_maps
from explain.metric import Metric, fitting, maker, register
from explain.params import Range
from explain.results import Score
from explain.tracing import Trace
from models.progress import report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.method import Method
    from explain.results import Heatmap
    from explain.target import Target

    Floats = NDArray[np.float32]


@register
@dataclass(frozen=True)
class MaxSensitivity(Metric):
    """How much the map changes at the most when the picture changes by noise that nobody sees; lower is better.

    Each pixel and colour gets noise, uniform within the radius and cut off at black and white, and the method is asked
    again. The figure is the largest distance between the two maps, as a share of the map's length (both as Euclidean
    norms). It is 0 for a map that never changes, as control maps show: being steady alone makes no map good
    (Yeh et al., 2019, arXiv:1901.09392).
    """

    family: ClassVar = "Robustness"
    label: ClassVar = "Max-sensitivity"
    paper: ClassVar = "Yeh et al., 2019, arXiv:1901.09392"
    caption: ClassVar = "change the picture by unseen noise: does the map stay?"
    better: ClassVar = "lower"
    cost: ClassVar = 10
    passes: ClassVar = None
    asks_again: ClassVar = True

    samples: Annotated[int, Range(1, 200), "Pictures with noise"] = 10
    radius: Annotated[float, Range(0.001, 0.5, 0.001), "Noise at the most, in pixel values from 0 to 1"] = 0.02
    seed: Annotated[int, Range(0, 99), "Draw of the noise"] = 0

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Score:
        """Ask the method about each picture with noise."""
        target = fitting(trace, heatmap, target)
        asked = maker(self, heatmap, method)
        generator = torch.Generator().manual_seed(self.seed)
        maps = {"": heatmap.values, **control_maps(trace)}
        most = dict.fromkeys(maps, 0.0)

        for sample in range(self.samples):
            tell = self._teller(sample, most)
            tell()
            noise = self.radius * (2 * torch.rand(trace.pixels.shape, generator=generator) - 1)
            other = Trace(trace.model, (trace.pixels + noise.to(trace.pixels)).clamp(0, 1))
            # The random map and the picture's centre are the same for every picture.
            found = {"": another_map(asked, other, target, tell).values, **control_maps(other)}
            most = {name: max(most[name], _change(values, found[name])) for name, values in maps.items()}
        report(self.samples, self.samples)
        return self._score(most)

    def _teller(self, sample: int, most: dict[str, float]) -> Callable[[], None]:
        return lambda: report(sample, self.samples, (lambda: self._score(most)) if sample else None)

    def _score(self, most: dict[str, float]) -> Score:
        return Score(
            value=most[""], better=self.better, baselines={name: value for name, value in most.items() if name}
        )


def _change(before: Floats, after: Floats) -> float:
    length = float(np.linalg.norm(before.astype(np.float64)))
    # A picture of one colour has no edges.
    return float(np.linalg.norm(after.astype(np.float64) - before)) / (length or 1.0)
