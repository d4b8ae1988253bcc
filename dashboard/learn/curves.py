"""Lines over one axis, as the browser draws them; a marker reads their numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dashboard import state
from dashboard.components import component

_curves = component("curves", "numbers", "charts")
#: What is told the place along the axis that was clicked.
Pick = Callable[[float], None]


@dataclass(frozen=True)
class Line:
    """A line through points; lines differ by their dashes as well as by their colours.

    spots: mark each point. jump: two points further apart than this are joined by a step, not by a slope.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    tone: Literal["first", "second", "third"] = "first"
    spots: bool = False
    jump: float | None = None


@dataclass(frozen=True)
class Chart:
    """Lines with their axes.

    alt: what it shows, for those who cannot see it. up: the lowest and highest number drawn; log: up in powers of ten.
    at: where the marker stands. tangent: a point of the first line, x and y, with its slope. most: ticks across.
    """

    title: str
    alt: str
    across: str
    lines: tuple[Line, ...]
    up: tuple[float, float]
    log: bool = False
    at: float | None = None
    tangent: tuple[float, float, float] | None = None
    hint: str = ""
    height: int = 300
    most: int = 12


def draw(key: str, chart: Chart, on_pick: Pick | None = None) -> None:
    """Draw a chart; `on_pick` is told the place along the axis that was clicked."""

    def pick() -> None:
        place = state.get(key)["at"]
        if on_pick is not None and place is not None:
            on_pick(float(place))

    _curves(key=key, data=pack(chart), on_at_change=pick)


def pack(chart: Chart) -> dict[str, Any]:
    """Write a chart as the browser reads it."""
    ends = _ends(chart.lines)
    data: dict[str, Any] = {
        "title": chart.title,
        "alt": chart.alt,
        "across": chart.across,
        "low": ends[0],
        "high": ends[1],
        "bottom": chart.up[0],
        "top": chart.up[1],
        "log": chart.log,
        "lines": [asdict(line) for line in chart.lines],
        "at": chart.at,
        "tangent": None if chart.tangent is None else dict(zip(("x", "y", "slope"), chart.tangent, strict=True)),
        "hint": chart.hint,
        "height": chart.height,
        "most": chart.most,
    }
    data["answer"] = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]
    return data


def _ends(lines: Sequence[Line]) -> tuple[float, float]:
    return min(min(line.x) for line in lines), max(max(line.x) for line in lines)
