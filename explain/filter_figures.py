"""From what is measured of a layer's filters to plotly figures: how weights are spread, and how long filters are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from explain.figures import GREEN, GREY, LINES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.filters import Filter, Filters

HEIGHT = 260


def histogram(filters: Filters, chosen: Filter) -> go.Figure:
    """Draw how the weights of all filters are spread, as bars, and those of one filter, as a line; both as shares."""
    middles = (filters.edges[1:] + filters.edges[:-1]) / 2
    figure = go.Figure()
    figure.add_bar(
        x=middles.tolist(),
        y=_shares(filters.counts),
        name="all filters",
        marker_color=GREY,
        hovertemplate="all: %{y:.2%} of the weights around %{x:.3g}<extra></extra>",
    )
    figure.add_scatter(
        x=middles.tolist(),
        y=_shares(chosen.counts),
        name=f"filter {chosen.number}",
        mode="lines",
        line={"color": LINES[1], "shape": "hvh", "width": 2},
        hovertemplate=f"filter {chosen.number}: %{{y:.2%}} around %{{x:.3g}}<extra></extra>",
    )
    figure.update_xaxes(title="Weight")
    figure.update_yaxes(title="Share of weights", tickformat=".0%")
    return _plain(figure)


def norms(filters: Filters, chosen: int) -> go.Figure:
    """Draw the lengths of all filters, the longest first; the chosen one stands out."""
    order = np.argsort(-filters.norms, kind="stable")
    rank = int(np.flatnonzero(order == chosen)[0])
    lengths = filters.norms[order]
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(1, len(order) + 1)),
        y=lengths.tolist(),
        name="all filters",
        mode="lines",
        fill="tozeroy",
        line_color=GREEN,
        text=[str(number) for number in order],
        hovertemplate="filter %{text}: length %{y:.3g}, number %{x} by length<extra></extra>",
    )
    figure.add_scatter(
        x=[rank + 1],
        y=[float(lengths[rank])],
        name=f"filter {chosen}",
        mode="markers",
        marker={"size": 11, "color": LINES[1]},
        hovertemplate=f"filter {chosen}: length %{{y:.3g}}, number %{{x}} by length<extra></extra>",
    )
    figure.update_xaxes(title="Filters, the longest first")
    figure.update_yaxes(title="Length (L2)", rangemode="tozero")
    return _plain(figure)


def _shares(counts: NDArray[np.int64]) -> list[float]:
    return [float(count) / max(1, int(counts.sum())) for count in counts]


def _plain(figure: go.Figure) -> go.Figure:
    """Leave text and ground to the page's theme; the legend says which is which."""
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.15, "x": 0},
        bargap=0,
    )
    return figure
