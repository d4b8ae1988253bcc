"""From what is measured of one mistake to plotly figures: hiding piece after piece, and worse and worse pictures."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from explain.figures import LINES

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Heights of a chart that stands alone, and of one of several that stand side by side.
ALONE, BESIDE = 260, 190


def path_figure(first: Sequence[float], second: Sequence[float], names: tuple[str, str]) -> go.Figure:
    """Draw how sure a network is of two classes with 0, 1, 2 ... pieces of the picture hidden."""
    figure = _lines(first, second, names, "%{x} hidden")
    figure.update_xaxes(title="Pieces hidden", dtick=max(1, len(first) // 6))
    figure.update_yaxes(title="Probability")
    figure.update_layout(height=ALONE)
    return figure


def strengths_figure(
    first: Sequence[float], second: Sequence[float], names: tuple[str, str], amounts: Sequence[str]
) -> go.Figure:
    """Draw how sure a network is of two classes at the strengths 0 (the picture as it is), 1, 2 ... of one change."""
    figure = _lines(first, second, names, "%{text}", amounts)
    figure.update_xaxes(dtick=1)
    figure.update_layout(height=BESIDE, showlegend=False)
    return figure


def _lines(
    first: Sequence[float], second: Sequence[float], names: tuple[str, str], at: str, texts: Sequence[str] = ()
) -> go.Figure:
    figure = go.Figure()
    looks = zip((first, second), names, LINES, ("solid", "dash"), ("circle", "diamond"), strict=True)
    for shares, name, colour, dash, symbol in looks:
        figure.add_scatter(
            x=list(range(len(shares))),
            y=list(shares),
            # Plotly reads names as HTML.
            name=html.escape(name),
            text=list(texts),
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"size": 8, "symbol": symbol},
            hovertemplate=f"%{{fullData.name}}: %{{y:.1%}}, {at}<extra></extra>",
        )
    figure.update_yaxes(range=[-0.04, 1.04], tickformat=".0%")
    figure.update_layout(
        margin={"l": 0, "r": 12, "t": 8, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=True,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
    )
    return figure
