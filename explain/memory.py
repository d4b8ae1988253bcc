"""What happens where memory runs out: smaller batches, then the CPU, then a sentence."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from explain.stepping import measured_batch, samples_per_step
from explain.tracing import Trace
from models.device import no_memory, out_of_memory
from models.grad_mode import outside_inference

if TYPE_CHECKING:
    from models import LoadedModel

Answer = TypeVar("Answer")
#: Something that can be cut in two: a tensor of pictures, or a list.
Batch = TypeVar("Batch", Tensor, list[tuple[Tensor, int]])


def within_memory(trace: Trace, ask: Callable[[Trace], Answer], batch: int | None = None) -> Answer:
    """Ask something of a trace; where memory runs out, halve the batch, then take the CPU, then say so in a sentence.

    batch: samples taken at once, None = measured. On the CPU `ask` gets a trace of its own.
    """
    size = batch
    while True:
        try:
            with outside_inference(), torch.no_grad(), samples_per_step(size):
                return ask(trace)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            size = (size or measured_batch(trace)) // 2
            if size == 0 and trace.model.device.type == "cpu":
                raise no_memory() from error
            if size == 0:
                trace, size = Trace(on_cpu(trace.model), trace.pixels.cpu()), None


def by_halves(batch: Batch, ask: Callable[[Batch], Answer], join: Callable[[Answer, Answer], Answer]) -> Answer:
    """Ask something of a batch; where memory runs out, of its halves, whose answers are joined in their order."""
    try:
        return ask(batch)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        if len(batch) == 1:
            raise no_memory() from error
    half = len(batch) // 2
    return join(by_halves(batch[:half], ask, join), by_halves(batch[half:], ask, join))


def on_cpu(model: LoadedModel) -> LoadedModel:
    """Copy a network to the CPU."""
    torch.cuda.empty_cache()
    with model.lock:
        network = copy.deepcopy(model.network).cpu()
    return dataclasses.replace(model, network=network, device=torch.device("cpu"), lock=RLock())
