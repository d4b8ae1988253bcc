"""Runs a picture through a network for a trace: layers' outputs, gradients at them, and the rest after them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch

from models.hooks import recording, replacing

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel


class Runner(ABC):
    """One picture in one network. Abstract: `GraphRunner` cuts the network anywhere, `HookRunner` runs it whole."""

    logits: Tensor

    def __init__(self, model: LoadedModel, pixels: Tensor) -> None:
        self.model = model
        with torch.no_grad():
            self.normalised = model.normalise(pixels)

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
    """For networks that torch.fx cannot follow: every question is a whole run with hooks."""

    def __init__(self, model: LoadedModel, pixels: Tensor) -> None:
        super().__init__(model, pixels)
        self.seen: dict[str, Tensor] = {}
        with torch.no_grad(), model.lock:
            self.logits = model.network(self.normalised)

    def value(self, layer: str) -> Tensor:
        """Run the network once for each layer asked, and remember its output."""
        self.model.graph.layer(layer)
        if layer not in self.seen:
            with torch.no_grad(), self.model.lock, recording(self.model.network, self._module(layer)) as seen:
                self.model.network(self.normalised)
            self.seen |= seen
        return self.seen[layer]

    def gradients(self, target: Target, layers: list[str]) -> list[Tensor]:
        """Run the network with gradients, and differentiate once by all the layers."""
        for layer in layers:
            self.model.graph.layer(layer)
        modules = {self._module(layer) for layer in layers}
        with torch.enable_grad(), self.model.lock, recording(self.model.network, *modules) as seen:
            logits = self.model.network(self.normalised.detach().requires_grad_())
            outputs = [seen[layer] for layer in layers]
            found = torch.autograd.grad(target(logits).sum(), outputs, allow_unused=True, materialize_grads=True)
        return list(found)

    def rest(self, layer: str, activation: Tensor, copies: int) -> Tensor:
        """Run the whole network with the layer's output replaced."""
        self.model.graph.layer(layer)
        pixels = self.normalised.expand(copies, -1, -1, -1)
        with self.model.lock, replacing(self.model.network, {layer: activation}):
            logits: Tensor = self.model.network(pixels)
        return logits

    @property
    def nbytes(self) -> int:
        """Count the bytes of all outputs held."""
        return sum(tensor.nbytes for tensor in self.seen.values()) + self.normalised.nbytes

    def _module(self, layer: str) -> str:
        return layer if layer in dict(self.model.network.named_modules()) else layer.rpartition("_")[0]
