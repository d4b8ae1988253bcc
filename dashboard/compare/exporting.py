"""What may be taken along of a comparison: the panes as a picture, all figures as a table, the maps as numbers."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import cache
from dashboard.answers import Declined
from dashboard.classes import name_of
from dashboard.compare.table import named
from explain.results import Score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.compare.agreeing import Pair
    from dashboard.compare.drawing import Drawn
    from dashboard.compare.filling import Seen
    from dashboard.compare.measuring import Checked
    from dashboard.compare.place import Place
    from explain.metric import Metric

#: What is known of a figure, and what of the map that it is of.
FIGURE = ("kind", "figure", "of", "beside", "value", "error", "better", "settings", "note")
MAP = ("network", "weights", "picture", "sha256", "class", "rather than", "asked", "method")


def draw(place: Place, drawn: Drawn, pairs: Sequence[Pair], checked: Checked) -> None:
    """Offer the files; each is made only when it is asked for."""
    name = f"convlens-compare-{place.axis.key}"
    files = (
        ("Panes (PNG)", f"{name}.png", "image/png", lambda: picture(place, drawn), "png"),
        ("Checks and agreement (CSV)", f"{name}.csv", "text/csv", lambda: figures(drawn, pairs, checked), "csv"),
        ("Maps (NumPy .npz)", f"{name}.npz", "application/octet-stream", lambda: raw(drawn), "npz"),
    )
    st.subheader("Keep it", anchor=False)
    with st.container(horizontal=True, key="compare-export"):
        for label, file, mime, data, kind in files:
            st.download_button(
                label, data, file, mime, key=f"compare-{kind}", on_click="ignore", icon=":material/download:"
            )


def picture(place: Place, drawn: Drawn) -> bytes:
    """Draw the panes with their titles and colour bars, as on the page, for print."""
    from dashboard.compare.printing import printed

    return printed(place, drawn)


def figures(drawn: Drawn, pairs: Sequence[Pair], checked: Checked) -> bytes:
    """Write how alike the maps are and what the checks found: a line for each map and each figure."""
    text = io.StringIO()
    lines = csv.DictWriter(text, (*FIGURE, *MAP), restval="", lineterminator="\n")
    lines.writeheader()

    def write(one: Seen, **figure: str) -> None:
        lines.writerow({"of": one.title, **figure, **_map(one)})

    for one in drawn.seen:
        write(one, kind="map")
    for pair in pairs:
        first, second = drawn.seen[pair.first], drawn.seen[pair.second]
        for name, value in (("Spearman", pair.spearman), ("SSIM", pair.ssim)):
            write(first, kind="agreement", figure=name, beside=second.title, value=_number(value))
    for metric in checked.metrics:
        for number, one in enumerate(checked.seen):
            found, about = checked.outcome(metric, number), _about(metric)
            if isinstance(found, Declined):
                write(one, kind="check", note=found.reason, **about)
            elif found is not None:
                error = _number(found.error) if isinstance(found, Score) and math.isfinite(found.error) else ""
                note = " ".join(found.notes)
                write(one, kind="check", value=_number(found.value), error=error, note=note, **about)
                for control, value in found.baselines.items():
                    write(one, kind="control", beside=named(control), value=_number(value), **about)
    return text.getvalue().encode()


def _about(metric: Metric) -> dict[str, str]:
    return {"figure": type(metric).__name__, "better": metric.better, "settings": repr(metric)}


def _map(one: Seen) -> dict[str, str]:
    """Say which map it is: of what network, picture and question, and by which method with all its parameters."""
    choice, names = one.member.choice, one.member.names
    against = "" if choice.against is None else name_of(choice.against, names)
    asked = "score" if choice.against is not None else choice.ask
    values = (
        *(choice.model, one.answer.weights, choice.picture.name, choice.picture.sha256),
        *(name_of(one.answer.index, names), against, asked, repr(cache.method_of(choice))),
    )
    return dict(zip(MAP, values, strict=True))


def raw(drawn: Drawn) -> bytes:
    """Write the maps as the methods gave them, and their names in the same order."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"map{number}": one.heatmap.values for number, one in enumerate(drawn.seen, 1)}
    arrays["titles"] = np.array([one.title for one in drawn.seen])
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
