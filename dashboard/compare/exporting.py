"""What may be taken along of a comparison: the panes as a picture, all figures as a table, the maps as numbers."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard.answers import Declined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.compare.agreeing import Pair
    from dashboard.compare.drawing import Drawn
    from dashboard.compare.measuring import Checked
    from dashboard.compare.place import Place

HEAD = ("kind", "figure", "of", "beside", "value", "better", "note")


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
    """Write how alike the maps are and what the checks found, one figure in each line."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEAD)
    titles = [one.title for one in drawn.seen]
    for pair in pairs:
        for name, value in (("Spearman", pair.spearman), ("SSIM", pair.ssim)):
            lines.writerow(("agreement", name, titles[pair.first], titles[pair.second], _number(value), "", ""))
    for metric in checked.metrics:
        name = type(metric).__name__
        for number, one in enumerate(checked.seen):
            found = checked.outcome(metric, number)
            if isinstance(found, Declined):
                lines.writerow(("check", name, one.title, "", "", metric.better, found.reason))
            elif found is not None:
                lines.writerow(("check", name, one.title, "", _number(found.value), metric.better, ""))
                for control, value in found.baselines.items():
                    lines.writerow(("control", name, one.title, control, _number(value), metric.better, ""))
    return text.getvalue().encode()


def raw(drawn: Drawn) -> bytes:
    """Write the maps as the methods gave them, and their names in the same order."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"map{number}": one.heatmap.values for number, one in enumerate(drawn.seen, 1)}
    arrays["titles"] = np.array([one.title for one in drawn.seen])
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
