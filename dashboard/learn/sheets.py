"""Grids of real numbers as pictures beside each other, under one cursor that reads their numbers."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from dashboard import state
from dashboard.components import component
from dashboard.lens import to_bytes
from explain.pictures import colour_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.teaching.pooling import Way

    Floats = NDArray[np.floating[Any]]

#: How wide a number is drawn in a picture to take along.
PIXEL, GAP = 6, 12
_sheets = component("sheets", "numbers", "canvas")


@dataclass(frozen=True, eq=False)
class Sheet:
    """A grid of numbers (rows, columns) and how it is shown.

    short: what the read-out calls its number. top: the number with the strongest colour, None = the largest of the
    sheet. table: its colours; "blue-orange" has two signs. below: a line under it.
    """

    title: str
    short: str
    values: Floats
    alt: str
    below: str = ""
    top: float | None = None
    table: str = "viridis"

    @property
    def signed(self) -> bool:
        """Tell whether the numbers have two signs."""
        return self.table == "blue-orange"

    @property
    def end(self) -> float:
        """The number with the strongest colour."""
        return float(np.abs(self.values).max(initial=0)) if self.top is None else self.top


@dataclass(frozen=True)
class Window:
    """Where the numbers of the second sheet come from in the first."""

    side: int
    stride: int
    way: Way


def draw(
    key: str,
    sheets: Sequence[Sheet],
    *,
    window: Window | None = None,
    at: tuple[int, int] | None = None,
    on_pick: Callable[[int, int], None] | None = None,
) -> None:
    """Draw sheets of the same places, or, with a window, one and what was pooled from it.

    at: the row and column that the cursor begins with. on_pick: is told the place that was clicked.
    """

    def pick() -> None:
        place = state.get(key)["at"]
        if on_pick is not None:
            on_pick(int(place["row"]), int(place["column"]))

    _sheets(key=key, data=pack(sheets, window, at), on_at_change=pick)


def pack(sheets: Sequence[Sheet], window: Window | None, at: tuple[int, int] | None) -> bytes:
    """Put the sheets into the bytes for the browser."""
    ground = sheets[0 if window is None else 1].values
    row, column = at or (ground.shape[0] // 2, ground.shape[1] // 2)
    header: dict[str, Any] = {
        "sheets": [
            {
                "title": sheet.title,
                "short": sheet.short,
                "below": sheet.below,
                "alt": sheet.alt,
                "rows": sheet.values.shape[0],
                "columns": sheet.values.shape[1],
                "top": sheet.end,
                "signed": sheet.signed,
            }
            for sheet in sheets
        ],
        "window": None if window is None else vars(window),
        "at": {"row": row, "column": column},
        # The cursor stays where it is while the places stay the same.
        "grid": f"{ground.shape} {at}",
    }
    held = b"".join(colour_table(sheet.table).tobytes() for sheet in sheets)
    held += b"".join(np.ascontiguousarray(sheet.values, "<f4").tobytes() for sheet in sheets)
    header["answer"] = hashlib.sha256(held + json.dumps(header).encode()).hexdigest()[:16]
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + held


def png(sheets: Sequence[Sheet]) -> bytes:
    """Write sheets beside each other as PNG, each as high as the first."""
    high = sheets[0].values.shape[0] * PIXEL
    painted = []
    for sheet in sheets:
        levels = to_bytes(np.asarray(sheet.values, np.float32), sheet.signed, sheet.end)
        image = Image.fromarray(colour_table(sheet.table)[levels])
        wide = max(1, round(high * image.width / image.height))
        painted.append(image.resize((wide, high), Image.Resampling.NEAREST))
    whole = Image.new("RGB", (sum(image.width + GAP for image in painted) - GAP, high), (255, 255, 255))
    left = 0
    for image in painted:
        whole.paste(image, (left, 0))
        left += image.width + GAP
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    return buffer.getvalue()
