"""What the browser draws by itself: the components, each put together from its files in dashboard/lens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent / "lens"


def component(name: str, *parts: str, html: str | None = None) -> Any:
    """Register the component of this name; `parts` are scripts that are put before its own."""
    return st.components.v2.component(
        f"convlens_{name}",
        html=_read(f"{name}.html") if html is None else html,
        css=_read(f"{name}.css"),
        js="".join(_read(f"{part}.js") for part in (*parts, name)),
    )


def _read(file: str) -> str:
    return (FOLDER / file).read_text(encoding="utf-8")
