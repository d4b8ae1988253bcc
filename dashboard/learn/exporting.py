"""What may be taken along of a demonstration: a link that brings it back, for a class too, and its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from dashboard import state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboard.learn.desk import Desk


def draw(desk: Desk) -> None:
    """Draw the section, folded away; what is in it is sent once it is opened, since a browser works long on it."""
    demonstration = desk.demonstration
    fold = st.expander(
        "Take it along: link and pictures",
        key=f"{demonstration.key}-take-along",
        icon=":material/ios_share:",
        on_change="rerun",
    )
    if not fold.open:
        return
    with fold:
        left, right = st.columns([1, 1])
        hidden = left.multiselect(
            "Controls that the link hides",
            demonstration.controls,
            key=f"{demonstration.key}-to-hide",
            help="Whoever opens the link sees them neither: they keep the values that they have now.",
        )
        presented = right.toggle(
            "The link opens as a presentation",
            key=f"{demonstration.key}-to-present",
            help="The demonstration alone, in larger type; arrow keys turn to the next one, Escape ends it.",
        )
        st.code(link(demonstration.key, dict(state.address()), hidden, presented), language=None, wrap_lines=True)
        if desk.pictures:
            with st.container(horizontal=True):
                for name, png in desk.pictures.items():
                    file = f"convlens-{demonstration.key}-{'-'.join(name.lower().split())}.png"
                    st.download_button(
                        f"{name} (PNG)",
                        png,
                        file,
                        "image/png",
                        key=f"export-{demonstration.key}-{name}",
                        on_click="ignore",
                        icon=":material/download:",
                    )


def link(key: str, address: Mapping[str, str], hidden: Iterable[str], presented: bool) -> str:
    """Write the address that brings a demonstration back as it stands; what belongs to others is left out."""
    values = {"demo": key} | {name: value for name, value in address.items() if name.startswith(f"{key}-")}
    hide = ",".join(hidden)
    values |= {"hide": hide} if hide else {}
    values |= {"present": "true"} if presented else {}
    page = st.context.url or "learn"
    return f"{page.partition('?')[0]}?{urlencode(values, safe=',')}"
