"""A copy of a network whose layers become random, one after the other, from the output down."""

from __future__ import annotations

import copy
import dataclasses
from threading import RLock
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from explain.suitability import default_layer, without_spatial_layer
from models.hooks import module_of

if TYPE_CHECKING:
    from torch import Tensor

    from models import LoadedModel

NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
LINEAR = (nn.modules.conv._ConvNd, nn.Linear)
#: Standard deviation of what is neither a convolution nor a linear layer, such as tokens and tables of positions.
WIDTH = 0.02


class Randomising:
    """A copy of a loaded model of which the layers nearest to the output are random.

    model: the copy, to be asked as any other; the original shares nothing with it but what it reads of its
    operations, so nothing is traced again. layers: the names of what is made random, from the output down; each is a
    module with weights and the norms that follow it.
    """

    def __init__(self, model: LoadedModel, seed: int) -> None:
        self._groups = weighted(model)
        self.layers = tuple(group[0] for group in self._groups)
        self.model = twin(model)
        self._modules = dict(self.model.network.named_modules())
        self._generator = torch.Generator().manual_seed(seed)
        self._done = 0

    def go_on(self, count: int) -> None:
        """Make the layers nearest to the output random, `count` of them; those that are stay as they are."""
        for group in self._groups[self._done : count]:
            for name in group:
                _draw_anew(self._modules[name], self._generator)
        self._done = max(count, self._done)


def twin(model: LoadedModel) -> LoadedModel:
    """Return the same model with a copy of its network, whose operations are not read again.

    The layer that class activation maps read is the original's, whatever the copy's weights become.
    """
    graph = model.graph
    layer = None if without_spatial_layer(model) else default_layer(model)
    with model.lock:
        network = copy.deepcopy(model.network)
    other = dataclasses.replace(
        model, network=network, lock=RLock(), card=dataclasses.replace(model.card, default_layer=layer)
    )
    if graph.operations is not None:
        modules = dict(network.named_modules())
        operations = dataclasses.replace(graph.operations, network=network, modules=modules)
        graph = dataclasses.replace(graph, operations=operations)
    # As LoadedModel does it when it has read the operations; reading takes longer than several gradients.
    object.__setattr__(other, "_graph", graph)
    return other


def weighted(model: LoadedModel) -> tuple[tuple[str, ...], ...]:
    """Group the modules that hold weights of their own, from the output down: each with the norms that follow it.

    In the order that they run; a module that is not called by itself goes with the one that holds it.
    """
    modules = dict(model.network.named_modules())
    place = {module_of(layer.name, modules): number for number, layer in enumerate(model.layers())}
    groups: list[list[str]] = []
    for name in sorted((name for name in modules if _holds_weights(modules[name])), key=lambda name: _at(name, place)):
        if groups and isinstance(modules[name], NORMS):
            groups[-1].append(name)
        else:
            groups.append([name])
    return tuple(tuple(group) for group in reversed(groups))


def _at(name: str, place: dict[str, int]) -> int:
    """Return when a module runs, or what holds it; what the whole network holds comes before all."""
    while name and name not in place:
        name = name.rpartition(".")[0]
    return place.get(name, -1)


def _holds_weights(module: nn.Module) -> bool:
    return any(True for _ in module.parameters(recurse=False))


def _draw_anew(module: nn.Module, generator: torch.Generator) -> None:
    """Give a module the weights that it could have had before training.

    Convolutions and linear layers: normal, scaled by their inputs (He et al., 2015, arXiv:1502.01852), which hands on
    what comes in neither louder nor softer, so that deep networks still pass gradients; biases 0. Norms: 1 and 0, and
    for batch norms the statistics of something normal.
    """
    with torch.no_grad():
        for name, weights in module.named_parameters(recurse=False):
            weights.copy_(_drawn(module, name, weights.shape, generator))
    if isinstance(module, _NormBase):
        module.reset_running_stats()


def _drawn(module: nn.Module, name: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    if isinstance(module, NORMS):
        return torch.ones(shape) if name == "weight" else torch.zeros(shape)
    if len(shape) < 2:
        return torch.zeros(shape)
    scale = (2 / shape[1:].numel()) ** 0.5 if isinstance(module, LINEAR) else WIDTH
    return torch.randn(shape, generator=generator) * scale
