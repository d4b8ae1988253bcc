"""A network that is ready to be asked: built, filled with weights, frozen, on its device."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING

import torch

from models.device import no_memory, out_of_memory
from models.grad_mode import outside_inference
from models.graph import Graph, read_graph, run
from models.hooks import first_tensor, module_of, recording

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor, nn

    from models.card import ModelCard
    from models.graph import LayerInfo
    from models.weights import WeightsSource


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network that takes pixels in [0, 1] and gives logits.

    `card` is the card of what was loaded: its pixel space is that of the weights in use. `lock` is held
    for each single step of a computation, never for a whole job.
    """

    card: ModelCard
    network: nn.Module
    device: torch.device
    lock: RLock
    weights: WeightsSource
    _graph: Graph | None = field(default=None, init=False, repr=False)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Turn pixels (N, 3, H, W) in [0, 1] into logits (N, classes)."""
        with self.lock:
            logits: Tensor = self.network(self.normalise(pixels))
            return logits

    def output(self, layer: str, pixels: Tensor) -> Tensor:
        """Run pixels (N, 3, H, W) in [0, 1] up to a layer and return what it gives; nothing after it is computed.

        Differentiable by the pixels where gradients are enabled. A network that torch.fx cannot follow is run whole.
        """
        operations = self.graph.operations
        node = None if operations is None else self.graph.node(layer)
        with self.lock:
            normalised = self.normalise(pixels)
            if operations is None or node is None:
                with recording(self.network, module_of(layer, dict(self.network.named_modules()))) as seen:
                    self.network(normalised.clone())
                return seen[layer]
            found = first_tensor(run(operations, {operations.input: normalised}, [node])[node])
        assert found is not None
        return found

    def fingerprint(self) -> str:
        """Tell the network's weights from others by their numbers, wherever and whenever their file was written."""
        held = hashlib.sha256()
        with self.lock:
            for name, tensor in sorted(self.network.state_dict().items()):
                whole = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
                held.update(name.encode() + whole.numpy().tobytes())
        return held.hexdigest()[:16]

    def crop(self, image: Image.Image) -> Tensor:
        """Cut and resize a picture to what the network sees: (1, 3, side, side) in [0, 1], on its device."""
        return self.card.pixels.crop(image).to(self.device)

    def normalise(self, pixels: Tensor) -> Tensor:
        """Turn pixels in [0, 1] into what the first layer expects; differentiable."""
        return self.card.pixels.normalise(pixels.to(self.device)).to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The type of number that the network computes with: that of its first weights."""
        weights = (weight.dtype for weight in self.network.parameters() if weight.is_floating_point())
        return next(weights, torch.float32)

    @property
    def graph(self) -> Graph:
        """The network's operations in the order they run, read once."""
        # Not functools.cached_property: up to Python 3.11 it has a lock of its own, shared by all models, which
        # can deadlock with this one; from 3.12 on it has none, and two threads would get two graphs.
        if self._graph is None:
            with self.lock:
                if self._graph is None:
                    side = self.card.pixels.side
                    noise = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(0))
                    with outside_inference():
                        object.__setattr__(self, "_graph", read_graph(self.network, self.normalise(noise)))
        assert self._graph is not None
        return self._graph

    def layers(self) -> tuple[LayerInfo, ...]:
        """List every layer with an output, in the order they run."""
        try:
            return self.graph.layers
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            raise no_memory() from error
