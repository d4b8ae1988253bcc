"""The one form that every check of a map has: a frozen dataclass called with a trace, the map and its target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import numpy as np

from explain.params import check
from explain.results import Direction
from models.errors import ParameterError, UnsuitableError

if TYPE_CHECKING:
    from explain.method import Method
    from explain.results import Curve, Heatmap, Score
    from explain.target import Target
    from explain.tracing import Trace

METRICS: dict[str, type[Metric]] = {}

AnyMetric = TypeVar("AnyMetric", bound="type[Metric]")

#: What a check is about, in the words of Quantus (Hedström et al., 2023, arXiv:2202.06861).
Family = Literal["Faithfulness", "Robustness", "Randomisation", "Localisation", "Complexity", "Axioms", "Agreement"]
#: When a map passes: where it is better than every control map, or its figure at least as good as a number.
Passes = float | Literal["controls"]


@dataclass(frozen=True)
class Metric(ABC):
    """Measure one thing that a good map should have.

    A subclass is a frozen dataclass; its fields are its parameters, as those of a Method. `better` says which
    direction is good, `asks_again` whether the method that made the map is asked again, on other pictures, classes
    or weights, and `cost` about how often the network is run, or the method asked. `passes` says when a map passes;
    None = no figure is a pass or a failure. `has_unit` says whether its figure is in units of the target, and of any
    size; others are shares, probabilities or correlations. `same_controls` says whether its figure of a control map is
    the same beside every method. `axes` says what x and y of its curve are. Wrong values are refused when the metric
    is made.
    """

    family: ClassVar[Family]
    label: ClassVar[str]
    paper: ClassVar[str]
    caption: ClassVar[str]
    better: ClassVar[Direction]
    asks_again: ClassVar[bool] = False
    cost: ClassVar[int] = 0
    passes: ClassVar[Passes | None] = "controls"
    has_unit: ClassVar[bool] = False
    same_controls: ClassVar[bool] = True
    axes: ClassVar[tuple[str, str]] = ("", "")

    def __post_init__(self) -> None:
        check(self)

    @abstractmethod
    def __call__(
        self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None
    ) -> Curve | Score:
        """Measure a map of a traced picture.

        target: the question that the map answers; a class index stands for its score. method: what made it, where it
        has to be asked again; by default the one that the map names.
        """


def register(cls: AnyMetric) -> AnyMetric:
    """Add a metric to METRICS under its class name; a second one of that name is an error."""
    if cls.__name__ in METRICS:
        raise ValueError(f"There is a metric named {cls.__name__!r} already.")
    METRICS[cls.__name__] = cls
    return cls


def maker(metric: Metric, heatmap: Heatmap, method: Method | None) -> Method:
    """Return the method that a metric asks again: the given one, or the one that the map names."""
    found = method or heatmap.method
    if found is None:
        raise ParameterError(
            f"{metric.label} asks the method again, and this map does not say which it came from.",
            "Hand over method=, such as GradCAM().",
        )
    return found


def fitting(trace: Trace, heatmap: Heatmap, target: Target | int | None) -> Target:
    """Return what is asked as a target, if the map belongs to the trace's crop and holds finite evidence.

    Refuses in a sentence what does not. A class index stands for its score, None for the class that is predicted.
    """
    from explain.engine import target_of

    size = tuple(trace.pixels.shape[2:])
    if heatmap.values.shape != size:
        raise ParameterError(f"A map of {heatmap.values.shape} belongs to another crop than this one of {size}.")
    if not np.isfinite(heatmap.values).all():
        raise ParameterError("The map holds values that are not finite numbers, so it cannot be checked.")
    if heatmap.empty:
        raise UnsuitableError("The map shows no evidence, so there is nothing to check.")
    return target_of(trace, target)
