"""The quick check beside a map: what happens to the answer when the marked area is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from explain.results import Heatmap, QuickCheck, share_of_area
from explain.target import Target, confidence
from models.errors import ParameterError

if TYPE_CHECKING:
    from explain.tracing import Trace


def quick_check(
    trace: Trace, heatmap: Heatmap, target: Target, *, share: float = 0.1, draws: int = 7, seed: int = 0
) -> QuickCheck:
    """Hide the top of a map, and the same shape elsewhere, and compare how sure the network remains.

    The `share` of pixels with the highest values is filled with the picture's mean colour. As a
    control the same shape, mirrored and moved at random, is hidden `draws` times: equal in size and
    form, different in place. One batch of `draws` + 1 pictures. The figure that falls is the
    probability of the class, or for a contrast p / (p + q) of the two classes.
    """
    if heatmap.values.shape != trace.pixels.shape[2:]:
        size = tuple(trace.pixels.shape[2:])
        raise ParameterError(f"A map of {heatmap.values.shape} belongs to another crop than this one of {size}.")
    if heatmap.empty:
        raise ParameterError("The map shows no evidence, so there is nothing to hide.")
    marked = share_of_area(heatmap.values, share)
    generator = np.random.default_rng(seed)
    masks = [marked, *(_moved(marked, generator) for _ in range(draws))]
    hidden = torch.from_numpy(np.stack(masks)[:, None]).to(trace.pixels.device)
    pictures = torch.where(hidden, trace.pixels.mean((2, 3), keepdim=True), trace.pixels)
    with torch.no_grad():
        before = float(confidence(trace.logits, target)[0])
        after = torch.cat([confidence(trace.model(part), target) for part in pictures.split(8)]).cpu().numpy()
    return QuickCheck(
        share=share,
        before=before,
        hidden=float(after[0]),
        elsewhere=float(after[1:].mean()),
        spread=float(after[1:].std()),
        draws=draws,
    )


def _moved(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Mirror a mask and shift it around the edges, at random."""
    if generator.random() < 0.5:
        mask = mask[::-1]
    if generator.random() < 0.5:
        mask = mask[:, ::-1]
    down, right = (int(generator.integers(side)) for side in mask.shape)
    return np.roll(mask, (down, right), (0, 1))
