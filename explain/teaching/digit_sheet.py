"""The digit, and all that a network makes of it, as pictures to take along."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from explain.pictures import colour_table
from explain.teaching.digit_steps import TITLES
from explain.teaching.digits import FULL
from explain.teaching.pictures import png

if TYPE_CHECKING:
    from explain.teaching.digits import Floats, Grey

#: Side of a value's square, gap between tiles, margin, height of a title, and tiles side by side, in pixels.
CELL, GAP, MARGIN, TITLE, ACROSS = 12, 8, 16, 18, 8


def picture(pixels: Grey) -> bytes:
    """Write the digit as PNG."""
    return png(pixels.astype(np.float32) / np.float32(FULL), pixel=32)


def stages(values: Mapping[str, Floats]) -> bytes:
    """Write all stages as one PNG, below each other: the picture in grey, else orange above zero and blue below."""
    rows = [(TITLES[name], _tiles(one, grey=name == "picture")) for name, one in values.items()]
    height = MARGIN + sum(TITLE + tiles.height + GAP for _, tiles in rows)
    sheet = Image.new("RGB", (2 * MARGIN + max(tiles.width for _, tiles in rows), height + MARGIN), "white")
    pen, top = ImageDraw.Draw(sheet), MARGIN
    for title, tiles in rows:
        pen.text((MARGIN, top), title, fill="black")
        sheet.paste(tiles, (MARGIN, top + TITLE))
        top += TITLE + tiles.height + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _tiles(values: Floats, grey: bool) -> Image.Image:
    """Paint maps (n, h, w) side by side; numbers without places stand closer."""
    count, rows, columns = values.shape
    across, gap = (ACROSS, GAP) if rows > 1 else (4 * ACROSS, 2)
    share = values / (float(np.abs(values).max()) or 1.0)
    table = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1) if grey else colour_table("blue-orange")
    painted = table[np.rint(255 * share if grey else 128 + 127 * share).astype(int)]
    pitch = columns * CELL + gap, rows * CELL + gap
    size = min(count, across) * pitch[0] - gap, -(-count // across) * pitch[1] - gap
    sheet = Image.new("RGB", size, "white")
    for number, one in enumerate(painted):
        tile = Image.fromarray(one).resize((columns * CELL, rows * CELL), Image.Resampling.NEAREST)
        sheet.paste(tile, (number % across * pitch[0], number // across * pitch[1]))
    return sheet
