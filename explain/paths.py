"""What the methods share that add gradients up along a path from an empty picture to the one explained."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from explain.baselines import baseline, random_baselines
from explain.gradients import least_difference
from explain.many_gradients import many_gradients
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

#: Where paths may start: one picture, "mean" = SEVERAL of them in turn, "random" = pictures of noise.
Starts = Literal["black", "white", "grey", "blur", "mean", "random"]
SEVERAL = ("black", "white", "grey", "blur")
#: Below this residual, as a share of the difference explained, nothing counts as missing.
RESIDUAL = 0.01


def starts_of(pixels: Tensor, kind: Starts, draws: int, seed: int) -> Tensor:
    """Return the pictures that the paths start from: (count, 3, H, W) in [0, 1]; of noise, as many as `draws`."""
    if kind == "random":
        return random_baselines(pixels, draws, seed)
    kinds = SEVERAL if kind == "mean" else (kind,)
    return torch.cat([baseline(pixels, each) for each in kinds])


def along_lines(trace: Trace, target: Target, starts: Tensor, count: int) -> Tensor:
    """Integrate the gradient along the straight line from each start to the picture, and average: (3, H, W) float64.

    By `count` Gauss-Legendre points on each line.
    """
    places, weights = np.polynomial.legendre.leggauss(count)
    along = torch.from_numpy((places + 1) / 2).to(starts)
    share = torch.from_numpy(weights / 2 / len(starts)).to(starts)
    total = torch.zeros_like(trace.pixels[0], dtype=torch.float64, device="cpu")
    gradients = many_gradients(trace, target, count * len(starts))
    for part in steps(trace, count * len(starts), partial(shared_out, total), gradient=True):
        chosen = torch.arange(part.start, part.stop, device=starts.device)
        start, point = starts[chosen // count], chosen % count
        way = trace.pixels - start
        found = gradients(start + along[point, None, None, None] * way)
        total += (found * way * share[point, None, None, None]).sum(0).cpu().double()
    return total


def shared_out(total: Tensor) -> Heatmap:
    """Add up the shares (3, H, W) over colours into a signed map, which may be a partial one."""
    return Heatmap(values=total.sum(0).float().numpy(), signed=True)


def residual(found: float, wanted: float, score: float) -> float:
    """Say how far the shares' sum is from the difference that it should be, as a share of that difference.

    score: that of the picture. A difference too small to tell from rounding counts as one that can just be told.
    """
    return abs(found - wanted) / max(abs(wanted), least_difference(score, score - wanted))


def missing(share: float, advice: str = "take more steps") -> tuple[str, ...]:
    """Put a residual into a note for the user; none where next to nothing is missing."""
    if share < RESIDUAL:
        return ()
    said = "more than all" if not math.isfinite(share) or share > 1 else f"{100 * share:.0f} %"
    return (f"The shares miss {said} of the difference they should add up to; {advice}.",)
