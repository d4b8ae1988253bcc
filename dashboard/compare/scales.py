"""Maps side by side: on one grid of pixels, and on scales that may honestly be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dashboard.lens import scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dashboard.compare.filling import Seen

    Floats = NDArray[np.float32]
    Box = tuple[float, float, float, float]

PERCENT = "\N{NO-BREAK SPACE}%"
#: How the colours of several maps may be scaled, and what the page calls it; the first is the default.
SCALES = {"one": "one scale", "own": "each its own", "rank": "ranks"}


@dataclass(frozen=True, eq=False)
class Scaled:
    """A map as it is drawn: its values (H, W), the value at the end of its colours, and what they stand for.

    exceeds: whether some values lie beyond that end. unit: what is written after a value.
    """

    values: Floats
    top: float
    exceeds: bool
    signed: bool
    legend: str
    unit: str = ""


def on_one_grid(seen: Sequence[Seen]) -> tuple[list[Floats], list[Image.Image], bool]:
    """Bring maps onto one grid of pixels; also return the part of each picture that it covers, and whether it is cut.

    Networks see different parts of one picture, at different sizes: then the grid covers what all of them see, at the
    finest of their sizes. Maps of one size and crop stay as they are.
    """
    boxes = [one.answer.box for one in seen]
    one_picture = len({one.member.choice.picture.sha256 for one in seen}) == 1
    parts = boxes
    if one_picture:
        left, top, right, bottom = zip(*boxes, strict=True)
        parts = [(max(left), max(top), min(right), min(bottom))] * len(boxes)
    sizes = [_size(one.heatmap.values, box, part) for one, box, part in zip(seen, boxes, parts, strict=True)]
    size = max(sizes)
    maps = [_cut(one.heatmap.values, box, part, size) for one, box, part in zip(seen, boxes, parts, strict=True)]
    photos: dict[tuple[str, Box], Image.Image] = {}
    for one, part in zip(seen, parts, strict=True):
        picture = one.member.choice.picture
        if (picture.sha256, part) not in photos:
            side = min(448, max(size[0], round(part[2] - part[0])))
            photos[picture.sha256, part] = picture.image.resize((side, side * size[1] // size[0]), box=part)
    shown = [photos[one.member.choice.picture.sha256, part] for one, part in zip(seen, parts, strict=True)]
    return maps, shown, parts != boxes


def _size(values: Floats, box: Box, part: Box) -> tuple[int, int]:
    """Return (width, height) of a part of a map, in its own pixels."""
    rows, columns = values.shape
    across, down = (part[2] - part[0]) / (box[2] - box[0]), (part[3] - part[1]) / (box[3] - box[1])
    return max(1, round(columns * across)), max(1, round(rows * down))


def _cut(values: Floats, box: Box, part: Box, size: tuple[int, int]) -> Floats:
    rows, columns = values.shape
    if box == part and size == (columns, rows):
        return values
    across, down = columns / (box[2] - box[0]), rows / (box[3] - box[1])
    left, right = ((edge - box[0]) * across for edge in part[::2])
    top, bottom = ((edge - box[1]) * down for edge in part[1::2])
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, (left, top, right, bottom)))


def scaled(
    maps: Sequence[Floats], signed: Sequence[bool], titles: Sequence[str], how: str, one_unit: bool
) -> list[Scaled]:
    """Scale the colours of maps.

    how: a key of SCALES. one_unit: whether their values are in one unit; where they are not, one scale can only hold
    each value's share of its map's strongest. One scale has two signs as soon as one of the maps has.
    """
    if how == "rank":
        legend = "Rank among the map's pixels"
        return [Scaled(ranked(values), 100.0, False, False, legend, PERCENT) for values in maps]
    if how == "own":
        ends = [scale(values) for values in maps]
        return [
            Scaled(values, top, exceeds, two, title)
            for values, (top, exceeds), two, title in zip(maps, ends, signed, titles, strict=True)
        ]
    both = any(signed)
    if not one_unit:
        beyond = any(scale(values)[1] for values in maps)
        legend = "Share of each map's strongest evidence"
        return [Scaled(share_of_strongest(values), 100.0, beyond, both, legend, PERCENT) for values in maps]
    top, exceeds = scale(np.stack(maps))
    return [Scaled(values, top, exceeds, both, "Evidence, one scale for all") for values in maps]


def difference(first: Scaled, second: Scaled, how: str) -> Scaled:
    """Subtract a map from another, in the unit in which they are drawn; each's share where each has its own scale."""
    one, other = first.values, second.values
    unit = first.unit
    if how == "own":
        one, other, unit = share_of_strongest(one), share_of_strongest(other), PERCENT
    values = one - other
    top, exceeds = scale(values)
    return Scaled(values, top, exceeds, True, "Difference", unit)


def share_of_strongest(values: Floats) -> Floats:
    """Write a map in percent of where its own scale would end, at most 100; an empty one stays zero.

    That is its largest value, or less where a few extreme pixels would leave the rest dark.
    """
    top, _ = scale(values)
    return np.clip(100 * values / top, -100, 100) if top > 0 else values


def ranked(values: Floats) -> Floats:
    """Write each value as its place among all in percent, 0 the lowest and 100 the highest; equal ones share theirs."""
    _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean = (ends - counts + ends - 1) / 2
    share: Floats = (100 * mean[place] / max(1, values.size - 1)).reshape(values.shape).astype(np.float32)
    return share
