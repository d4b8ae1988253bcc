"""From a result to a picture: pure functions that give RGB arrays, (height, width, 3) uint8.

Signed maps run from blue ("spoke against it") through white at zero to orange ("spoke for it"), all
others along a colour map of one direction. A map is scaled by its largest absolute value, never by its
smallest: zero stays zero, so a map without evidence looks empty.
"""

from __future__ import annotations

from functools import cache
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from explain.results import share_of_area
from models.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from explain.results import Concepts, Heatmap

    Floats = NDArray[np.floating[Any]]
    Picture = NDArray[np.uint8]

Box = tuple[float, float, float, float]

ONE_SIGN = ("inferno", "viridis", "cividis", "gray")
BLUE_ORANGE = (
    *((8, 48, 107), (33, 102, 172), (103, 169, 207), (209, 229, 240), (247, 247, 247)),
    *((254, 224, 182), (241, 163, 64), (204, 96, 6), (127, 48, 4)),
)
#: The colours of parts, strongest first: those of Okabe and Ito, which people who see fewer colours can tell apart, and
#: three more that differ in lightness; numbers stand beside them, so nobody needs the colours.
PARTS = (
    *((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66)),
    *((0, 114, 178), (213, 94, 0), (250, 250, 250), (136, 34, 85), (120, 120, 40)),
)
#: How much of each colour is in the brightness of a pixel.
GREY = np.array([0.299, 0.587, 0.114])
#: A part that is weaker than this share of the strongest value is taken to be absent.
FAINT = 0.1
#: Weak evidence is laid on a little thicker than its share, or it would not be seen at all.
GAMMA = 0.7


def scale(values: Floats, signed: bool) -> NDArray[np.float32]:
    """Divide a map by its largest absolute value: [-1, 1] if signed, else [0, 1]; an empty map stays zero.

    Without a sign, what lies below zero counts as zero.
    """
    kept = np.asarray(values, np.float32)
    kept = kept if signed else np.maximum(kept, 0)
    top = float(np.abs(kept).max(initial=0))
    return kept / np.float32(top) if top > 0 else np.zeros_like(kept)


def colours(heatmap: Heatmap, name: str = "inferno") -> Picture:
    """Paint a map by itself; `name` is the colour map of maps without a sign."""
    return _painted(scale(heatmap.values, heatmap.signed), heatmap.signed, name)


