"""Where a transformer's places look: the attention weights of each head, and its tokens on their grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torchvision.models.maxvit import PartitionAttentionLayer
from torchvision.models.swin_transformer import ShiftedWindowAttention

from explain.suitability import laid_out
from models.errors import LayerError
from models.graph import run

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.tracing import Trace
    from models import LoadedModel

#: Stands for the place of a token that is neither a class token nor on the grid.
BEYOND = -(2**20)

#: A weight below this is that of a place that may not be looked at.
NOTHING = 1e-20


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """How much one place of a layer takes from every other, for each head.

    place: (row, column) of the place that looks, None = the class token. maps: (heads, h, w) float32, weights from
    0 to 1. elsewhere: (heads,) float32, what goes to tokens that belong to no place (the class token, a window's
    padding); with it each head adds up to 1. within: (h, w), the places that it can look at.
    """

    layer: str
    place: tuple[int, int] | None
    maps: NDArray[np.float32]
    elsewhere: NDArray[np.float32]
    within: NDArray[np.bool_]

    @property
    def spread(self) -> NDArray[np.float32]:
        """Over how many places each head spreads its attention, (heads,): 2 to the power of its entropy in bits."""
        weights = np.concatenate([self.maps.reshape(len(self.maps), -1), self.elsewhere[:, None]], 1)
        places: NDArray[np.float32] = np.exp2(-(weights * np.log2(np.clip(weights, 1e-12, None))).sum(1))
        return places


@dataclass(frozen=True, eq=False)
class TokenMaps:
    """The tokens of a layer on their grid, each (h, w) float32.

    length: of each token. alike: its cosine with the token at `place`. to_class: its cosine with the class token, None
    where there is none.
    """

    layer: str
    place: tuple[int, int]
    length: NDArray[np.float32]
    alike: NDArray[np.float32]
    to_class: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class _Windows:
    """The weights of a layer and where its tokens lie.

    weights (windows, heads, tokens, tokens). places (windows, tokens): the number of each token's place, row by row
    on the grid; -1 is the class token, and what lies lower belongs to no place.
    """

    weights: Tensor
    places: Tensor


def attention_layers(model: LoadedModel) -> tuple[str, ...]:
    """List the layers whose attention can be read, in the order they run; none for a network without any."""
    operations = model.graph.operations
    if operations is None:
        return ()
    found = []
    for layer in model.layers():
        module = operations.modules.get(layer.name)
        if isinstance(module, nn.MultiheadAttention):
            node = model.graph.node(layer.name)
            readable = node.args[:1] == node.args[1:2] and module.batch_first and model.graph.geometry[layer.name].grid
            if readable:
                found.append(layer.name)
        elif isinstance(module, (ShiftedWindowAttention, PartitionAttentionLayer)):
            found.append(layer.name)
    return tuple(found)


def nearest(model: LoadedModel, layer: str) -> str | None:
    """Name the attention that goes with a layer: itself, or the next one to run, else the last; None without any."""
    known = attention_layers(model)
    order = [info.name for info in model.layers()]
    after = (name for name in known if order.index(name) >= order.index(layer))
    return next(after, known[-1]) if known else None


def grid(model: LoadedModel, layer: str) -> tuple[int, int]:
    """Count the rows and columns of places that a layer's attention looks over."""
    module = _module(model, layer)
    if isinstance(module, PartitionAttentionLayer):
        rows, columns = module.grid_size
    elif isinstance(module, ShiftedWindowAttention):
        rows, columns = model.graph.layer(layer).shape[1:3]
    else:
        rows, columns = model.graph.geometry[layer].grid or (0, 0)
    return rows, columns


def weights(trace: Trace, layer: str) -> Tensor:
    """Compute the attention weights of a layer for the traced picture: (windows, heads, queries, keys).

    Without windows there is one. torchvision asks attention for no weights, so they are computed again from the layer's
    own input; each row adds up to 1.
    """
    return _windows(trace, layer).weights


def looking_from(trace: Trace, layer: str, place: tuple[int, int] | None) -> AttentionMaps:
    """Show, for each head, where one place (row, column) of a layer looks; None = the class token."""
    found = _windows(trace, layer)
    rows, columns = grid(trace.model, layer)
    if place is None and not bool((found.places == -1).any()):
        raise LayerError(f"{layer!r} has no class token.", "Pick a place.")
    if place is not None and not (0 <= place[0] < rows and 0 <= place[1] < columns):
        raise LayerError(f"{layer!r} has {rows} x {columns} places, so it has no place {place}.")
    number = -1 if place is None else place[0] * columns + place[1]
    window, token = (int(at) for at in (found.places == number).nonzero()[0])
    keys, given = found.places[window], found.weights[window, :, token]
    # A window that was shifted over the edge hides some of its places from others.
    given = given.where(given > NOTHING, 0.0)
    on_grid = keys >= 0
    maps = given.new_zeros((len(given), rows * columns))
    maps[:, keys[on_grid]] = given[:, on_grid]
    within = np.zeros(rows * columns, bool)
    within[keys[on_grid].cpu().numpy()] = given[:, on_grid].any(0).cpu().numpy()
    return AttentionMaps(
        layer=layer,
        place=place,
        maps=_array(maps.reshape(-1, rows, columns)),
        elsewhere=_array(given[:, ~on_grid].sum(1)),
        within=within.reshape(rows, columns),
    )


