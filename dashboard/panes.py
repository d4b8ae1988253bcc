"""The lens for comparing: pictures side by side with one cursor, the change enlarged, maps on one scale."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dashboard.components import component
from dashboard.lens import to_bytes
from explain.pictures import colour_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Levels = NDArray[np.uint8]
    Floats = NDArray[np.floating[Any]]

_panes = component("panes", "numbers")


@dataclass(frozen=True, eq=False)
class Pane:
    """One of the pictures side by side.

    kind: a "picture"; a signed "change" of its colours (H, W, 3), in levels of 255, drawn around mid-grey; or a
    "map" (H, W) laid over the picture. short: its name in the read-out. top: the value at the end of the scale.
    """

    kind: Literal["picture", "change", "map"]
    title: str
    caption: str
    alt: str
    short: str
    picture: Levels | None = None
    layer: Floats | None = None
    top: float = 0.0
    signed: bool = False
    legend: str = ""


def pack(panes: list[Pane], *, times: int = 1, hint: str = "") -> bytes:
    """Put the panes into the bytes that the component reads; `times` is how much a change is enlarged at first."""
    shown = next(array for pane in panes for array in (pane.picture, pane.layer) if array is not None)
    arrays = [table.tobytes() for table in (colour_table("inferno"), colour_table("blue-orange"))]
    headers = []
    for pane in panes:
        if pane.picture is not None:
            arrays.append(np.ascontiguousarray(pane.picture, np.uint8).tobytes())
        if pane.layer is not None:
            signed = pane.signed or pane.kind == "change"
            arrays.append(to_bytes(np.asarray(pane.layer, np.float32), signed, pane.top).tobytes())
        words = {"kind": pane.kind, "title": pane.title, "caption": pane.caption, "alt": pane.alt, "short": pane.short}
        scale = {"top": pane.top, "signed": pane.signed, "legend": pane.legend}
        headers.append({**words, **scale, "hasPicture": pane.picture is not None})
    held = b"".join(arrays)
    header = {"rows": shown.shape[0], "columns": shown.shape[1], "times": times, "hint": hint, "panes": headers}
    header["answer"] = hashlib.sha256(held + json.dumps(headers).encode()).hexdigest()[:16]
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + held


def draw(data: bytes, *, key: str, on_times: Callable[[], None] | None = None) -> Any:
    """Draw the panes; `times` comes back as the factor that the user chose."""
    return _panes(key=key, data=data, on_times_change=on_times or _ignore)


def _ignore() -> None:
    return None
