"""Runs a picture through a network for a trace: layers' outputs, gradients at them, and the rest after them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from explain.gradients import differentiate
from models.device import out_of_memory
from models.errors import ModelError, PictureError
from models.hooks import module_of, recording, replacing

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel


#: What one trace may hold on to, in bytes; the rest is computed again from the nearest output held.
KEPT_BYTES = 256 * 2**20


class Runner(ABC):
    """One picture in one network. Abstract: `GraphRunner` cuts the network anywhere, `HookRunner` runs it whole."""

    def __init__(self, model: LoadedModel, pixels: Tensor) -> None:
        self.model = model
        self.pixels = pixels
        self._logits: Tensor | None = None

    @property
    def started(self) -> bool:
        """Whether the picture has been run."""
        return self._logits is not None

    @property
    def logits(self) -> Tensor:
        """The scores, (1, classes); the picture is run when they are first asked for."""
        if self._logits is None:
            with torch.no_grad(), self.model.lock, _fitting(self.model, self.pixels):
                self._logits = _finite(self.start(self.normalised))
        return self._logits

    @cached_property
    def normalised(self) -> Tensor:
        """What the first layer gets."""
        with torch.no_grad():
            return self.model.normalise(self.pixels)

    def input_gradient(self, target: Target) -> Tensor:
        """Differentiate the target by the pixels; a picture that was not run yet is run on the way."""
        leaf = self.pixels.clone().requires_grad_()
        with torch.enable_grad(), self.model.lock, _fitting(self.model, self.pixels):
            logits = self.model(leaf) if self.started else self.start(self.model.normalise(leaf))
            _finite(logits)
            (found,) = differentiate(target(logits).sum(), [leaf])
        if self._logits is None:
            self._logits = logits.detach()
        return found

    @abstractmethod
    def start(self, normalised: Tensor) -> Tensor:
        """Run the picture and return its logits, with their graph where gradients are enabled; hold what is useful."""

    @abstractmethod
    def value(self, layer: str) -> Tensor:
        """Return what the layer gave, without gradient."""

    @abstractmethod
    def gradients(self, target: Target, layers: list[str]) -> list[Tensor]:
        """Differentiate the target by all these layers' outputs in one backward."""

    @abstractmethod
    def rest(self, layer: str, activation: Tensor, copies: int) -> Tensor:
        """Run what comes after the layer, for `copies` pictures at once."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Count the bytes held on to."""


class HookRunner(Runner):
    """For networks that torch.fx cannot follow: every question is a whole run with hooks.

    The network always gets a copy of its input, since it may write into it.
    """

    def __init__(self, model: LoadedModel, pixels: Tensor) -> None:
        super().__init__(model, pixels)
        self.seen: dict[str, Tensor] = {}

    def start(self, normalised: Tensor) -> Tensor:
        """Run the network once."""
        logits: Tensor = self.model.network(normalised.clone())
        return logits

    def value(self, layer: str) -> Tensor:
        """Run the network once for each layer asked, and remember its output."""
        self.model.graph.layer(layer)
        if layer not in self.seen:
            with torch.no_grad(), self.model.lock, recording(self.model.network, self._module(layer)) as seen:
                self.model.network(self.normalised.clone())
            self.seen |= seen
            while len(self.seen) > len(seen) and self.nbytes > KEPT_BYTES:
                del self.seen[next(iter(self.seen))]
        return self.seen[layer]

    def gradients(self, target: Target, layers: list[str]) -> list[Tensor]:
        """Run the network with gradients, and differentiate once by all the layers."""
        for layer in layers:
            self.model.graph.layer(layer)
        modules = {self._module(layer) for layer in layers}
        with torch.enable_grad(), self.model.lock, recording(self.model.network, *modules) as seen:
            logits = self.model.network(self.normalised.detach().requires_grad_().clone())
            return differentiate(target(logits).sum(), [seen[layer] for layer in layers])

    def rest(self, layer: str, activation: Tensor, copies: int) -> Tensor:
        """Run the whole network with the layer's output replaced."""
        self.model.graph.layer(layer)
        pixels = self.normalised.repeat(copies, 1, 1, 1)
        with self.model.lock, replacing(self.model.network, {layer: activation}):
            logits: Tensor = self.model.network(pixels)
        return logits

    @property
    def nbytes(self) -> int:
        """Count the bytes of all outputs held."""
        return sum(tensor.nbytes for tensor in list(self.seen.values())) + self.normalised.nbytes

    def _module(self, layer: str) -> str:
        return module_of(layer, dict(self.model.network.named_modules()))


@contextmanager
def _fitting(model: LoadedModel, pixels: Tensor) -> Iterator[None]:
    """Turn the failure of a network on pictures of another size into a sentence."""
    side, given = model.card.pixels.side, tuple(pixels.shape[2:])
    try:
        yield
    except (RuntimeError, AssertionError, ValueError) as error:
        if given == (side, side) or out_of_memory(error):
            raise
        raise PictureError(f"This network wants {side} x {side} pixels, not {given[0]} x {given[1]}.") from error


def _finite(logits: Tensor) -> Tensor:
    if not torch.isfinite(logits).all():
        raise ModelError("The network gives no finite scores for this picture.", "Its weights may be damaged.")
    return logits
