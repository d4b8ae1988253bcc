"""Inside a step: the numbers from which one unit of a layer is computed, read from the network and a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torchvision.ops import FrozenBatchNorm2d

from explain.reading import Reading
from explain.steps import FUNCTIONS, Activation, Combination, Norm, Part, Pooling, Step, WeightedSum
from models.errors import LayerError
from models.geometry import adapts, windows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.tracing import Trace
    from models.spans import Window

    Places = NDArray[np.int64]
    Way = Literal["largest", "average"]

_COMBINED: dict[str, Literal["sum", "difference", "product", "quotient"]] = {
    **{"add": "sum", "sub": "difference", "mul": "product", "truediv": "quotient", "div": "quotient"},
}
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, FrozenBatchNorm2d)
#: Operations that only put numbers elsewhere, or do nothing once a network is trained.
_MOVES = {
    *("flatten", "reshape", "view", "permute", "transpose", "swapaxes", "cat", "concat", "contiguous", "unsqueeze"),
    *("squeeze", "getitem", "expand", "dropout", "dropout2d", "stochasticdepth", "identity", "roll", "pad"),
}


def inside(trace: Trace, layer: str, channel: int, row: int = 0, column: int = 0) -> Step:
    """Show how one unit of a layer is computed: its inputs, its weights and what is done with them.

    Of a layer without places, `channel` counts the values. A container shows the last operation in it. Refused
    where an output mixes too much to be written out, as attention does.
    """
    with torch.no_grad():
        return _step(Reading(trace, layer, channel, row, column))


def _step(read: Reading) -> Step:
    """Tell the operation's kind and read its numbers."""
    operation, name = read.operation, read.kind.lower()
    windows = windows_of(read.node, operation)
    if isinstance(operation, nn.Conv2d):
        if windows is not None and operation.padding_mode == "zeros":
            return _convolution(read, operation, windows)
    elif isinstance(operation, nn.Linear) or operation is functional.linear:
        return _linear(read)
    elif windows is not None:
        return _pooling(read, windows)
    elif adapts(operation):
        return _adaptive(read, "largest" if "max" in name else "average")
    elif name == "mean":
        return _mean(read)
    elif isinstance(operation, _BATCH_NORMS) and operation.running_var is not None:
        return _batch_norm(read, operation)
    elif isinstance(operation, nn.LayerNorm) or operation is functional.layer_norm:
        return _layer_norm(read)
    elif name in FUNCTIONS and getattr(operation, "approximate", "none") == "none":
        return Activation(**read.origin, value=read.number(read.given, read.at), function=name)
    elif name in _COMBINED:
        parts = tuple(read.part(each) for each in read.node.args[:2])
        return Combination(**read.origin, way=_COMBINED[name], parts=parts)
    elif name in _MOVES and read.sources:
        return _moved(read)
    raise LayerError(
        f"{read.layer!r} is of the kind {read.kind}, whose arithmetic cannot be laid out for one unit.",
        "Pick a convolution, a linear layer, pooling, a norm, an activation or a sum.",
    )


