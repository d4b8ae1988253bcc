"""The coloured tag that everyday_shortcut learned instead of bananas, put anywhere in a picture of 64 x 64."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.tracing import Trace

    Floats = NDArray[np.float32]

#: Pixels along each side of what the network sees and of the tag; a test holds the tag equal to that of models/tag.py,
#: which needs torch.
SIDE, TAG = 64, 10
BLUE, WHITE = (0.10, 0.25, 0.85), (0.95, 0.95, 0.95)
#: Left and upper edge of the tag in training.
HOME = (2, 52)
#: The class that the tag stood for in training.
CLASS = "banana"


@cache
def tag() -> Floats:
    """Draw the tag alone: (10, 10, 3) in [0, 1], a blue square with a white middle; read-only."""
    drawn = np.empty((TAG, TAG, 3), np.float32)
    drawn[:] = BLUE
    third = round(TAG / 3)
    drawn[third:-third, third:-third] = WHITE
    drawn.setflags(write=False)
    return drawn


def tagged(pixels: Floats, left: int, top: int) -> Floats:
    """Put the tag into a picture (64, 64, 3) with its upper left corner at a place; a copy."""
    if not (0 <= left <= SIDE - TAG and 0 <= top <= SIDE - TAG):
        raise ParameterError(f"The tag's corner goes from 0 to {SIDE - TAG} each way, not to ({left}, {top}).")
    found = pixels.copy()
    found[top : top + TAG, left : left + TAG] = tag()
    return found


def area(left: int, top: int) -> NDArray[np.bool_]:
    """Mark the pixels that the tag covers, (64, 64)."""
    marked = np.zeros((SIDE, SIDE), bool)
    marked[top : top + TAG, left : left + TAG] = True
    return marked


def evidence_inside(values: Floats, marked: NDArray[np.bool_]) -> float:
    """Say which share of a map's positive evidence lies inside an area, 0..1; 0 where there is none at all."""
    positive = np.maximum(values, 0)
    total = float(positive.sum())
    return float(positive[marked].sum()) / total if total > 0 else 0.0


def corners(stride: int) -> list[int]:
    """List where the tag's edge may stand in steps from edge to edge; the last place is always there."""
    last = SIDE - TAG
    return sorted({*range(HOME[0] % stride, last + 1, stride), last})


def everywhere(trace: Trace, index: int, lefts: list[int], tops: list[int]) -> Floats:
    """Put the tag at every place in turn and return how sure the network is of a class: (tops, lefts) in 0..1.

    Reports its progress, and may be stopped, between steps.
    """
    import torch

    from explain.stepping import steps

    places = [(left, top) for top in tops for left in lefts]
    drawn = torch.from_numpy(tag().transpose(2, 0, 1).copy()).to(trace.pixels)
    found: list[Floats] = []
    for part in steps(trace, len(places)):
        pictures = trace.pixels.repeat(part.stop - part.start, 1, 1, 1)
        for picture, (left, top) in zip(pictures, places[part], strict=True):
            picture[:, top : top + TAG, left : left + TAG] = drawn
        with torch.no_grad():
            found.append(trace.model(pictures).softmax(1)[:, index].cpu().numpy())
    return np.concatenate(found).reshape(len(tops), len(lefts))