def token_maps(trace: Trace, layer: str, place: tuple[int, int]) -> TokenMaps:
    """Lay a layer's tokens out: how long each is, and how like the one at a place (row, column)."""
    output = trace.activation(layer)
    tokens = laid_out(trace.model, layer, output)[0]
    geometry = trace.model.graph.geometry[layer]
    rows, columns = tokens.shape[1:]
    if not (0 <= place[0] < rows and 0 <= place[1] < columns):
        raise LayerError(f"{layer!r} has {rows} x {columns} places, so it has no place {place}.")
    to_class = None
    if geometry.prefix:
        first = output.permute([geometry.axes.index(axis) for axis in "NTC"])[0, 0]
        to_class = _array(functional.cosine_similarity(tokens, first[:, None, None], dim=0))
    alike = functional.cosine_similarity(tokens, tokens[:, place[0], place[1], None, None], dim=0)
    return TokenMaps(layer, place, _array(tokens.norm(dim=0)), _array(alike), to_class)


def _windows(trace: Trace, layer: str) -> _Windows:
    module = _module(trace.model, layer)
    if isinstance(module, ShiftedWindowAttention):
        return _of_shifted_windows(trace, layer, module)
    if isinstance(module, PartitionAttentionLayer):
        return _of_partitions(trace, layer, module)
    return _of_tokens(trace, layer, module)


def _module(model: LoadedModel, layer: str) -> nn.Module:
    """Return the module of a layer's attention, or refuse a layer that has none."""
    model.graph.layer(layer)
    if model.graph.operations is None or layer not in attention_layers(model):
        raise LayerError(f"{layer!r} has no attention that can be read.", "Pick a layer of a transformer's attention.")
    return model.graph.operations.modules[layer]


def _of_tokens(trace: Trace, layer: str, module: nn.Module) -> _Windows:
    """Ask the attention of a row of tokens for its weights, too."""
    model = trace.model
    node, geometry = model.graph.node(layer), model.graph.geometry[layer]
    sources = [source for source in node.args[:3] if isinstance(source, fx.Node)]
    args = [trace.activation(model.graph.names[source]) for source in sources]
    with torch.no_grad(), model.lock:
        given = module(*args, need_weights=True, average_attn_weights=False)[1]
    count = math.prod(grid(model, layer))
    places = torch.arange(given.shape[-1], device=given.device) - geometry.prefix
    before = places < 0
    # The first token in front of the others is the class token.
    places[before] = -1 - torch.arange(geometry.prefix, device=given.device)
    places[places >= count] = BEYOND
    return _Windows(given, places[None])


def _of_shifted_windows(trace: Trace, layer: str, module: ShiftedWindowAttention) -> _Windows:
    """Run the attention of Swin's windows again, and listen to its softmax."""
    model, operations = trace.model, trace.model.graph.operations
    assert operations is not None
    node = model.graph.node(layer)
    known = {source: trace.activation(model.graph.names[source]) for source in node.all_input_nodes[:1]}
    with torch.no_grad(), model.lock, _Listening() as heard:
        run(operations, known, [node])
    (given,) = heard.softmax
    rows, columns = grid(model, layer)
    height, width = module.window_size
    places = torch.arange(rows * columns).reshape(rows, columns)
    places = functional.pad(places, (0, -columns % width, 0, -rows % height), value=BEYOND)
    sides = zip(module.window_size, places.shape, module.shift_size, strict=True)
    # As in torchvision: a window that covers the whole side is not shifted.
    shifts = [0 if window >= side else -shift for window, side, shift in sides]
    places = places.roll(shifts, (0, 1))
    down, across = places.shape[0] // height, places.shape[1] // width
    places = places.reshape(down, height, across, width).transpose(1, 2).reshape(down * across, height * width)
    return _Windows(given, places.to(given.device))


def _of_partitions(trace: Trace, layer: str, module: PartitionAttentionLayer) -> _Windows:
    """Read the softmax of MaxViT's windows or grids, and cut a sheet of numbers up as it cuts its input up."""
    rows, columns = grid(trace.model, layer)
    given = trace.activation(f"{layer}.attn_layer.1.softmax")[0]
    places = torch.arange(rows * columns).reshape(1, 1, rows, columns)
    cut = module.partition_swap(module.partition_op(places, module.p))
    return _Windows(given, cut[0, :, :, 0].to(given.device))


class _Listening(TorchFunctionMode):
    """Keeps what every softmax inside the `with` gives."""

    def __init__(self) -> None:
        super().__init__()
        self.softmax: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is functional.softmax:
            self.softmax.append(result)
        return result


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.float().cpu().numpy()
