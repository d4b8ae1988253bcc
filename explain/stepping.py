"""How many samples a method takes at once, and its progress from step to step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

from models.device import out_of_memory
from models.progress import report

if TYPE_CHECKING:
    from explain.tracing import Trace
    from models import LoadedModel

#: A step should end this soon, in seconds, so that a job can be stopped between two.
STEP_SECONDS = 0.2
#: What a forward and the gradient of the input cost, in forwards.
GRADIENT_COST = 2.2
#: Samples of 224 x 224 in a step, at the most: more cost memory and gain nothing on a CPU.
MOST_ON_CPU, MOST_ON_GPU = 8, 64

_batch: ContextVar[int | None] = ContextVar("convlens_batch", default=None)
_measured: WeakKeyDictionary[LoadedModel, tuple[float, int]] = WeakKeyDictionary()


@contextmanager
def samples_per_step(batch: int | None) -> Iterator[None]:
    """Make methods inside the `with` take this many samples at once.

    None = as many as before: what an outer `with` says, else as many as measured to fit a step.
    """
    token = _batch.set(batch or _batch.get())
    try:
        yield
    finally:
        _batch.reset(token)


def steps(
    trace: Trace, total: int, partial: Callable[[], Any] | None = None, *, gradient: bool = False
) -> Iterator[slice]:
    """Split `total` samples into steps and report before each one and after the last.

    `partial` gives the result so far; it is called only when somebody listens. `gradient`: whether each
    sample costs a gradient beside its forward.
    """
    size = _batch.get() or measured_batch(trace, gradient=gradient)
    for start in range(0, total, size):
        report(start, total, partial if start else None)
        yield slice(start, min(start + size, total))
    report(total, total)


def at_once(most: int) -> int:
    """Return how many samples a job may take that takes `most` at once where memory allows."""
    return min(most, _batch.get() or most)


def measured_batch(trace: Trace, *, gradient: bool = False) -> int:
    """Measure once for each model how many samples fit a step; always the same for one loaded model.

    Where there is not even memory for one, the answer is 1.
    """
    if trace.model not in _measured:
        side = trace.pixels.shape[-1]
        most = MOST_ON_CPU if trace.model.device.type == "cpu" else MOST_ON_GPU
        most = min(64, max(1, round(most * (224 / side) ** 2)))
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            try:
                with torch.no_grad():
                    trace.model(trace.pixels).sum().item()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                return 1
            best = min(best, time.perf_counter() - began)
        _measured[trace.model] = (best, most)
    seconds, most = _measured[trace.model]
    return max(1, min(most, int(STEP_SECONDS / (seconds * (GRADIENT_COST if gradient else 1)))))
