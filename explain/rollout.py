"""Rolls a transformer's attention out from the class token back to the patches: what the rollouts share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from explain import attention
from explain.results import Heatmap
from explain.suitability import probe
from explain.target import ClassLogit
from explain.tracing import Trace
from models.errors import UnsuitableError

if TYPE_CHECKING:
    from torch import Tensor

    from models import LoadedModel


def why_not(model: LoadedModel) -> str | None:
    """Say why attention cannot be rolled out on a network, or None where its answer is read from a class token."""
    layers = attention.attention_layers(model)
    if not layers:
        return "This network has no attention that can be read, so there is nothing to roll out."
    found = [model.graph.geometry[layer] for layer in layers]
    if any(geometry.prefix == 0 or geometry.grid is None for geometry in found):
        return (
            "The attention of this network looks over windows or places only and has no class token, so there is no "
            "one place from which it could be rolled out."
        )
    if len({(geometry.prefix, geometry.grid) for geometry in found}) > 1:
        return "This network changes its tokens from one attention to the next, so they cannot be rolled out together."
    trace = Trace(model, probe(model))
    if not all(_is_plain(trace, layer) for layer in layers):
        return "This network's attention does more than weigh values, so its weights alone do not tell what it gathers."
    (gradient,) = trace.gradient(ClassLogit(int(trace.logits[0].argmax())), layers[-1])
    if bool(gradient[0, 0].abs().amax() > 0) and not bool(gradient[0, 1:].abs().amax() > 0):
        return None
    return "This network does not read its answer from its class token alone, so a rollout from there would mislead."


def _is_plain(trace: Trace, layer: str) -> bool:
    """Rebuild a layer's output from its weights and values, and compare: a mask or an added token would show."""
    module = _module(trace, layer)
    if module.in_proj_weight is None or module.bias_k is not None or module.add_zero_attn:
        return False
    with torch.no_grad():
        gathered = weights(trace, layer) @ values(trace, layer)
        rebuilt = module.out_proj(gathered.transpose(0, 1).flatten(1))
    given = trace.activation(layer)[0]
    return torch.allclose(rebuilt, given, rtol=1e-3, atol=1e-4 * float(given.abs().amax()))


def layers_of(trace: Trace) -> tuple[str, ...]:
    """List the attention layers in the order they run, or refuse a network without a class token's attention."""
    layers = attention.attention_layers(trace.model)
    if not layers or any(not trace.model.graph.geometry[layer].prefix for layer in layers):
        raise UnsuitableError("A rollout needs a network with attention and a class token.")
    return layers


def weights(trace: Trace, layer: str) -> Tensor:
    """Read the attention weights of a layer: (heads, tokens, tokens), each row adds up to 1."""
    return attention.weights(trace, layer)[0]


def values(trace: Trace, layer: str) -> Tensor:
    """Compute the values that the heads of a layer move: (heads, tokens, size of a head)."""
    module = _module(trace, layer)
    source = trace.model.graph.names[trace.model.graph.node(layer).all_input_nodes[0]]
    third = slice(2 * module.embed_dim, None)
    bias = None if module.in_proj_bias is None else module.in_proj_bias[third]
    moved = functional.linear(trace.activation(source)[0], module.in_proj_weight[third], bias)
    return _by_head(moved, module)


def weight_gradients(trace: Trace, layer: str, gradient: Tensor) -> Tensor:
    """Turn the gradient by a layer's output (1, tokens, size) into that by its weights: (heads, tokens, tokens).

    The output is out_proj(weights times values, heads side by side) plus a bias, so this is the chain rule written
    out; what later layers do with the weights is in `gradient` already.
    """
    module = _module(trace, layer)
    before = _by_head(gradient[0] @ module.out_proj.weight, module)
    return before @ values(trace, layer).transpose(1, 2)


def rolled(layers: Iterable[Tensor]) -> Tensor:
    """Multiply matrices (tokens, tokens) from the first layer on: how much of each place ends up in each."""
    total: Tensor | None = None
    for matrix in layers:
        total = matrix if total is None else matrix @ total
    assert total is not None
    return total


def from_class_token(trace: Trace, total: Tensor, *notes: str) -> Heatmap:
    """Lay what the class token takes from each patch out on the patches' grid, enlarged to the crop."""
    geometry = trace.model.graph.geometry[layers_of(trace)[-1]]
    rows, columns = geometry.grid or (1, 1)
    grid = total[0, geometry.prefix : geometry.prefix + rows * columns].reshape(1, 1, rows, columns)
    enlarged = functional.interpolate(grid, trace.pixels.shape[2:], mode="bilinear", align_corners=False)
    return Heatmap(
        values=enlarged[0, 0].float().cpu().numpy(), signed=False, grid=grid[0, 0].float().cpu().numpy(), notes=notes
    )


def _module(trace: Trace, layer: str) -> nn.MultiheadAttention:
    operations = trace.model.graph.operations
    assert operations is not None
    module = operations.modules[layer]
    assert isinstance(module, nn.MultiheadAttention)
    return module


def _by_head(tokens: Tensor, module: nn.MultiheadAttention) -> Tensor:
    """Split (tokens, size) into (heads, tokens, size of a head)."""
    return tokens.reshape(len(tokens), module.num_heads, -1).transpose(0, 1)
