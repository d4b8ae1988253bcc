"""From what a run got wrong to plotly figures: is its confidence to be trusted, and which classes are hard."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from explain.figures import GREY, LINES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from explain.mistakes import ByClass, Calibration
    from explain.runs import Cases

RIGHT, WRONG = LINES
#: With fewer pictures than this a share says little, and is drawn pale.
FEW = 10
#: Steps of confidence in which pictures are counted.
STEPS = 10
#: Classes drawn; of more, those that are least often right.
MOST_CLASSES = 25
#: Letters of a class name that are drawn; the rest is shown when it is pointed at.
LONGEST = 24


def calibration_figure(calibration: Calibration) -> go.Figure:
    """Draw how often the network is right against how sure it is; a network to be trusted lies on the dashed line.

    Bars are pale with fewer than ten pictures. A line joins each to where it would be, were the confidence true.
    """
    some = np.flatnonzero(calibration.count)
    count, edges = calibration.count[some], calibration.edges
    right, sure = calibration.accuracy[some], calibration.confidence[some]
    words = [
        f"{_percent(edges[place])} to {_percent(edges[place + 1])} sure: {_pictures(number)}<br>"
        f"right in {_percent(accuracy)}, {_percent(confidence)} sure on average"
        for place, number, accuracy, confidence in zip(some, count, right, sure, strict=True)
    ]
    bars = go.Bar(
        x=((edges[some] + edges[some + 1]) / 2).tolist(),
        y=right.tolist(),
        width=0.92 * float(edges[1] - edges[0]),
        marker={"color": RIGHT, "opacity": np.where(count < FEW, 0.4, 1.0).tolist()},
        name="how often it is right",
        hovertext=words,
        hoverinfo="text",
    )
    figure = go.Figure(bars)
    # A gap in the data after each pair of points keeps the lines apart.
    gaps = [value for low, high in zip(right, sure, strict=True) for value in (float(low), float(high), None)]
    figure.add_scatter(
        x=[float(value) for value in sure for _ in range(3)],
        y=gaps,
        mode="lines+markers",
        line={"color": WRONG, "width": 2.5},
        marker={"size": [0, 8, 0] * len(some), "opacity": [0, 1, 0] * len(some), "line_width": 0},
        name="how sure it is",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 1.5},
        name="as sure as right",
        hoverinfo="skip",
    )
    figure.update_xaxes(title="How sure the network is", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(title="How often it is right", range=[0, 1.03], tickformat=".0%")
    return _plain(figure, 340)


def confidence_figure(cases: Cases) -> go.Figure:
    """Draw how sure the network is where it is right, and where it is wrong: each as shares of its pictures."""
    edges = np.linspace(0, 1, STEPS + 1)
    figure = go.Figure()
    for name, chosen, colour in (("right", cases.right, RIGHT), ("wrong", cases.wrong, WRONG)):
        count = _steps(cases.confidence[chosen])
        total = int(count.sum())
        figure.add_bar(
            x=((edges[:-1] + edges[1:]) / 2).tolist(),
            y=(count / max(1, total)).tolist(),
            name=f"{name}: {_pictures(total)}",
            marker_color=colour,
            hovertext=[
                f"{_percent(low)} to {_percent(high)} sure: {number:,} of the {_pictures(total)} named {name}"
                for low, high, number in zip(edges[:-1], edges[1:], count, strict=True)
            ],
            hoverinfo="text",
        )
    figure.update_layout(barmode="group", bargap=0.16, bargroupgap=0.06)
    figure.update_xaxes(title="How sure the network is", range=[0, 1], tickformat=".0%", dtick=0.2)
    figure.update_yaxes(title="Share of these pictures", tickformat=".0%", rangemode="tozero")
    return _plain(figure, 300)


def class_figure(classes: Sequence[ByClass], names: Sequence[str]) -> go.Figure:
    """Draw for the classes that are least often right how often each is, and how often a guess of it is right.

    names: of all classes, by index. Classes of which there is no picture are left out.
    """
    there = sorted((one for one in classes if one.count), key=lambda one: (one.right / one.count, -one.count))
    shown = there[:MOST_CLASSES]
    places = list(range(len(shown)))
    figure = go.Figure(
        go.Bar(
            x=[one.accuracy for one in shown],
            y=places,
            orientation="h",
            marker={"color": RIGHT, "opacity": [0.4 if one.count < FEW else 1.0 for one in shown]},
            name="of its pictures, named right",
            hovertext=[f"{one.right:,} of {_pictures(one.count)} of {_escaped(names[one.index])}" for one in shown],
            hoverinfo="text",
        )
    )
    guessed = [(place, one) for place, one in enumerate(shown) if one.guessed]
    figure.add_scatter(
        x=[one.precision for _, one in guessed],
        y=[place for place, _ in guessed],
        mode="markers",
        marker={"color": WRONG, "size": 9, "symbol": "diamond"},
        name="of its guesses, right",
        hovertext=[
            f"{_escaped(names[one.index])}: {one.right:,} of {one.guessed:,} guesses right" for _, one in guessed
        ],
        hoverinfo="text",
    )
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", title="Share", zeroline=False)
    # By number, not by name: two classes may bear the same.
    labels = [f"{_escaped(_short(names[one.index]))} " for one in shown]
    figure.update_yaxes(tickvals=places, ticktext=labels, range=[len(shown) - 0.4, -0.6], showgrid=False)
    if len(shown) < len(there):
        figure.update_layout(title=f"The {len(shown)} of {len(there):,} classes that are least often right")
    return _plain(figure, 100 + 24 * max(1, len(shown)))


def _steps(sure: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.bincount(np.minimum((sure * STEPS).astype(np.int64), STEPS - 1), minlength=STEPS)


def _plain(figure: go.Figure, height: int) -> go.Figure:
    """Put the legend above and take away what plotly adds; the page's theme gives the colours of text and ground."""
    titled = bool(figure.layout.title.text)
    figure.update_layout(
        height=height + 30 * titled,
        margin={"l": 0, "r": 26, "t": 70 if titled else 40, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    )
    if titled:
        figure.update_layout(title={"font_size": 14, "y": 1, "yanchor": "top", "pad": {"t": 6}})
    return figure


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _pictures(count: int) -> str:
    return f"{count:,} picture" if count == 1 else f"{count:,} pictures"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…"


def _escaped(name: str) -> str:
    """Write a name so that plotly, which reads tags, shows it as it is."""
    return html.escape(name, quote=False)
