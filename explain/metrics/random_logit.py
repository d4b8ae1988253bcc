"""Another class: does the map change when something else is asked?"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from explain.agreement import likeness, spearman, ssim
from explain.asking_again import another_map
from explain.control_maps import CONTROLS
from explain.metric import Metric, fitting, maker, register
from explain.params import Range
from explain.results import Score
from explain.target import Contrast, classes_of
from models.errors import UnsuitableError
from models.progress import report

if TYPE_CHECKING:
    from explain.method import Method
    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class RandomLogit(Metric):
    """How much the map resembles the same method's map for another class; lower is better.

    The class is drawn among the others; of a contrast the first class is, or, where there is no third class, the two
    change places. Signs count: Spearman's rank correlation, from -1 to 1, or structural similarity. 1 says that the
    map is the same whatever is asked, as one that is the same everywhere is. Classes that look alike, and pictures that
    show both, leave a good map alike as well (Sixt et al., 2020, arXiv:1912.09818).
    """

    family: ClassVar = "Randomisation"
    label: ClassVar = "Another class"
    paper: ClassVar = "Sixt et al., 2020, arXiv:1912.09818"
    caption: ClassVar = "ask for another class: does the map change?"
    better: ClassVar = "lower"
    asks_again: ClassVar = True
    cost: ClassVar = 1
    passes: ClassVar = 0.9

    by: Annotated[Literal["spearman", "ssim"], "How the two maps are compared"] = "spearman"
    seed: Annotated[int, Range(0, 99), "Draw of the other class"] = 0

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Score:
        """Ask the method about the other class."""
        target = fitting(trace, heatmap, target)
        asked = maker(self, heatmap, method)
        other = another(target, classes_of(trace.logits), self.seed)
        found = another_map(asked, trace, other, lambda: report(0, 1))
        report(1, 1)
        names = trace.model.card.classes
        name = names[other.index] if other.index < len(names) else f"class {other.index}"
        compare = spearman if self.by == "spearman" else ssim
        return Score(
            value=likeness(heatmap.values, found.values, compare),
            better=self.better,
            # They ask no network, and are the same for every class.
            baselines=dict.fromkeys(CONTROLS, 1.0),
            notes=(f"The other class is “{name}”.",),
        )


def another(target: Target, classes: int, seed: int) -> Target:
    """Draw another class for a target; a contrast of the only two classes is turned round."""
    taken = {target.index, target.against} if isinstance(target, Contrast) else {target.index}
    others = [index for index in range(classes) if index not in taken]
    if not others and isinstance(target, Contrast):
        return Contrast(target.against, target.index)
    if not others:
        raise UnsuitableError("This network knows a single class, so no other one can be asked for.")
    index = others[int(np.random.default_rng(seed).integers(len(others)))]
    return dataclasses.replace(target, index=index)
