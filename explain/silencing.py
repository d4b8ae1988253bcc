"""Silencing channels: what a network says once some of a layer's channels are at zero, or all but some."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from explain.memory import by_halves
from explain.stepping import measured_batch, steps
from explain.target import both, classes_of, probabilities, whole
from explain.tracing import Trace, pixels_of
from models.errors import LayerError, ParameterError, PictureError, TargetError
from models.graph import dependents, needed_for, run
from models.hooks import first_tensor, module_of, recording, replacing, with_first_tensor
from models.progress import report

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray
    from PIL import Image
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel

    #: A picture that a trace could be made of, and the index of its class.
    Labelled = tuple[Image.Image | Tensor, int]


@dataclass(frozen=True, eq=False)
class Effect:
    """What silencing changes in a prediction: (classes,) probabilities before and after."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Drops:
    """What each channel alone adds to the class `index`: (channels,), by how much silencing it lowers the score."""

    index: int
    values: NDArray[np.float32]


def channels_of(model: LoadedModel, layer: str) -> tuple[int, int]:
    """Return the axis of a layer's output that holds its channels, and how many there are; refuse where none does."""
    info = model.graph.layer(layer)
    axes, shape = model.graph.geometry[layer].axes, info.shape
    if len(shape) == 2:
        return 1, shape[1]
    if len(axes) != len(shape) or axes.count("C") != 1:
        raise LayerError(f"{layer!r} gives shape {shape}, which has no channels to silence.", "Pick a convolution.")
    axis = axes.index("C")
    return axis, shape[axis]


def silenced(trace: Trace, layer: str, channels: Collection[int], keep_only: bool = False) -> Tensor:
    """Return the logits (1, classes) with these channels of the layer at zero, or with `keep_only` all others.

    Only what comes after the layer is run. Zero is what the layer gives: a norm that follows makes a
    constant of it.
    """
    axis, indices = _at_zero(trace.model, layer, channels, keep_only)
    with torch.no_grad():
        return trace.rest(layer, _filled(trace.activation(layer), axis, indices))


def effect(trace: Trace, layer: str, channels: Collection[int], keep_only: bool = False) -> Effect:
    """Compare the prediction with the one after silencing."""
    after = silenced(trace, layer, channels, keep_only)
    return Effect(*(probabilities(logits)[0].float().cpu().numpy() for logits in (trace.logits, after)))


def drops(
    trace: Trace, layer: str, target: Target, partial: Callable[[NDArray[np.float32]], Any] | None = None
) -> Drops:
    """Silence each channel of a layer by itself, and measure by how much the target falls.

    As in Ablation-CAM (Desai & Ramaswamy, 2020), not divided by the score. partial: makes a result to report of the
    falls so far, (channels,), zero where none was measured yet.
    """
    axis, count = channels_of(trace.model, layer)
    own = trace.activation(layer)
    found = np.zeros(count, np.float32)
    with torch.no_grad():
        before = target(trace.logits)
        for part in steps(trace, count, None if partial is None else lambda: partial(found)):
            several = torch.cat([_filled(own, axis, [channel]) for channel in range(part.start, part.stop)])
            found[part] = (before - target(trace.rest(layer, several))).float().cpu().numpy()
    return Drops(target.index, found)


def accuracy(
    model: LoadedModel,
    pictures_and_labels: Collection[Labelled],
    layer: str,
    channels: Collection[int],
    keep_only: bool = False,
) -> tuple[float, float]:
    """Return the share of pictures named right, in 0..1, before and after silencing.

    pictures_and_labels: (picture, class index) pairs, read one by one; a picture is a PIL picture or
    pixels (1, 3, H, W) in [0, 1]. Each batch runs once whole, and once from the layer on.
    """
    axis, indices = _at_zero(model, layer, channels, keep_only)
    total = len(pictures_and_labels)
    if not total:
        raise PictureError("Accuracy needs at least one picture with a class; there is none.")
    right, done, size = np.zeros(2, int), 0, 0
    waiting: list[tuple[Tensor, int]] = []
    report(0, total)
    for picture, label in pictures_and_labels:
        waiting.append((pixels_of(model, picture), label))
        size = size or measured_batch(Trace(model, waiting[0][0]))
        if len(waiting) == size or done + len(waiting) == total:
            right += by_halves(waiting, partial(_count_right, model, layer=layer, axis=axis, indices=indices), np.add)
            done += len(waiting)
            waiting = []
            report(done, total)
    before, after = (float(count) / total for count in right)
    return before, after


def _at_zero(model: LoadedModel, layer: str, channels: Collection[int], keep_only: bool) -> tuple[int, list[int]]:
    """Return the channels' axis, and the channels that are to be zero."""
    axis, count = channels_of(model, layer)
    named = set()
    for channel in channels:
        index = whole(channel)
        if index is None or not 0 <= index < count:
            raise ParameterError(f"{layer!r} has the channels 0 to {count - 1}, not {channel!r}.")
        named.add(index)
    return axis, [index for index in range(count) if (index in named) != keep_only]


def _filled(activation: Tensor, axis: int, indices: Sequence[int]) -> Tensor:
    return activation.index_fill(axis, torch.tensor(indices, dtype=torch.long, device=activation.device), 0)


def _count_right(
    model: LoadedModel, batch: Sequence[tuple[Tensor, int]], layer: str, axis: int, indices: Sequence[int]
) -> NDArray[np.int64]:
    """Count the pictures named right before and after."""
    logits = _before_and_after(model, torch.cat([pixels for pixels, _ in batch]), layer, axis, indices)
    classes = classes_of(logits[0])
    wrong = next((label for _, label in batch if not 0 <= label < classes), None)
    if wrong is not None:
        raise TargetError(f"There is no class {wrong!r}: the network knows the classes 0 to {classes - 1}.")
    labels = torch.tensor([label for _, label in batch], device=model.device)
    return np.array([int((both(each).argmax(1) == labels).sum()) for each in logits])


def _before_and_after(
    model: LoadedModel, pixels: Tensor, layer: str, axis: int, indices: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Run pictures (N, 3, H, W) once, then what follows the layer once more; nothing else is held on to."""
    operations = model.graph.operations
    if operations is None:
        return _with_hooks(model, pixels, layer, axis, indices)
    node, output = model.graph.node(layer), operations.output
    unchanged = set(operations.nodes) - dependents(operations, [node])
    needed = needed_for(operations, unchanged | {node}, [output])
    read = ({source for other in needed for source in other.all_input_nodes} | {output}) & unchanged
    with torch.no_grad(), model.lock:
        values = run(operations, {operations.input: model.normalise(pixels)}, {output, node, *read})
        own = first_tensor(values[node])
        assert own is not None
        known = {other: values[other] for other in read}
        known[node] = with_first_tensor(values[node], _filled(own, axis, indices))
        after = run(operations, known, [output])
    return values[output], after[output]


def _with_hooks(
    model: LoadedModel, pixels: Tensor, layer: str, axis: int, indices: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Run a network that torch.fx cannot follow twice, the second time with the layer's output replaced."""
    module = module_of(layer, dict(model.network.named_modules()))
    # Held over both runs, so that another session's hooks cannot come between.
    with torch.no_grad(), model.lock:
        with recording(model.network, module) as seen:
            before = model(pixels)
        with replacing(model.network, {layer: _filled(seen[layer], axis, indices)}):
            return before, model(pixels)
