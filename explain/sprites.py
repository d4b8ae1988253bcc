"""Many small pictures as one file: feature maps and filters of a layer, side by side without gaps."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Levels = NDArray[np.uint8]

#: A page of maps takes at most this many bytes.
BYTES = 200 * 1024
#: Sides to which tiles are brought where they take more, each tried with these numbers of levels.
SIDES, STEPS = (64, 56, 48, 40, 32), (256, 64)


@dataclass(frozen=True, eq=False)
class Sprite:
    """Tiles of one size in rows of `columns`, as a PNG; each tile is height by width pixels.

    A grey PNG holds levels: 0..255, or 1..255 around 128 where values have two signs. shrunk: how many of a
    map's rows went into one of the tile's, 1 where the tile is the map itself.
    """

    png: bytes
    count: int
    columns: int
    height: int
    width: int
    shrunk: float = 1.0


def levels(maps: Floats, signed: bool, tops: Floats) -> Levels:
    """Turn maps (n, h, w) into levels: 0 to 255 = top, or around 128 with 255 = top and 1 = -top; one top a map."""
    ends = np.asarray(tops, np.float32).reshape(-1, 1, 1)
    share = np.divide(maps, ends, out=np.zeros(maps.shape, np.float32), where=ends > 0)
    share = np.clip(share, -1 if signed else 0, 1)
    found: Levels = np.rint(128 + share * 127 if signed else share * 255).astype(np.uint8)
    return found


def sprite(tiles: Levels, columns: int = 8) -> Sprite:
    """Put tiles (n, h, w) of levels or (n, h, w, 3) of colours into one PNG, row by row; what is left over is black."""
    if not len(tiles):
        raise ParameterError("A sprite needs at least one tile.")
    count, height, width = tiles.shape[:3]
    columns = min(columns, count)
    rows = -(-count // columns)
    padded = np.zeros((rows * columns, *tiles.shape[1:]), np.uint8)
    padded[:count] = tiles
    sheet = padded.reshape(rows, columns, *tiles.shape[1:]).swapaxes(1, 2)
    buffer = io.BytesIO()
    joined = sheet.reshape(rows * height, columns * width, *tiles.shape[3:])
    Image.fromarray(np.ascontiguousarray(joined)).save(buffer, "PNG", compress_level=6)
    return Sprite(buffer.getvalue(), count, columns, height, width)


def page(maps: Floats, signed: bool, tops: Floats, columns: int = 8, budget: int = BYTES) -> Sprite:
    """Put a page of feature maps (n, h, w) into one grey PNG of at most `budget` bytes.

    Large maps are brought to a smaller size by averaging, and only then to fewer levels.
    """
    height, width = maps.shape[1:]
    found = None
    for side in sorted({min(side, max(height, width)) for side in SIDES}, reverse=True):
        size = (max(1, round(height * side / max(height, width))), max(1, round(width * side / max(height, width))))
        tiles = levels(shrunk(maps, size), signed, tops)
        for steps in STEPS:
            found = sprite(_coarse(tiles, steps), columns)
            if len(found.png) <= budget:
                return Sprite(found.png, found.count, found.columns, *size, height / size[0])
    assert found is not None
    raise ParameterError(f"{len(maps)} maps take {len(found.png)} bytes; a page holds {budget}.", "Show fewer at once.")


def shrunk(maps: Floats, size: tuple[int, int]) -> Floats:
    """Bring maps (n, h, w) to a smaller (height, width), each pixel the mean of those it covers."""
    if maps.shape[1:] == size:
        return maps
    images = (Image.fromarray(np.ascontiguousarray(one, np.float32)) for one in maps)
    return np.stack([np.asarray(image.resize(size[::-1], Image.Resampling.BOX)) for image in images])


def _coarse(tiles: Levels, steps: int) -> Levels:
    """Keep this many levels, with 128 and both ends among them."""
    if steps == 256:
        return tiles
    width = 256 // steps
    coarse = np.rint((tiles.astype(np.float32) - 128) / width) * width + 128
    found: Levels = np.clip(coarse, 0, 255).astype(np.uint8)
    return found
