"""The single door to a check of a map: memory, time, and where the figure came from."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np

from explain.engine import target_of
from explain.memory import within_memory
from explain.method import Method
from explain.metric import Metric
from explain.results import Curve, Heatmap, Score
from models.errors import ModelError, ParameterError

if TYPE_CHECKING:
    from explain.target import Target
    from explain.tracing import Trace


def measure(
    trace: Trace,
    metric: Metric,
    heatmap: Heatmap,
    target: Target | int | None = None,
    method: Method | None = None,
    *,
    batch: int | None = None,
) -> Curve | Score:
    """Check a map of a traced picture by one metric, such as Deletion().

    target: the question that the map answers; None = the one that the map names, or the predicted class. method: what
    made the map, where the metric asks it again; None = the one that the map names. batch: samples taken at once, None
    = measured. Raises UnsuitableError where the metric would mean nothing for this map. Where memory runs out, the
    batch is halved, and then the CPU takes over.
    """
    if not isinstance(metric, Metric):
        raise ParameterError(f"Wanted an instance of a metric, such as Deletion(), not {metric!r}.")
    if not isinstance(heatmap, Heatmap):
        raise ParameterError(f"{metric.label} checks maps, not {type(heatmap).__name__}.")
    asked = within_memory(trace, lambda own: _target(own, heatmap.target if target is None else target))
    made_by = method or heatmap.method
    began = time.perf_counter()
    found = within_memory(trace, lambda given: metric(given, heatmap, asked, made_by), batch)
    if not np.isfinite(found.value):
        raise ModelError(f"{metric.label} gives no finite number for this map.", "Try another map or network.")
    return dataclasses.replace(
        found,
        metric=metric,
        method=made_by,
        target=asked,
        model=trace.model.card.key,
        seconds=time.perf_counter() - began,
    )


def _target(trace: Trace, target: Target | int | None) -> Target:
    """Turn what is asked into a target, and refuse a class that is not there."""
    asked = target_of(trace, target)
    asked(trace.logits)
    return asked
