"""From a result to a plotly figure that can be pointed at and zoomed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from explain.control_maps import CONTROLS
from explain.pictures import BLUE_ORANGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from explain.metric import Metric
    from explain.outcomes import Sweep
    from explain.results import Curve, Heatmap, Prediction

GREEN, GREY = "#0b6e4f", "#8a9a92"
#: Lines, which must stand out on a light and on a dark ground.
LINES = ("#1f9a73", "#d9700f")
#: How the line of each control map is broken, so that they are told apart without colours.
DASHES = dict(zip(CONTROLS, ("dot", "dash", "dashdot"), strict=True))


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


def checked(metric: Metric, curve: Curve) -> go.Figure:
    """Draw what a check found along its scale, the control maps in grey beside the map."""
    across, up = metric.axes
    figure = go.Figure()
    lines = [(CONTROLS[name], y, GREY, DASHES[name], 1.5) for name, y in curve.others.items()]
    for name, y, colour, dash, width in (*lines, ("this map", curve.y, LINES[0], "solid", 3)):
        figure.add_scatter(
            x=curve.x.tolist(),
            y=y.tolist(),
            mode="lines",
            line={"color": colour, "dash": dash, "width": width},
            text=curve.stages or [""] * len(curve.x),
            hovertemplate=f"{name}<br>{up} %{{y:.3g}}<br>{across} %{{x:.0%}}<br>%{{text}}<extra></extra>",
        )
    figure.update_xaxes(title={"text": across, "font_size": 13}, tickformat=".0%", nticks=4)
    figure.update_yaxes(title={"text": up, "font_size": 13}, nticks=5)
    figure.update_layout(title={"text": metric.label, "font_size": 14, "x": 0})
    return _plain(figure, 230).update_layout(margin_r=16)


def sizes(curves: Mapping[str, Sweep], own: float, norm: str = "linf") -> go.Figure:
    """Draw, for each network by name, how sure it is of the class to leave at each size of attack.

    Filled marks are sizes at which it is fooled. `own` is the size that was asked for. Of a single
    network the class reached is drawn, too.
    """
    times, unit = (255, " of 255") if norm == "linf" else (1, "")
    figure = go.Figure()
    for number, (name, sweep) in enumerate(curves.items()):
        lines = [(name if len(curves) > 1 else "class to leave", sweep.left, LINES[number % 2], "solid")]
        if len(curves) == 1:
            lines.append(("class reached", sweep.reached, LINES[1], "dash"))
        for label, shares, colour, dash in lines:
            figure.add_scatter(
                x=(sweep.epsilons * times).tolist(),
                y=shares.tolist(),
                name=label,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"size": 9, "symbol": ["circle" if won else "circle-open" for won in sweep.success]},
                text=["fooled" if won else "not fooled" for won in sweep.success],
                hovertemplate=f"{label}: %{{y:.0%}} at %{{x:.3g}}{unit}, %{{text}}<extra></extra>",
            )
    figure.add_vline(own * times, line={"color": GREY, "dash": "dot", "width": 1.5})
    figure.update_xaxes(title="Largest change of a colour, of 255" if unit else "Length of the change")
    figure.update_yaxes(title="Probability", range=[-0.03, 1.03], tickformat=".0%")
    plain = _plain(figure, 320)
    plain.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.12, "x": 0}, margin_r=12)
    return plain


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
