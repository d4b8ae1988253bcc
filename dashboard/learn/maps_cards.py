"""Maps as small pictures with words below them, and pictures to take along."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dashboard.lens import data_uri
from explain.pictures import colours, tiles
from explain.results import Heatmap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Levels = NDArray[np.uint8]

FIGURE = "margin:0;min-width:0;"
#: As wide as the place allows, two beside each other where there is room for two.
GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(7.5rem,1fr));gap:0.6rem;max-width:26rem;"
IMAGE = "display:block;width:100%;border-radius:0.5rem;image-rendering:pixelated;"


@dataclass(frozen=True, eq=False)
class Card:
    """A picture (H, W, 3) in levels of 255, the words below it, and what it shows."""

    picture: Levels
    words: str
    alt: str


def cards(shown: Sequence[Card]) -> str:
    """Write pictures beside each other as HTML."""
    return f'<div style="{GRID}">{"".join(_figure(card) for card in shown)}</div>'


def painted(values: Floats, signed: bool) -> Levels:
    """Paint a map by itself: dark is none, bright the most; with two signs orange is for and blue against."""
    return colours(Heatmap(values=values, signed=signed))


def levels(pixels: Floats) -> Levels:
    """Turn pixels in [0, 1] into levels of a screen."""
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def figure(alike: float | None) -> str:
    """Write a correlation, or that there is none."""
    return "none: a map is constant" if alike is None else f"{alike:.2f}".replace("-", "\N{MINUS SIGN}")


def sheet(parts: Sequence[Levels], columns: int, times: int = 4) -> bytes:
    """Put pictures of one size on a sheet, enlarged, as PNG."""
    return png(tiles([part.repeat(times, 0).repeat(times, 1) for part in parts], columns, gap=8))


def png(picture: Levels) -> bytes:
    """Write a picture as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def _figure(card: Card) -> str:
    source = data_uri(png(card.picture), "image/png")
    picture = f'<img style="{IMAGE}" alt="{escape(card.alt, quote=True)}" src="{source}">'
    below = f'<figcaption style="margin-top:0.3rem">{escape(card.words)}</figcaption>'
    return f'<figure style="{FIGURE}">{picture}{below}</figure>'
