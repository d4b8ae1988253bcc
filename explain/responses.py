"""What a layer answers to many pictures: read one by one, run in batches, so that memory stays bounded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from explain.memory import by_halves
from explain.stepping import measured_batch
from explain.suitability import laid_out
from explain.tracing import Trace, pixels_of
from models.errors import LayerError, ModelError, PictureError
from models.progress import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from PIL import Image
    from torch import Tensor

    from models import LoadedModel


def responses(
    model: LoadedModel,
    layer: str,
    pictures: Sequence[Image.Image | Tensor],
    partial: Callable[[], Any] | None = None,
    *,
    only: Sequence[int] | None = None,
) -> Iterator[Tensor]:
    """Yield what a layer gives for the pictures, batch by batch in their order: (n, C, h, w) float32.

    A layer without places gives h = w = 1; tokens are laid out on their grid. pictures: PIL pictures, or pixels
    (1, 3, H, W) in [0, 1]; each is read when its turn comes, and with `only` just those of these numbers. Only the
    network up to the layer is run. Reports progress after each batch; `partial` gives the result so far and is
    called only when somebody listens.
    """
    check_channels(model, layer)
    numbers = range(len(pictures)) if only is None else only
    total, done, size = len(numbers), 0, 0
    if not total:
        raise PictureError("There is no picture to go over.", "Pick the samples, or upload some.")
    waiting: list[Tensor] = []
    report(0, total)
    for number in numbers:
        waiting.append(pixels_of(model, pictures[number]))
        size = size or measured_batch(Trace(model, waiting[0]))
        if len(waiting) == size or done + len(waiting) == total:
            yield _answers(model, layer, torch.cat(waiting))
            done += len(waiting)
            waiting = []
            report(done, total, partial)


def check_channels(model: LoadedModel, layer: str) -> None:
    """Refuse a layer whose output is not channels, with or without places."""
    shape = model.graph.layer(layer).shape
    if len(shape) != 2 and not model.graph.geometry[layer].spatial:
        raise LayerError(f"{layer!r} gives shape {shape}, in which no axis is known to be channels.", "Pick another.")


def _answers(model: LoadedModel, layer: str, pixels: Tensor) -> Tensor:
    """Run a batch; where memory runs out, its halves one after the other."""
    with torch.no_grad():
        output = by_halves(pixels, partial(model.output, layer), lambda *both: torch.cat(both))
    if not torch.isfinite(output).all():
        raise ModelError(f"{layer!r} gives values that are not finite numbers.", "The weights may be damaged.")
    return laid_out(model, layer, output).float() if output.ndim > 2 else output.float()[:, :, None, None]