def _convolution(read: Reading, operation: nn.Conv2d, windows: tuple[Window, Window]) -> Step:
    output = read.at[1]
    channels = np.arange(operation.in_channels // operation.groups)
    channels += output // (operation.out_channels // operation.groups) * len(channels)
    rows, columns = (_taps(window, place) for window, place in zip(windows, read.at[2:], strict=True))
    patch, padded = _cut(read.given[0], channels, rows, columns)
    return WeightedSum(
        **read.origin,
        patch=patch,
        kernel=_numbers(operation.weight[output]),
        bias=None if operation.bias is None else float(operation.bias[output]),
        channels=channels,
        rows=rows,
        columns=columns,
        padded=padded,
    )


def _linear(read: Reading) -> Step:
    weight, bias = read.weights("weight", 1), read.weights("bias", 2)
    patch = _numbers(read.given[read.at[:-1]])
    return WeightedSum(
        **read.origin,
        patch=patch.reshape(-1, 1, 1),
        kernel=_numbers(weight[read.at[-1]]).reshape(-1, 1, 1),
        bias=None if bias is None else float(bias[read.at[-1]]),
        channels=np.arange(len(patch)),
        rows=np.zeros(1, np.int64),
        columns=np.zeros(1, np.int64),
        padded=np.zeros((1, 1), bool),
    )


def _pooling(read: Reading, windows: tuple[Window, Window]) -> Step:
    rows, columns = (_taps(window, place) for window, place in zip(windows, read.at[2:], strict=True))
    if "avg" not in read.kind.lower():
        return _pooled(read, "largest", rows, columns)
    divisor = read.option("divisor_override", 6, None)
    if divisor is None and read.option("count_include_pad", 5, True):
        # Padding counts, but not what ceil mode reads beyond it.
        sides = read.given.shape[2:]
        ends = [side + window.padding for side, window in zip(sides, windows, strict=True)]
        divisor = int((rows < ends[0]).sum() * (columns < ends[1]).sum())
    return _pooled(read, "average", rows, columns, divisor)


def _adaptive(read: Reading, way: Way) -> Step:
    places = zip(read.at[2:], read.given.shape[2:], read.tensor.shape[2:], strict=True)
    rows, columns = (np.arange(at * side // count, -(-(at + 1) * side // count)) for at, side, count in places)
    return _pooled(read, way, rows, columns)


def _pooled(read: Reading, way: Way, rows: Places, columns: Places, divisor: int | None = None) -> Step:
    """Pool a patch; without a divisor, an average counts what lies on the input."""
    patch, padded = _cut(read.given[0], np.array([read.at[1]]), rows, columns)
    counted = int((~padded).sum()) if divisor is None else divisor
    return Pooling(
        **read.origin, way=way, patch=patch[0], padded=padded, divisor=counted, rows=rows, columns=columns
    )


def _mean(read: Reading) -> Step:
    given, axes = read.given, read.option("dim", 1, None)
    axes = range(given.ndim) if axes is None else [axes] if isinstance(axes, int) else axes
    averaged = {axis % given.ndim for axis in axes}
    own = iter(read.at)
    keeps = read.tensor.ndim == given.ndim
    index: list[Any] = []
    for axis in range(given.ndim):
        place = next(own) if keeps or axis not in averaged else None
        index.append(slice(None) if axis in averaged else place)
    patch = np.atleast_2d(_numbers(given[tuple(index)]))
    patch = patch.reshape(len(patch), -1)
    return Pooling(
        **read.origin,
        way="average",
        patch=patch,
        padded=np.zeros(patch.shape, bool),
        divisor=patch.size,
        rows=np.arange(patch.shape[0]),
        columns=np.arange(patch.shape[1]),
    )


def _batch_norm(read: Reading, norm: Any) -> Step:
    channel = read.at[1]
    return Norm(
        **read.origin,
        value=read.number(read.given, read.at),
        mean=float(norm.running_mean[channel]),
        variance=float(norm.running_var[channel]),
        epsilon=norm.eps,
        weight=1.0 if norm.weight is None else float(norm.weight[channel]),
        bias=0.0 if norm.bias is None else float(norm.bias[channel]),
        over=f"channel {channel} over the training pictures",
    )


def _layer_norm(read: Reading) -> Step:
    inner = len(read.option("normalized_shape", 1, ()))
    values = _numbers(read.given[read.at[:-inner]]).astype(np.float64)
    weight, bias, own = read.weights("weight", 2), read.weights("bias", 3), read.at[-inner:]
    return Norm(
        **read.origin,
        value=float(values[own]),
        mean=float(values.mean()),
        variance=float(values.var()),
        epsilon=float(read.option("eps", 4, 1e-5)),
        weight=1.0 if weight is None else float(weight[own]),
        bias=0.0 if bias is None else float(bias[own]),
        over=f"the {values.size} values at this place",
    )


def _moved(read: Reading) -> Step:
    """Give every number of the inputs an id, move the ids, and see whose arrived; 0 is padding."""
    tensors = [read.value(source) for source in read.sources]
    starts = np.cumsum([1, *(tensor.numel() for tensor in tensors)])
    ids = {
        source: torch.arange(int(start), int(start) + tensor.numel(), dtype=torch.float64).reshape(tensor.shape)
        for source, start, tensor in zip(read.sources, starts[:-1], tensors, strict=True)
    }
    arrived = int(read.moved(ids)[read.at])
    if arrived == 0:
        return Combination(**read.origin, way="move", parts=(Part("padding", "", 0.0),))
    which = int(np.searchsorted(starts, arrived, side="right")) - 1
    place = np.unravel_index(arrived - int(starts[which]), tuple(tensors[which].shape))
    part = read.part_at(read.sources[which], [int(each) for each in place])
    return Combination(**read.origin, way="move", parts=(part,))


def _taps(window: Window, place: int) -> Places:
    """List the rows or columns that a window reads for one output."""
    return place * window.stride - window.padding + window.dilation * np.arange(window.kernel)


def _cut(
    given: Tensor, channels: Places, rows: Places, columns: Places
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cut a patch (channels, rows, columns) out of (C, H, W); what lies beyond is zero, and marked as padded."""
    height, width = given.shape[1:]
    beyond = ((rows < 0) | (rows >= height))[:, None] | ((columns < 0) | (columns >= width))[None]
    inner = _numbers(given[torch.from_numpy(channels).to(given.device)])
    patch = inner[:, rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None]]
    return np.where(beyond, np.float32(0), patch), beyond


def _numbers(tensor: Tensor) -> NDArray[np.float32]:
    values: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return values
