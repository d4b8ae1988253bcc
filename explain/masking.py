"""Hiding parts of a picture, and the scores of many pictures with hidden parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from explain.many_gradients import for_many

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

    count: how many pictures will be asked about, see `many_gradients.for_many`.
    """
    ask = for_many(trace, count)

    def scored(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return target(ask(pictures)).cpu().double()

    return scored
