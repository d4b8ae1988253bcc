"""Asking the method that made a map once more: about another class, another picture, or a network that was changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING

import numpy as np
import torch

from explain.results import Heatmap
from models.errors import ModelError, ParameterError
from models.progress import heard_by

if TYPE_CHECKING:
    from explain.method import Method
    from explain.target import Target
    from explain.tracing import Trace


def another_map(method: Method, trace: Trace, target: Target, tell: Callable[[], None]) -> Heatmap:
    """Ask a method for a map of a trace, without probing anew whether it suits the network.

    tell: reports how far the check is, whose progress this is a part of; called at every step of the method, so that
    the check can be stopped there. Raises what the method raises, and ModelError for a map that is not finite.
    """
    with torch.no_grad(), as_part(tell):
        found = method(trace, target)
    if not isinstance(found, Heatmap):
        raise ParameterError(f"This check compares maps, and {method.label} gives {type(found).__name__}.")
    if not np.isfinite(found.values).all():
        raise ModelError("The map holds values that are not finite numbers.")
    return found


@contextmanager
def as_part(tell: Callable[[], None]) -> Iterator[None]:
    """Make what runs inside the `with` a part of something larger: `tell` is called where it would report itself.

    Whoever hears of the whole hears what `tell` reports, and can stop it there.
    """
    outside = copy_context()
    with heard_by(lambda progress: outside.run(tell)):
        yield
