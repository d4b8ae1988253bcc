"""Noise of the same size: what random signs do where an attack succeeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from explain import perturbing
from explain.outcomes import Control
from explain.perturbing import column, margins, size_of
from explain.stepping import steps
from explain.target import both

if TYPE_CHECKING:
    from explain.perturbing import Norm
    from explain.tracing import Trace


def random_signs(
    trace: Trace, label: int, goal: int | None, size: float, norm: Norm, *, draws: int = 16, seed: int = 0
) -> Control:
    """Add random signs of a given size to the picture, several times, and ask the network each time.

    "linf": every colour of every pixel moves by just `size`, up or down; "l2": all by as much as gives the
    whole change that length. Cut to [0, 1] afterwards, as an attack is.
    """
    generator = torch.Generator().manual_seed(seed)
    signs = perturbing.random_signs(trace.pixels, (draws, *trace.pixels.shape[1:]), generator)
    change = signs * size if norm == "linf" else signs * column(size / size_of(signs, "l2"))
    pictures = (trace.pixels + change).clamp(0, 1)
    with torch.no_grad():
        logits = torch.cat([both(trace.model(pictures[part])) for part in steps(trace, draws)])
    labels = torch.full((draws,), label, device=logits.device)
    goals = None if goal is None else torch.full_like(labels, goal)
    moved = pictures - trace.pixels
    return Control(
        probabilities=logits.softmax(1)[:, label].float().cpu().numpy(),
        fooled=int((margins(logits, labels, goals) < 0).sum()),
        linf=float(size_of(moved, "linf").max()),
        l2=float(size_of(moved, "l2").mean()),
    )
