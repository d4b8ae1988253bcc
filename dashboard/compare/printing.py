"""The panes as a printed figure: titles, colour bars, and what stands below each pane."""

from __future__ import annotations

import io
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from dashboard.compare import said
from explain.pictures import colour_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL import Image

    from dashboard.compare.drawing import Drawn
    from dashboard.compare.place import Place
    from dashboard.compare.scales import Scaled

#: Inches of a pane's side and of a line below it, dots per inch, and letters in a line.
SIDE, LINE, DPI, LETTERS = 3.4, 0.14, 160, 46
#: How thick evidence lies on the picture at the most, and how soon, as on the page.
THICKEST, SOONER = 0.78, 1.4


def printed(place: Place, drawn: Drawn) -> bytes:
    """Draw all panes and the difference side by side, as PNG; one colour bar serves all that share a scale."""
    panes = [(one.title, said.answer(place.axis, one)) for one in drawn.seen]
    maps, photos = list(drawn.scaled), list(drawn.photos)
    if drawn.apart is not None:
        first, second, apart = drawn.apart
        one, other = drawn.seen[first].title, drawn.seen[second].title
        panes.append((f"{one} less {other}", said.difference(one, other)))
        maps.append(apart)
        photos.append(photos[first])
    shape: Any = {"layout": "constrained", "dpi": DPI}
    lines = max(_wrapped(caption).count("\n") for _, caption in panes)
    figure = Figure(figsize=(SIDE * len(panes), SIDE + 1.5 + LINE * lines), **shape)
    FigureCanvasAgg(figure)
    every = np.atleast_1d(figure.subplots(1, len(panes)))
    for axes, (title, caption), shown, photo in zip(every, panes, maps, photos, strict=True):
        _pane(axes, title, caption, shown, photo)
    for legend in dict.fromkeys(shown.legend for shown in maps):
        sharing = [number for number, shown in enumerate(maps) if shown.legend == legend]
        _bar(figure, [every[number] for number in sharing], maps[sharing[0]])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def _pane(axes: Axes, title: str, caption: str, shown: Scaled, photo: Image.Image) -> None:
    rows, columns = shown.values.shape
    extent = (0, columns, rows, 0)
    axes.imshow(np.asarray(photo.convert("RGB")), extent=extent, interpolation="bilinear")
    share = np.abs(shown.values) / shown.top if shown.top > 0 else np.zeros_like(shown.values)
    thick = THICKEST * np.minimum(1, SOONER * share)
    painted = _colours(shown)
    axes.imshow(painted.to_rgba(shown.values, alpha=thick), extent=extent, interpolation="bilinear")
    axes.set_title(fill(title.replace("$", r"\$"), 32), fontsize=11, fontweight="bold", loc="left")
    axes.set_xlabel(_wrapped(caption), fontsize=8, loc="left")
    axes.set_xticks([])
    axes.set_yticks([])


def _wrapped(caption: str) -> str:
    return fill(caption.replace("$", r"\$"), LETTERS)


def _bar(figure: Figure, axes: list[Axes], shown: Scaled) -> None:
    ends = "both" if shown.signed else "max"
    bar = figure.colorbar(
        _colours(shown),
        ax=axes,
        orientation="horizontal",
        extend=ends if shown.exceeds else "neither",
        fraction=0.05,
        aspect=30,
        shrink=0.9,
    )
    bar.set_label(shown.legend + (f" ({shown.unit.strip()})" if shown.unit else ""), fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _colours(shown: Scaled) -> ScalarMappable:
    table = colour_table("blue-orange" if shown.signed else "inferno") / 255
    top = shown.top or 1.0
    return ScalarMappable(Normalize(-top if shown.signed else 0, top), ListedColormap(table))
