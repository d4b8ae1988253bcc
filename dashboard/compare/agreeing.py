"""How alike the maps are: a table of rank correlations and one of structural similarity."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import combinations
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.compare import said
from dashboard.compare.scales import share_of_strongest
from dashboard.compare.table import TOP, row
from dashboard.layers.numbers import TABLE, colour
from explain.agreement import spearman, ssim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.compare.drawing import Drawn
    from dashboard.compare.scales import Floats


@dataclass(frozen=True)
class Pair:
    """Two maps by their places, and how alike they are; None where a map is the same everywhere."""

    first: int
    second: int
    spearman: float | None
    ssim: float | None


def agreement(maps: Sequence[Floats]) -> list[Pair]:
    """Compare all pairs of maps on one grid: by rank, and by structure with each map in shares of its strongest."""
    shares = [share_of_strongest(values) for values in maps]
    return [
        Pair(one, other, spearman(maps[one], maps[other]), ssim(shares[one], shares[other]))
        for one, other in combinations(range(len(maps)), 2)
    ]


def draw(drawn: Drawn, pairs: Sequence[Pair]) -> None:
    """Draw both tables."""
    titles = [one.title for one in drawn.seen]
    by_rank = {(pair.first, pair.second): pair.spearman for pair in pairs}
    by_structure = {(pair.first, pair.second): pair.ssim for pair in pairs}
    with st.container(key="agreement"):
        st.subheader("How alike are the maps?", anchor=False)
        st.html(
            '<div style="display:flex;flex-wrap:wrap;gap:1rem 2.4rem">'
            + _matrix("Rank correlation (Spearman)", titles, by_rank)
            + _matrix("Structural similarity (SSIM)", titles, by_structure)
            + "</div>"
        )
        st.caption("1: the same. 0: unrelated. Below 0: the one is high where the other is low. Signs count.")


def _matrix(caption: str, titles: Sequence[str], figures: dict[tuple[int, int], float | None]) -> str:
    heads = "".join(f'<th scope="col" style="{TOP}">{escape(title)}</th>' for title in titles)
    lines = []
    for down, title in enumerate(titles):
        others = [tuple(sorted((down, across))) for across in range(len(titles))]
        found = [1.0 if one == other else figures[one, other] for one, other in others]
        lines.append(row(title, [_cell(value) for value in found], ""))
    name = f'<caption style="text-align:left;font-weight:600;padding-bottom:0.3rem">{escape(caption)}</caption>'
    return f'<table style="{TABLE}">{name}<tr><td></td>{heads}</tr>{"".join(lines)}</table>'


def _cell(value: float | None) -> str:
    """Write a figure on its colour: orange above zero, blue below."""
    if value is None:
        return "none"
    return f'<div style="margin:-0.2rem -0.35rem;padding:0.25rem 0.4rem;{colour(value, 1)}">{said.number(value)}</div>'
