"""Sparseness: does the map point at little, or at everything?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from explain.control_maps import control_maps
from explain.metric import Metric, fitting, register
from explain.results import Score
from models.progress import report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.method import Method
    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace

    Floats = NDArray[np.float32]


@register
@dataclass(frozen=True)
class Sparseness(Metric):
    """How few pixels hold most of the map; higher is better.

    The Gini index of the sizes of its values (signs do not count): 0 where all pixels count alike, near 1 where one of
    them holds everything. Easier to read is not truer: a noisy map of edges is sparse, and the network is not asked
    (Chalasani et al., 2018, arXiv:1810.06583).
    """

    family: ClassVar = "Complexity"
    label: ClassVar = "Sparseness"
    paper: ClassVar = "Chalasani et al., 2018, arXiv:1810.06583"
    caption: ClassVar = "is it about few pixels, or about all?"
    better: ClassVar = "higher"
    passes: ClassVar = None

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Score:
        """Measure how unevenly the values are spread."""
        fitting(trace, heatmap, target)
        report(0, 1)
        baselines = {name: gini(values) for name, values in control_maps(trace).items()}
        value = gini(heatmap.values)
        report(1, 1)
        return Score(value=value, better=self.better, baselines=baselines)


def gini(values: Floats) -> float:
    """Return the Gini index of the sizes of some values: 0 where all are alike, or all are zero."""
    sizes = np.sort(np.abs(values.astype(np.float64)), axis=None)
    total = float(sizes.sum())
    weights = 2 * np.arange(1, sizes.size + 1) - sizes.size - 1
    return float(weights @ sizes) / (sizes.size * total) if total > 0 else 0.0
