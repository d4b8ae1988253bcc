"""Score-CAM: channels weighed by the score of what they light up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch.nn import functional

from explain.class_activation import ClassActivationMap, activation_of, channel_weighted, drawn
from explain.masking import many_scores, through
from explain.method import register
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class ScoreCAM(ClassActivationMap):
    """Show the area that the channels see which keep the score high when nothing else is shown.

    ReLU(sum over channels of w A), where w is the softmax over the channels of y(picture * mask), and the mask is the
    channel's A, brought to the picture's size and then to 0..1 (Wang et al., 2019, arXiv:1910.01279). Masks act on
    pixels, so what they hide turns black: the picture to compare with is black, and taking its score from all, as the
    paper does, changes no softmax. Uses no gradient. Not shown: what speaks against the class, since no weight is
    negative. With scores of logits a few channels take nearly all the weight, with probabilities all weigh the same.
    """

    label: ClassVar = "Score-CAM"
    paper: ClassVar = "Wang et al., 2019, arXiv:1910.01279"
    caption: ClassVar = "slow: where, no gradients; few channels decide"

    def grid(self, trace: Trace, target: Target, layer: str) -> Tensor:
        """Weigh each channel by the score of the picture behind its mask: (h, w)."""
        activation = activation_of(trace, layer)
        scores = torch.zeros(len(activation), dtype=torch.float64)
        ask, black = many_scores(trace, target, len(activation)), torch.zeros_like(trace.pixels)
        done = 0

        def weighed() -> Tensor:
            return channel_weighted(activation[:done], scores[:done].softmax(0).to(activation))

        def so_far() -> Heatmap:
            return drawn(trace, weighed(), layer)

        for part in steps(trace, len(activation), so_far):
            masks = stretched(activation[part], trace.pixels.shape[-2], trace.pixels.shape[-1])
            scores[part] = ask(through(masks, trace.pixels, black))
            done = part.stop
        return weighed()


def stretched(maps: Tensor, height: int, width: int) -> Tensor:
    """Bring maps (N, h, w) to this size, and each from its lowest value to its highest to 0..1; an even one to 0."""
    large = functional.interpolate(maps[:, None], (height, width), mode="bilinear", align_corners=False)[:, 0]
    lowest, highest = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return torch.where(highest > lowest, (large - lowest) / (highest - lowest), 0)
