"""Where in the picture something is, in words; numpy only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Standard deviation along a side, as a share of it, from which something reaches across; evenly spread it is 0.29.
ACROSS = 0.22
#: A share of the picture from which something is nearly everywhere.
MOST = 0.5

_DOWN, _ALONG = ("top", "middle", "bottom"), ("left", "middle", "right")
_CORNERS = {"top": "upper", "middle": "middle", "bottom": "lower"}


def whereabouts(marked: NDArray[np.bool_]) -> str:
    """Say where the marked pixels (H, W) are: "upper left", "centre", "across the top", "around the edges" ..."""
    rows, columns = (places / side for places, side in zip(marked.nonzero(), marked.shape, strict=True))
    if not len(rows):
        return "nowhere"
    if len(rows) > MOST * marked.size:
        return "most of the picture"
    down, along = _DOWN[_third(rows)], _ALONG[_third(columns)]
    tall, wide = rows.std() > ACROSS, columns.std() > ACROSS
    if tall and wide:
        inner = ((rows > 0.25) & (rows < 0.75) & (columns > 0.25) & (columns < 0.75)).mean()
        return "around the edges" if inner < 0.1 else "in several places"
    if wide:
        return f"across the {down}"
    if tall:
        return f"down the {along}"
    if along == "middle":
        return "centre" if down == "middle" else f"{down} centre"
    return f"{_CORNERS[down]} {along}"


def _third(places: NDArray[np.floating]) -> int:
    return min(2, int(3 * places.mean()))
