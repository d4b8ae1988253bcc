"""One picture run once through one model, and then asked as many questions as you like."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

import torch
from PIL import Image

from explain.cutting import GraphRunner
from explain.running import HookRunner, Runner
from explain.target import ClassLogit, Target
from models.colours import as_shown
from models.errors import LayerError, PictureError
from models.grad_mode import outside_inference

if TYPE_CHECKING:
    from torch import Tensor

    from models import LoadedModel

#: Gradients that a trace remembers, in bytes.
GRADIENT_BYTES = 64 * 2**20


class Trace:
    """One picture run once through one model; other classes and layers cost only what they add.

    pixels: (1, 3, H, W) in [0, 1]. logits: (1, classes). Holds outputs of whole blocks, of the last
    layers, and of those asked for, at most 256 MiB; no autograd graph outlives a call.
    """

    model: LoadedModel
    pixels: Tensor

    def __init__(self, model: LoadedModel, pixels: Tensor) -> None:
        self.model = model
        self.pixels = pixels.detach()
        self._running: Runner | None = None
        self._logits: Tensor | None = None
        self._gradients: dict[tuple[Target, str], Tensor] = {}
        self._lock = RLock()

    @property
    def logits(self) -> Tensor:
        """The scores of all classes, (1, classes); the picture is run when something is first asked of it."""
        with self._lock, outside_inference():
            return self._runner.logits if self._logits is None else self._logits

    def know(self, logits: Tensor) -> None:
        """Take the scores from where memory sufficed for them, as those of this trace's own model."""
        with self._lock:
            self._logits = logits.to(self.pixels.device)

    def activation(self, layer: str) -> Tensor:
        """Return what a layer gave, as it gave it: safe from later in-place writes; do not write into it."""
        with self._lock, outside_inference():
            return self._runner.value(layer).detach()

    def gradient(self, target: Target | int, *layers: str) -> tuple[Tensor, ...]:
        """Differentiate the target by the outputs of these layers: one backward for all of them, remembered.

        A class index stands for its logit.
        """
        target = _target(target)
        with self._lock, outside_inference():
            missing = [layer for layer in dict.fromkeys(layers) if (target, layer) not in self._gradients]
            if missing:
                for layer, found in zip(missing, self._runner.gradients(target, missing), strict=True):
                    self._gradients[target, layer] = found.detach()
            answer = tuple(self._gradients[target, layer] for layer in layers)
            while len(self._gradients) > len(layers) and self._gradient_bytes() > GRADIENT_BYTES:
                del self._gradients[next(iter(self._gradients))]
            return answer

    def input_gradient(self, target: Target | int) -> Tensor:
        """Differentiate the target by the pixels: (1, 3, H, W), remembered. A class index stands for its logit."""
        target = _target(target)
        with self._lock, outside_inference():
            if (target, "") not in self._gradients:
                self._gradients[target, ""] = self._runner.input_gradient(target)
            return self._gradients[target, ""]

    def rest(self, layer: str, activation: Tensor) -> Tensor:
        """Run only what comes after a layer: its output (N, ...) for N pictures gives logits (N, classes).

        What does not depend on the layer keeps the value it had for this picture. Differentiable by
        the activation where gradients are enabled. Another shape than the layer's own is refused.
        """
        with self._lock:
            own = self._runner.value(layer)
            if activation.ndim != own.ndim or activation.shape[1:] != own.shape[1:] or len(activation) % len(own):
                raise LayerError(
                    f"{layer!r} gives shape {tuple(own.shape)}, not {tuple(activation.shape)}.",
                    "Only the number of pictures may differ.",
                )
            return self._runner.rest(layer, activation.to(own), len(activation) // len(own))

    @property
    def nbytes(self) -> int:
        """Count the bytes that the trace holds on to."""
        held = 0 if self._running is None else self._running.nbytes
        return held + self.pixels.nbytes + self._gradient_bytes()

    @property
    def _runner(self) -> Runner:
        """What runs the picture; the network's operations are read when it is first needed."""
        if self._running is None:
            runner = HookRunner if self.model.graph.operations is None else GraphRunner
            self._running = runner(self.model, self.pixels)
        return self._running

    def _gradient_bytes(self) -> int:
        # A snapshot: a cache counts bytes while another thread asks, and must not wait for that thread's step.
        return sum(found.nbytes for found in list(self._gradients.values()))


def _target(target: Target | int) -> Target:
    return target if isinstance(target, Target) else ClassLogit(target)


def pixels_of(model: LoadedModel, image: Image.Image | Tensor) -> Tensor:
    """Return the pixels that the model sees: (1, 3, H, W) in [0, 1], on its device.

    A PIL picture is taken as people see it: upright, over white, 16-bit grey scaled to eight.
    """
    if isinstance(image, Image.Image):
        return model.crop(as_shown(image))
    if not isinstance(image, torch.Tensor):
        raise PictureError(
            f"Wanted a PIL picture, or pixels as a tensor of shape (1, 3, height, width), not {type(image).__name__}."
        )
    if image.ndim != 4 or image.shape[:2] != (1, 3) or not image.is_floating_point():
        raise PictureError(
            f"Wanted pixels as floats of shape (1, 3, height, width), not {tuple(image.shape)} {image.dtype}."
        )
    if not bool(((image >= 0) & (image <= 1)).all()):
        raise PictureError("Wanted pixels from 0 to 1; these go beyond, or are not numbers.")
    # A copy: the caller may go on to write into its own, or have made it in inference mode.
    with outside_inference():
        return image.detach().to(model.device, torch.float32, copy=True)
