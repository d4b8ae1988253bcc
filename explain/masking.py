"""Hiding parts of a picture, and the scores of many pictures with hidden parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from explain.many_gradients import WORTH_FOLDING, folded

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace


def through(masks: Tensor, pixels: Tensor, instead: Tensor) -> Tensor:
    """Look at a picture through masks (N, H, W): where one is 1 the picture is seen, where 0 the other: (N, 3, H, W).

    pixels, instead: (1, 3, H, W) in [0, 1]. Between 0 and 1 the two are mixed, in pixels. Differentiable.
    """
    return torch.lerp(instead, pixels, masks[:, None])


def many_scores(trace: Trace, target: Target, count: int) -> Callable[[Tensor], Tensor]:
    """Return what gives the target for pictures: (N, 3, H, W) -> (N,), in double precision, on the CPU.

    count: how many pictures will be asked about. It, the device and the network decide about folding, so the number
    of pictures in a step changes no answer.
    """
    worth = count >= WORTH_FOLDING and trace.model.device.type == "cpu"
    ask = folded(trace.model, trace.pixels) if worth else trace.model

    def scored(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return target(ask(pictures)).double().cpu()

    return scored
