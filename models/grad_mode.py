"""Gradients inside somebody's `torch.inference_mode()`, which turns them off for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def outside_inference() -> Iterator[None]:
    """Leave inference mode inside the `with` or the function: what is made in it can never have a gradient."""
    if not torch.is_inference_mode_enabled():
        yield
        return
    # Leaving it would turn gradients on as well.
    with torch.inference_mode(False), torch.no_grad():
        yield
