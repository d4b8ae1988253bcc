"""From a result to a plotly figure that can be pointed at and zoomed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from explain.pictures import BLUE_ORANGE

if TYPE_CHECKING:
    from explain.results import Curve, Heatmap, Prediction

GREEN, GREY = "#0b6e4f", "#8a9a92"


def bars(prediction: Prediction, chosen: int | None = None) -> go.Figure:
    """Draw the most likely classes as bars, best on top; the chosen class index (the best by default) stands out."""
    chosen = int(prediction.indices[0]) if chosen is None else chosen
    shares = [float(share) for share in prediction.probabilities]
    figure = go.Figure(
        go.Bar(
            x=shares,
            y=[f"{name} " for name in prediction.names],
            orientation="h",
            marker_color=[GREEN if int(index) == chosen else GREY for index in prediction.indices],
            text=[f"{share:.1%}" for share in shares],
            textposition="auto",
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%", title="Probability")
    figure.update_yaxes(autorange="reversed", type="category")
    return _plain(figure, 60 + 34 * len(shares))


def line(curve: Curve, across: str, up: str) -> go.Figure:
    """Draw a curve with the area under it; `across` and `up` say what the axes are."""
    figure = go.Figure(
        go.Scatter(
            x=curve.x.tolist(),
            y=curve.y.tolist(),
            mode="lines",
            line_color=GREEN,
            fill="tozeroy",
            hovertemplate=f"{across} %{{x:.3g}}<br>{up} %{{y:.3g}}<extra></extra>",
        )
    )
    figure.update_xaxes(title=across)
    figure.update_yaxes(title=up)
    figure.update_layout(title=f"Area under the curve: {curve.area:.3f}")
    return _plain(figure, 320)


def heat(heatmap: Heatmap, unit: str = "evidence") -> go.Figure:
    """Draw a map with its colour bar in its own units; signed maps are centred on zero."""
    top = float(np.abs(heatmap.values).max(initial=0)) or 1.0
    stops = [[place / (len(BLUE_ORANGE) - 1), f"rgb{colour}"] for place, colour in enumerate(BLUE_ORANGE)]
    figure = go.Figure(
        go.Heatmap(
            z=heatmap.values,
            zmin=-top if heatmap.signed else 0,
            zmax=top,
            colorscale=stops if heatmap.signed else "Inferno",
            colorbar_title=unit,
            hovertemplate=f"x %{{x}}, y %{{y}}: %{{z:.4g}} {unit}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain", visible=False)
    figure.update_xaxes(constrain="domain", visible=False)
    return _plain(figure, 420)


def _plain(figure: go.Figure, height: int) -> go.Figure:
    """Take away what plotly adds by itself; the page's theme gives the colours of text and ground."""
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 40 if figure.layout.title.text else 8, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
    )
    return figure
