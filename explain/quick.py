"""The quick check beside a map: is the marked area what counts, is it about this class, is it more than edges?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import torch

from explain.agreement import likeness, spearman
from explain.asking_again import another_map
from explain.control_maps import control_maps
from explain.memory import within_memory
from explain.metric import fitting
from explain.results import Heatmap, QuickCheck, share_of_area
from explain.stepping import at_once
from explain.target import ClassLogit, Contrast, Target, confidence, probabilities
from models.errors import ConvLensError
from models.progress import from_listener, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from explain.tracing import Trace

#: A map that took longer than this, in seconds, is not asked for another class beside it.
PATIENCE = 0.6
#: Pictures that the network sees at once: so few that the check of a large network can be stopped, too.
AT_ONCE = 2


def quick_check(
    trace: Trace,
    heatmap: Heatmap,
    target: Target | int,
    *,
    share: float = 0.1,
    draws: int = 7,
    seed: int = 0,
    patience: float = PATIENCE,
) -> QuickCheck:
    """Hide the top of a map, and the same shape elsewhere; ask for another class; and look for the picture's edges.

    The `share` of pixels with the highest values is filled with the picture's mean colour. As a
    control the same shape, mirrored and moved at random, is hidden `draws` times: equal in size and
    form, different in place: `draws` + 1 pictures. The figure that falls is the
    probability of the class, or for a contrast p / (p + q) of the two classes. Another class is asked about by the
    method that the map names, if the map took `patience` seconds at the most.
    """
    return within_memory(trace, lambda own: _checked(own, heatmap, target, share, draws, seed, patience))


def _checked(
    trace: Trace, heatmap: Heatmap, target: Target | int, share: float, draws: int, seed: int, patience: float
) -> QuickCheck:
    target = fitting(trace, heatmap, target)
    marked = share_of_area(heatmap.values, share)
    generator = np.random.default_rng(seed)
    masks = [marked, *(_moved(marked, generator) for _ in range(draws))]
    hidden = torch.from_numpy(np.stack(masks)[:, None]).to(trace.pixels.device)
    pictures = torch.where(hidden, trace.pixels.mean((2, 3), keepdim=True), trace.pixels)
    with torch.no_grad():
        before = float(confidence(trace.logits, target)[0])
        left = torch.cat(list(_confidences(trace, pictures, target)))
    after = left.float().cpu().numpy()
    found = QuickCheck(
        share=share,
        before=before,
        hidden=float(after[0]),
        elsewhere=float(after[1:].mean()),
        spread=float(after[1:].std()),
        draws=draws,
        edges=spearman(np.abs(heatmap.values), control_maps(trace)["edges"]),
    )
    return with_another_class(found, trace, heatmap, target) if heatmap.seconds <= patience else found


def _confidences(trace: Trace, pictures: Tensor, target: Target) -> Iterator[Tensor]:
    """Ask about pictures (N, 3, H, W), a few at once: how sure the network is of each."""
    for part in torch.arange(len(pictures)).split(at_once(AT_ONCE)):
        report(int(part[0]), len(pictures))
        yield confidence(trace.model(pictures[part]), target)
    report(len(pictures), len(pictures))


def with_another_class(found: QuickCheck, trace: Trace, heatmap: Heatmap, target: Target) -> QuickCheck:
    """Ask the method that a map names about another class, too, and add how alike the two maps are.

    The other class is the most likely one beside the target's; of a contrast, the second of its two. Nothing is added
    where no method is named; where it has no map for that class, the reason is.
    """
    if heatmap.method is None:
        return found
    other = _other(trace, target)
    try:
        second = another_map(heatmap.method, trace, other, lambda: report(0, 1))
    except ConvLensError as error:
        if from_listener(error):
            raise
        return dataclasses.replace(found, other=other.index, alike=None, refusal=error.message)
    alike = None if second.empty else likeness(heatmap.values, second.values, spearman)
    return dataclasses.replace(found, other=other.index, alike=alike, refusal="")


def _other(trace: Trace, target: Target) -> Target:
    """Name the other question."""
    if isinstance(target, Contrast):
        return ClassLogit(target.against)
    likely = probabilities(trace.logits)[0].argsort(descending=True).tolist()
    return dataclasses.replace(target, index=next(index for index in likely if index != target.index))


def _moved(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Mirror a mask and shift it around the edges, at random."""
    if generator.random() < 0.5:
        mask = mask[::-1]
    if generator.random() < 0.5:
        mask = mask[:, ::-1]
    down, right = (int(generator.integers(side)) for side in mask.shape)
    return np.roll(mask, (down, right), (0, 1))