def resize(values: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize a map to (width, height), bilinear."""
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def overlay(picture: Image.Image | Picture, heatmap: Heatmap, strength: float = 0.75, name: str = "inferno") -> Picture:
    """Lay a map over the crop it belongs to, the thicker the stronger the evidence; strength is 0..1."""
    ground = _array(picture)
    return _blended(ground, _fitted(heatmap, ground), heatmap.signed, strength, name)


def spotlight(picture: Image.Image | Picture, heatmap: Heatmap, strength: float = 0.85) -> Picture:
    """Show the crop where there is evidence for the target and darken the rest; needs no colours to be read."""
    ground = _array(picture)
    share = np.clip(_fitted(heatmap, ground), 0, 1)
    return _rounded(ground * (1 - strength * (1 - share[..., None])))


def outline(picture: Image.Image | Picture, heatmap: Heatmap, share: float = 0.1) -> Picture:
    """Draw a line round the `share` of pixels with the strongest evidence; a map without evidence gets none."""
    ground = _array(picture).copy()
    if heatmap.empty:
        return ground
    marked = share_of_area(_fitted(heatmap, ground), share)
    inner = marked & ~_shrunk(marked)
    ground[_grown(marked) & ~marked] = 0
    ground[inner] = 255
    return ground


def regions(concepts: Concepts) -> NDArray[np.int64]:
    """Say which part is strongest at each pixel of the crop: (H, W), its number from 0 on; -1 where none is present."""
    winner: NDArray[np.int64] = concepts.maps.argmax(0)
    top = float(concepts.maps.max(initial=0))
    return np.where(concepts.maps.max(0, initial=0) > FAINT * top, winner, -1)


def painted_parts(
    picture: Image.Image | Picture, concepts: Concepts, only: int | None = None, strength: float = 0.65
) -> Picture:
    """Paint each part in its colour where it is the strongest, the thicker the stronger; `only`: one part alone."""
    ground = _array(picture)
    height, width = ground.shape[:2]
    maps = np.stack([resize(one, (width, height)) for one in concepts.maps])
    top = float((maps if only is None else maps[only]).max(initial=0)) or 1.0
    winner = maps.argmax(0) if only is None else np.full((height, width), only)
    share = np.take_along_axis(maps, winner[None], 0)[0] / top
    paint = np.asarray(PARTS, float)[winner]
    # The ground loses its own colours, so that grass is not taken for a green part.
    grey = (ground @ GREY)[..., None]
    weight = (strength * np.clip(share, 0, 1) ** GAMMA)[..., None]
    return _rounded(grey * (1 - weight) + paint * weight)


def numbered_parts(picture: Image.Image | Picture, concepts: Concepts) -> Picture:
    """Paint the parts and write each one's number, from 1 on, where it is strongest."""
    image = Image.fromarray(painted_parts(picture, concepts))
    pen = ImageDraw.Draw(image)
    size = max(12, round(image.height / 24))
    for part, place in anchors(concepts).items():
        row, column = place[0] * image.height, place[1] * image.width
        pen.circle((column, row), 0.75 * size, PARTS[part], "black", max(1, size // 10))
        pen.text((column, row), str(part + 1), ink(PARTS[part]), font_size=size, anchor="mm")
    return np.asarray(image)


def anchors(concepts: Concepts) -> dict[int, tuple[float, float]]:
    """Find where each part's number may stand: where it is strongest among its own pixels, as (down, across) in 0..1.

    A part that is nowhere the strongest has no place.
    """
    areas = regions(concepts)
    found = {}
    for part, one in enumerate(concepts.maps):
        if (areas == part).any():
            row, column = np.unravel_index(np.where(areas == part, one, -1).argmax(), one.shape)
            margin = 0.04
            down, across = (row + 0.5) / one.shape[0], (column + 0.5) / one.shape[1]
            found[part] = (float(np.clip(down, margin, 1 - margin)), float(np.clip(across, margin, 1 - margin)))
    return found


def ink(colour: tuple[int, int, int]) -> str:
    """Choose black or white for letters on a colour, whichever can be read better."""
    return "black" if np.dot(colour, GREY) > 100 else "white"


def divided(picture: Image.Image | Picture, segments: NDArray[np.int32], side: int = 448) -> Picture:
    """Draw the borders between superpixels over the crop, enlarged to at least `side` pixels by whole factors."""
    factor = max(1, -(-side // max(segments.shape)))
    large = np.kron(segments, np.ones((factor, factor), np.int32))
    height, width = large.shape
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    ground = np.array(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
    border = np.zeros(large.shape, bool)
    border[:, 1:] |= large[:, 1:] != large[:, :-1]
    border[1:] |= large[1:] != large[:-1]
    # A dark line beside the bright one, so that both are seen on any ground.
    ground[_grown(border) & ~border] = 0
    ground[border] = 255
    return ground


def tiles(parts: Sequence[NDArray[Any]] | NDArray[Any], columns: int | None = None, gap: int = 2) -> Picture:
    """Put pictures (h, w, 3) or maps (h, w) of one size side by side; each map is scaled and painted by itself.

    `columns` is chosen for a nearly square sheet if it is not given; the gaps are mid-grey.
    """
    painted = [part if part.ndim == 3 else _painted(scale(part, False), False, "viridis") for part in parts]
    if not painted:
        raise ParameterError("Tiles need at least one picture.")
    height, width = painted[0].shape[:2]
    wide = columns or ceil(len(painted) ** 0.5)
    tall = ceil(len(painted) / wide)
    sheet = np.full((tall * (height + gap) - gap, wide * (width + gap) - gap, 3), 128, np.uint8)
    for number, part in enumerate(painted):
        top, left = number // wide * (height + gap), number % wide * (width + gap)
        sheet[top : top + height, left : left + width] = part
    return sheet


def difference(first: Heatmap, second: Heatmap) -> Picture:
    """Paint where the first map has more (orange) or less (blue) than the second, each scaled by itself.

    The difference is not scaled again: equal maps give white, and full orange is all against nothing.
    """
    if first.values.shape != second.values.shape:
        raise ParameterError(f"Maps of one size are compared, not {first.values.shape} and {second.values.shape}.")
    gap = scale(first.values, first.signed) - scale(second.values, second.signed)
    return _painted(np.clip(gap, -1, 1), True, "inferno")


def laid_over(
    original: Image.Image, heatmap: Heatmap, box: Box, strength: float = 0.75, name: str = "inferno", frame: bool = True
) -> Picture:
    """Lay a map over the whole original picture, where its crop was; `box` is that crop in original pixels.

    What the network never saw is dimmed, and a thin frame shows where the crop ends.
    """
    ground = _array(original)
    left, top, right, bottom = box
    rows, columns = heatmap.values.shape
    across, down = columns / (right - left), rows / (bottom - top)
    share = Image.fromarray(np.ascontiguousarray(scale(heatmap.values, heatmap.signed)))
    matrix = (across, 0.0, -left * across, 0.0, down, -top * down)
    placed = np.asarray(share.transform(original.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
    height, width = ground.shape[:2]
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside = ((x > left) & (x < right))[None] & ((y > top) & (y < bottom))[:, None]
    dimmed = np.where(inside[..., None], ground, _rounded(ground * 0.6))
    result = _blended(dimmed, np.where(inside, placed, 0), heatmap.signed, strength, name)
    return _framed(result, box) if frame and not inside.all() else result


def colour_table(name: str) -> Picture:
    """List the colours of the bytes 0 to 255, (256, 3): of "blue-orange", which has two signs, 128 is zero."""
    values = np.arange(256)
    return _painted((values - 128) / 127, True, name) if name == "blue-orange" else _painted(values / 255, False, name)


def _blended(ground: Picture, share: Floats, signed: bool, strength: float, name: str) -> Picture:
    weight = (strength * np.abs(share) ** GAMMA)[..., None]
    return _rounded(ground * (1 - weight) + _painted(share, signed, name) * weight)


def _framed(picture: Picture, box: Box) -> Picture:
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = box
    edges = (max(0, round(left)), max(0, round(top)), min(image.width, round(right)), min(image.height, round(bottom)))
    pen.rectangle((edges[0], edges[1], edges[2] - 1, edges[3] - 1), outline="white")
    pen.rectangle((edges[0] - 1, edges[1] - 1, edges[2], edges[3]), outline="black")
    return np.asarray(image)


def _painted(share: Floats, signed: bool, name: str) -> Picture:
    table = _table("blue-orange" if signed else name)
    place = (share + 1) / 2 if signed else share
    painted: Picture = table[np.rint(np.clip(place, 0, 1) * (len(table) - 1)).astype(int)]
    return painted


@cache
def _table(name: str) -> Picture:
    if name == "blue-orange":
        # An odd number of steps, so that zero has a colour of its own.
        stops, steps = np.array(BLUE_ORANGE, float), np.linspace(0, len(BLUE_ORANGE) - 1, 257)
        channels = [np.interp(steps, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
        return _rounded(np.stack(channels, 1))
    if name not in ONE_SIGN:
        raise ParameterError(f"A colour map is one of {', '.join(ONE_SIGN)}, not {name!r}.")
    from matplotlib import colormaps

    return _rounded(np.asarray(colormaps[name](np.arange(256)))[:, :3] * 255)


def _fitted(heatmap: Heatmap, ground: Picture) -> NDArray[np.float32]:
    """Scale a map and bring it to the size of the picture below it."""
    height, width = ground.shape[:2]
    return resize(scale(heatmap.values, heatmap.signed), (width, height))


def _grown(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    grown = marked.copy()
    grown[1:] |= marked[:-1]
    grown[:-1] |= marked[1:]
    grown[:, 1:] |= marked[:, :-1]
    grown[:, :-1] |= marked[:, 1:]
    return grown


def _shrunk(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take off the outermost pixels; beyond the picture's edge nothing is marked."""
    return ~_grown(~np.pad(marked, 1))[1:-1, 1:-1]


def _array(picture: Image.Image | Picture) -> Picture:
    return np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)


def _rounded(values: Floats) -> Picture:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
