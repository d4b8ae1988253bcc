"""The confusion matrix of a report: a table where its figures can be read, a picture where there are more."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dashboard.classes import name_of
from dashboard.report.markup import Markup, joined, tag
from dashboard.report.pictures import lossless
from explain.pictures import colour_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from explain.mistakes import Confusion

#: The most classes of a table, and the most whose names stand beside a picture.
FIGURES, NAMES = 26, 80
#: Mistakes are small shares of their class; the root makes them seen beside the diagonal.
ROOT = 0.5
#: The steps of colour of a table's cells.
STEPS = 10
#: In a picture: the side of a cell in its own units, and the room for a name.
CELL, ROOM = 14, 150
LONGEST_NAME = 22


def matrix(confusion: Confusion, names: Sequence[str]) -> Markup:
    """Write the matrix, a row for each true class and a column for each first guess."""
    called = [name_of(int(index), tuple(names)) for index in confusion.labels]
    small = len(called) <= FIGURES
    drawn = _table(confusion.matrix, called) if small else _picture(confusion.matrix, called)
    key = tag(
        "p",
        "A row for each true class, a column for each first guess: ",
        tag("span", class_="key right"),
        " named right, ",
        tag("span", class_="key wrong"),
        " taken for another. The stronger the colour, the larger the share of the true class.",
        class_="quiet",
    )
    return joined((key, tag("div", drawn, class_="wide", tabindex="0", role="region", aria_label="Confusion matrix")))


def shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide each row by its sum; a class without pictures has a row of zeros."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


@cache
def matrix_style() -> str:
    """Write the colours of a table's cells as style."""
    levels = np.rint(np.linspace(0, 1, STEPS + 1) * 127).astype(int)
    lines = []
    for name, places in (("wrong", 128 + levels), ("right", 128 - levels)):
        for step, colour in enumerate(colour_table("blue-orange")[places]):
            bright = colour @ np.array([0.2126, 0.7152, 0.0722]) > 120
            ink = "#000" if bright else "#fff"
            lines.append(f"td.{name}{step} {{ background: rgb({', '.join(map(str, colour))}); color: {ink}; }}")
    return "\n".join(lines) + "\n"


def _table(counts: NDArray[np.int64], called: list[str]) -> Markup:
    across = [tag("th", tag("span", _short(name)), scope="col", title=name) for name in called]
    corner = tag("td", "true class ↓, first guess →", class_="corner")
    rows = [
        tag("tr", tag("th", _short(name), scope="row", title=name), *_cells(counts[place], share, place))
        for place, (name, share) in enumerate(zip(called, shares(counts), strict=True))
    ]
    return tag("table", tag("thead", tag("tr", corner, *across)), tag("tbody", *rows), class_="matrix")


def _cells(counts: NDArray[np.int64], shares: NDArray[np.float64], row: int) -> list[Markup]:
    cells = []
    for column, (count, share) in enumerate(zip(counts, shares, strict=True)):
        step = int(np.ceil(STEPS * share**ROOT))
        colour = {"class_": f"{'right' if row == column else 'wrong'}{step}"} if count else {}
        cells.append(tag("td", f"{count:,}" if count else "", **colour))
    return cells


def _picture(counts: NDArray[np.int64], called: list[str]) -> Markup:
    """Draw the matrix as a picture of a pixel for each cell; names where there is room for them."""
    size = len(called)
    room = ROOM if size <= NAMES else 0
    side = CELL * size if room else max(size, 600)
    uri = lossless(painted(counts))
    right = int(np.trace(counts))
    alt = f"Confusion matrix of {size} classes: {right:,} of {int(counts.sum()):,} pictures are on the diagonal."
    parts = [tag("image", href=uri, x=str(room), y=str(room), width=str(side), height=str(side), class_="cells")]
    for place, name in enumerate(called if room else ()):
        middle = str(room + CELL * place + CELL * 0.75)
        parts.append(tag("text", _short(name), x=str(room - 6), y=middle, text_anchor="end"))
        turned = f"translate({middle} {room - 6}) rotate(-90)"
        parts.append(tag("text", _short(name), transform=turned))
    whole = str(room + side)
    return tag(
        "svg",
        *parts,
        role="img",
        aria_label=alt,
        viewBox=f"0 0 {whole} {whole}",
        width=whole,
        height=whole,
        class_="matrix",
    )


def painted(counts: NDArray[np.int64]) -> Image.Image:
    """Paint each cell by its share of the true class: what is right in blue, what is wrong in orange."""
    share = np.ceil(127 * shares(counts) ** ROOT).astype(int)
    places = 128 + np.where(np.eye(len(counts), dtype=bool), -share, share)
    return Image.fromarray(colour_table("blue-orange")[places])


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
