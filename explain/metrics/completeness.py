"""Completeness: do the map's values add up to what they say they explain?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch

from explain.baselines import baseline
from explain.metric import Metric, fitting, register
from explain.paths import residual
from explain.results import Score
from models.errors import UnsuitableError
from models.progress import report

if TYPE_CHECKING:
    from explain.method import Method
    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace

#: The checks of methods whose values add up, by the first of which they are judged: LRP's leaves biases aside.
CLAIMS = ("completeness", "conservation")


@register
@dataclass(frozen=True)
class Completeness(Metric):
    """How much of the score's rise over an empty picture the map's values miss; lower is better.

    A share of that rise: 0 where the values add up to y(picture) - y(baseline). A method that claims to add up has
    measured it while it made its map, against the picture that it began with (LRP: what is lost on the way back to the
    pixels where biases take nothing). Of a map that names no method, the rise over the baseline chosen here is taken.
    There are no control maps: a map that knows nothing of the network has no unit in which it could add up to a score
    (Sundararajan et al., 2017, arXiv:1703.01365).
    """

    family: ClassVar = "Axioms"
    label: ClassVar = "Completeness"
    paper: ClassVar = "Sundararajan et al., 2017, arXiv:1703.01365"
    caption: ClassVar = "do the values add up to the score?"
    better: ClassVar = "lower"
    cost: ClassVar = 1
    passes: ClassVar = 0.01

    baseline: Annotated[
        Literal["black", "white", "grey", "blur"], "The empty picture, for a map that does not say how it was made"
    ] = "black"

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Score:
        """Compare the sum of the values with the rise of the score."""
        target = fitting(trace, heatmap, target)
        report(0, 1)
        measured = next((heatmap.checks[claim] for claim in CLAIMS if claim in heatmap.checks), None)
        made_by = method or heatmap.method
        if measured is None and made_by is not None:
            raise UnsuitableError(
                f"The values of {made_by.label} do not claim to add up to the score, so nothing can be missing."
            )
        if measured is None:
            with torch.no_grad():
                empty = trace.model(baseline(trace.pixels, self.baseline))
                rise = float(target(trace.logits)[0]) - float(target(empty)[0])
            measured = residual(float(heatmap.values.sum(dtype=np.float64)), rise)
        report(1, 1)
        return Score(value=measured, better=self.better)
