"""Where in the picture a layer looks: the axes of its output and its theoretical receptive field.

Both follow from the operations and the shapes seen in one probing run. The receptive field grows as
r = r + d (k - 1) j, with the jump j = j s, separately for height and width; branches are united.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from torch import fx, nn
from torch.nn import functional as F
from torchvision.ops import FrozenBatchNorm2d, Permute, StochasticDepth

from models.spans import Span, Window


@dataclass(frozen=True)
class Geometry:
    """The axes of a layer's output and the field of its units.

    axes: one letter for each axis: N batch, C channels, H height, W width, T tokens; "" where unknown.
    grid: height and width of the tokens, which follow `prefix` tokens that belong to no place.
    field: spans for height and width, None = the whole picture.
    """

    axes: str = ""
    grid: tuple[int, int] | None = None
    prefix: int = 0
    field: tuple[Span, Span] | None = None

    @property
    def receptive_field(self) -> tuple[int, int] | None:
        """Height and width of the receptive field in pixels, None = the whole picture."""
        return None if self.field is None else (round(self.field[0].size), round(self.field[1].size))

    @property
    def spatial(self) -> bool:
        """Whether the output has channels at places: height and width, or tokens laid out on a grid."""
        places = ("H" in self.axes and "W" in self.axes) or ("T" in self.axes and self.grid is not None)
        return places and self.axes.count("C") == 1


def geometry_of(
    nodes: tuple[fx.Node, ...], modules: dict[str, nn.Module], shapes: dict[fx.Node, tuple[int, ...] | None]
) -> dict[fx.Node, Geometry]:
    """Work out the geometry of each node from the input on."""
    found: dict[fx.Node, Geometry] = {}
    moving: set[fx.Node] = set()
    for node in nodes:
        if node.op == "placeholder":
            height, width = (shapes[node] or (1, 1, 1, 1))[2:]
            found[node] = Geometry("NCHW", field=(Span.of_pixels(height), Span.of_pixels(width)))
            moving.add(node)
            continue
        moved = moving.intersection(node.all_input_nodes)
        if moved:
            moving.add(node)
        inputs = [source for source in node.all_input_nodes if source in found and shapes.get(source) is not None]
        geometry = _after(node, modules, shapes, inputs, found)
        if not geometry.axes and len(shapes.get(node) or ()) == 4 and _read_as_image(node, modules):
            geometry = Geometry("NCHW", field=geometry.field)
        if any(found[source].field is None and shapes.get(source) is not None for source in moved):
            # Beside a branch that may see everything, so may what comes of it.
            geometry = replace(geometry, field=None)
        found[node] = geometry
    return found


def _after(
    node: fx.Node,
    modules: dict[str, nn.Module],
    shapes: dict[fx.Node, tuple[int, ...] | None],
    inputs: list[fx.Node],
    found: dict[fx.Node, Geometry],
) -> Geometry:
    shape = shapes.get(node)
    moving = [source for source in inputs if found[source].axes or found[source].field is not None]
    if shape is None or not moving:
        return found[inputs[0]] if shape is None and inputs else Geometry()
    source = moving[0]
    before, old = found[source], shapes[source] or ()
    operation: Any = modules[str(node.target)] if node.op == "call_module" else node.target
    windows = windows_of(node, operation)
    if windows is not None:
        sound = getattr(operation, "padding_mode", "zeros") == "zeros"
        field = _slid(before.field, windows, shape) if sound else None
        return Geometry("NCHW", field=field) if before.axes == "NCHW" else Geometry()
    if adapts(operation):
        return _adaptive(before, shape)
    if _named(operation) in {"cat", "concat"}:
        return _joined(node, [(found[part], shapes[part] or ()) for part in inputs], shape)
    if isinstance(operation, Permute) or _named(operation) in {"permute", "transpose", "swapaxes"}:
        return _permuted(node, operation, before, len(old))
    if _named(operation) == "getitem" and len(shape) == len(old) - 1 and before.axes[:2] == "NC":
        return replace(before, axes="N" + before.axes[2:])
    if _named(operation) == "unsqueeze" and before.axes == "NHW":
        return replace(before, axes="NCHW")
    if shape == old or _broadcast(node, shape, moving, shapes):
        local = _is_local(operation)
        fields = [found[part].field for part in moving]
        return replace(before, field=_united(fields) if local else None)
    if isinstance(operation, nn.Linear) or operation is F.linear:
        return before if before.axes.endswith("C") and before.spatial else Geometry()
    return _reshaped(before, old, shape, keeps_field=_named(operation) in _RESHAPES)


def axes_of(module: nn.Module, shape: tuple[int, ...]) -> str:
    """Name the axes of what a module gives, as far as its kind says: channels stand first, or last."""
    if len(shape) != 4:
        return ""
    if isinstance(module, nn.Linear) or (isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1):
        return "NHWC"
    return "NCHW" if isinstance(module, _OF_IMAGES) else ""


_ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
_OF_IMAGES = (
    *(nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LocalResponseNorm, nn.PReLU),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d, nn.FractionalMaxPool2d, nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle),
    *(nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.Dropout2d, FrozenBatchNorm2d, *_ADAPTIVE),
)
_RESHAPES = {"view", "reshape", "flatten", "chunk", "split", "getitem", "contiguous"}
_LOCAL_MODULES = (
    *(nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.SiLU, nn.GELU, nn.Mish),
    *(nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Identity, nn.Dropout),
    *(nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.LocalResponseNorm, nn.Linear, nn.Flatten, StochasticDepth),
    FrozenBatchNorm2d,
)
_LOCAL_FUNCTIONS = {
    *("add", "sub", "mul", "truediv", "div", "neg", "pow", "sqrt", "exp", "abs", "clamp", "maximum", "minimum"),
    *("relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "mish", "sigmoid", "tanh", "softplus", "hardswish"),
    *("hardsigmoid", "hardtanh", "dropout", "dropout2d", "batch_norm", "stochastic_depth", "contiguous", "clone"),
    *("detach", "to", "float", "linear", "flatten", "local_response_norm", "getitem"),
}


def _named(operation: Any) -> str:
    return operation if isinstance(operation, str) else str(getattr(operation, "__name__", ""))


def _is_local(operation: Any) -> bool:
    """Whether each place of the output depends on the same place of the inputs only."""
    if isinstance(operation, nn.LayerNorm):
        return len(operation.normalized_shape) == 1
    return isinstance(operation, _LOCAL_MODULES) or _named(operation) in {*_LOCAL_FUNCTIONS, "layer_norm"}


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def adapts(operation: Any) -> bool:
    """Whether an operation pools to a given number of rows and columns."""
    return _named(operation) in {"adaptive_avg_pool2d", "adaptive_max_pool2d"} or isinstance(operation, _ADAPTIVE)


def windows_of(node: fx.Node, operation: Any) -> tuple[Window, Window] | None:
    """Return the window that a convolution or pooling slides over height and width; None for all else."""
    if isinstance(operation, nn.Conv2d):
        kernel, dilation = _pair(operation.kernel_size), _pair(operation.dilation)
        padding = _padding(operation.padding, kernel, dilation)
        return _along_axes(kernel, _pair(operation.stride), padding, dilation)
    if isinstance(operation, (nn.MaxPool2d, nn.AvgPool2d)):
        kernel = _pair(operation.kernel_size)
        dilation = _pair(operation.dilation) if isinstance(operation, nn.MaxPool2d) else (1, 1)
        return _along_axes(kernel, _pair(operation.stride), _pair(operation.padding), dilation)
    if node.op == "call_function" and _named(operation) in {"max_pool2d", "avg_pool2d"}:
        names = ("input", "kernel_size", "stride", "padding", "dilation")
        given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        kernel = _pair(given["kernel_size"])
        dilation = _pair(given.get("dilation", 1)) if _named(operation) != "avg_pool2d" else (1, 1)
        return _along_axes(kernel, _pair(given.get("stride") or kernel), _pair(given.get("padding", 0)), dilation)
    return None


def _along_axes(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int]
) -> tuple[Window, Window]:
    height, width = zip(kernel, stride, padding, dilation, strict=True)
    return Window(*height), Window(*width)


def _padding(padding: Any, kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    if padding == "same":
        return dilation[0] * (kernel[0] - 1) // 2, dilation[1] * (kernel[1] - 1) // 2
    return _pair(padding)


def _slid(
    field: tuple[Span, Span] | None, windows: tuple[Window, Window], shape: tuple[int, ...]
) -> tuple[Span, Span] | None:
    if field is None:
        return None
    return field[0].after_window(windows[0], shape[-2]), field[1].after_window(windows[1], shape[-1])


def _united(fields: list[tuple[Span, Span] | None]) -> tuple[Span, Span] | None:
    known = [field for field in fields if field is not None]
    counts = {(height.count, width.count) for height, width in known}
    if len(known) < len(fields) or len(counts) != 1:
        return None
    height, width = known[0]
    for field in known[1:]:
        height, width = height.united(field[0]), width.united(field[1])
    return height, width


def _adaptive(before: Geometry, shape: tuple[int, ...]) -> Geometry:
    if before.field is None or before.axes != "NCHW" or shape[2:] == (1, 1):
        return Geometry("NCHW")
    height, width = before.field
    return Geometry("NCHW", field=(height.pooled(shape[2]), width.pooled(shape[3])))


def _joined(node: fx.Node, parts: list[tuple[Geometry, tuple[int, ...]]], shape: tuple[int, ...]) -> Geometry:
    axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    axis = int(axis) % len(shape) if isinstance(axis, int) else 0
    laid_out = [part for part in parts if part[0].spatial]
    if not laid_out:
        return Geometry()
    first = laid_out[0][0]
    if axis < len(first.axes) and first.axes[axis] == "T":
        place = parts.index(laid_out[0])
        ahead = sum(size[axis] for _, size in parts[:place])
        return replace(first, prefix=first.prefix + ahead)
    if any(part.axes != first.axes for part, _ in laid_out):
        return Geometry()
    return replace(first, field=_united([part.field for part, _ in parts]))


def _permuted(node: fx.Node, operation: Any, before: Geometry, dimensions: int) -> Geometry:
    if len(before.axes) != dimensions:
        return Geometry(field=before.field)
    order = list(range(dimensions))
    given = operation.dims if isinstance(operation, Permute) else node.args[1:]
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = given[0]
    if not all(isinstance(place, int) for place in given):
        return Geometry()
    if _named(operation) == "permute" or isinstance(operation, Permute):
        order = [place for place in given if isinstance(place, int)]
    else:
        first, second = (place for place in given if isinstance(place, int))
        order[first], order[second] = order[second], order[first]
    return replace(before, axes="".join(before.axes[place] for place in order))


def _broadcast(
    node: fx.Node, shape: tuple[int, ...], moving: list[fx.Node], shapes: dict[fx.Node, tuple[int, ...] | None]
) -> bool:
    """Whether an element-wise operation kept the shape of its first input that moves with the picture."""
    return any((shapes[part] or ()) == shape for part in moving) and _named(node.target) in _LOCAL_FUNCTIONS


def _reshaped(before: Geometry, old: tuple[int, ...], shape: tuple[int, ...], *, keeps_field: bool) -> Geometry:
    field = before.field if keeps_field else None
    places = old[-2:]
    if before.axes.endswith("HW") and len(shape) >= 3 and shape[0] == old[0]:
        if shape[-2:] == places and len(shape) > 3:
            return Geometry("N" + "C" * (len(shape) - 3) + "HW", field=field)
        if len(shape) == 3 and shape[1] == old[1] and shape[2] == math.prod(places):
            return Geometry("NCT", grid=(places[0], places[1]), field=field)
    if before.axes == "NHWC" and len(shape) == 4 and shape[1] * 2 == old[1] + old[1] % 2:
        return Geometry("NHWC")
    return Geometry()


def _read_as_image(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a layer that takes images reads this node."""
    images = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, *_ADAPTIVE)
    return any(user.op == "call_module" and isinstance(modules[str(user.target)], images) for user in node.users)
