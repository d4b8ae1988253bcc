"""Ablation-CAM: channels weighed by what the score loses without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from explain.class_activation import ClassActivationMap, activation_of, channel_weighted, drawn
from explain.method import register
from explain.silencing import drops
from explain.stepping import at_once, measured_batch, samples_per_step
from explain.suitability import default_layer
from explain.target import Contrast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

#: What the copies of a layer's output in one step may take, in bytes: after the last layer many are run at once.
COPIES_BYTES = 8 * 2**20
#: How much of a layer's activation may lie below zero, summed over its channels' means.
MOST_BELOW = 0.05


@register
@dataclass(frozen=True)
class AblationCAM(ClassActivationMap):
    """Show the area that the channels see without which the score would fall.

    ReLU(sum over channels of w A), where w = (y - y without the channel) / y: the share of the score that goes when the
    channel is set to zero (Desai and Ramaswamy, 2020, doi:10.1109/WACV45572.2020.9093360; the weights of Grad-CAM,
    arXiv:1610.02391, without a gradient). Only what comes after the layer is run. Where y is not above zero a share
    means nothing, and in a contrast of two classes it depends on how far they happen to lie apart: there w is the plain
    difference, in units of the target, and a note says so. What speaks against the class is cut off in the picture;
    `grid` holds it. Not shown: what channels do only together.
    """

    label: ClassVar = "Ablation-CAM"
    paper: ClassVar = "Desai and Ramaswamy, 2020, doi:10.1109/WACV45572.2020.9093360; after Grad-CAM, arXiv:1610.02391"
    caption: ClassVar = "medium: where, tested by silencing channels"

    def grid(self, trace: Trace, target: Target, layer: str) -> Tensor:
        """Weigh each channel by what silencing it takes away: (h, w), signed."""
        activation, score = activation_of(trace, layer), float(target(trace.logits)[0])
        unit = score if _has_shares(target, score) else 1.0

        def weighed(lost: NDArray[np.float32]) -> Tensor:
            return channel_weighted(activation, torch.from_numpy(lost).to(activation) / unit)

        copies = max(measured_batch(trace), COPIES_BYTES // trace.activation(layer).nbytes)
        with samples_per_step(at_once(copies)):
            found = drops(trace, layer, target, lambda lost: drawn(trace, weighed(lost), layer))
        return weighed(found.values)

    def remarks(self, trace: Trace, target: Target) -> tuple[str, ...]:
        """Say where the weights are not shares of the score, and where the layer is not one that they are made for."""
        score = float(target(trace.logits)[0])
        notes = []
        if not _has_shares(target, score):
            why = "the question compares two classes" if isinstance(target, Contrast) else f"the score is {score:.3g}"
            notes.append(f"Channels weigh what they add to the score, not a share of it, because {why}.")
        means = activation_of(trace, default_layer(trace.model) if self.layer is None else self.layer).mean((1, 2))
        below = float(means.clamp(max=0).abs().sum() / means.abs().sum().clamp(min=1e-12))
        if below > MOST_BELOW:
            notes.append(
                f"Ablation-CAM is made for activations that are not negative; {100 * below:.0f} % of this layer's lie "
                "below zero, and a channel that is below zero counts with the wrong sign. Grad-CAM has none of this."
            )
        return tuple(notes)


def _has_shares(target: Target, score: float) -> bool:
    return score > 0 and not isinstance(target, Contrast)
