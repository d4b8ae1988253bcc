"""The curves of checks as drawings inside the file; what they are stands beside them as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboard.report.markup import Markup, tag
from dashboard.verdicts import figure, plain_figures

if TYPE_CHECKING:
    from dashboard.report.contents import Checked
    from explain.results import Curve

#: Width and height of a drawing in its own units, and the room for what stands beside its axes.
WIDE, HIGH, ROOM, BELOW = 260, 130, 40, 18


def curve(checked: Checked, found: Curve) -> Markup:
    """Draw a curve, and those of the control maps behind it."""
    series = {**found.others, "own": found.y}
    low = min(0.0, *(float(y.min()) for y in series.values()))
    high = max(float(y.max()) for y in series.values())
    span = (high - low) or 1.0
    lines = [
        tag("polyline", points=_points(found.x, (y - low) / span), class_=f"line {name}") for name, y in series.items()
    ]
    ends = [
        tag("text", figure(high), x=str(ROOM - 4), y="10", text_anchor="end"),
        tag("text", figure(low), x=str(ROOM - 4), y=str(HIGH), text_anchor="end"),
        tag("text", _percent(float(found.x[0])), x=str(ROOM), y=str(HIGH + BELOW - 2)),
        tag("text", _percent(float(found.x[-1])), x=str(ROOM + WIDE), y=str(HIGH + BELOW - 2), text_anchor="end"),
    ]
    frame = tag("path", d=f"M{ROOM} 0V{HIGH}H{ROOM + WIDE}", class_="axis")
    across, up = checked.axes
    drawing = tag(
        "svg",
        frame,
        *lines,
        *ends,
        viewBox=f"0 0 {ROOM + WIDE} {HIGH + BELOW}",
        role="img",
        aria_label=f"{checked.title}: {plain_figures(found)}",
        class_="curve",
    )
    caption = tag("figcaption", tag("strong", checked.title), tag("span", f"{up} against the {across}"))
    return tag("figure", drawing, caption)


def _points(x: np.ndarray, height: np.ndarray) -> str:
    """Write places in whole units: so that how the work was split leaves no trace in the file."""
    share = (x - x[0]) / ((x[-1] - x[0]) or 1.0)
    across, down = np.rint(ROOM + share * WIDE).astype(int), np.rint((1 - height) * HIGH).astype(int)
    return " ".join(f"{one},{other}" for one, other in zip(across.tolist(), down.tolist(), strict=True))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
