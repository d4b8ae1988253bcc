"""The lens for comparing: pictures side by side with one cursor, the change enlarged, maps on one scale."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dashboard.components import component
from dashboard.lens import jpeg, to_bytes
from explain.pictures import colour_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image

    Levels = NDArray[np.uint8]
    Floats = NDArray[np.floating[Any]]

_panes = component("panes", "numbers", "panes.zoom")


@dataclass(frozen=True, eq=False)
class Pane:
    """One of the pictures side by side.

    kind: a "picture"; a signed "change" of its colours (H, W, 3), in levels of 255, drawn around mid-grey; or a
    "map" (H, W) laid over the picture. short: its name in the read-out. top: the value at the end of the scale, and
    whether some values lie beyond it; suffix: what is written after a value. photo: a finer picture to lay a map over.
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
    exceeds: bool = False
    suffix: str = ""
    photo: Image.Image | None = None


def pack(
    panes: list[Pane],
    *,
    times: int = 1,
    hint: str = "",
    zooms: bool = False,
    zoom: str | None = None,
    stacked: bool = False,
) -> bytes:
    """Put the panes into the bytes that the component reads.

    times: how much a change is enlarged at first. zooms: whether the pictures can be enlarged, all alike; zoom: which
    part is seen at first, as the address has it. stacked: whether a narrow page has one pane below the other.
    """
    shown = next(array for pane in panes for array in (pane.picture, pane.layer) if array is not None)
    arrays = [table.tobytes() for table in (colour_table("inferno"), colour_table("blue-orange"))]
    headers: list[dict[str, Any]] = []
    photos: list[Image.Image] = []
    for pane in panes:
        if pane.picture is not None:
            arrays.append(np.ascontiguousarray(pane.picture, np.uint8).tobytes())
        if pane.layer is not None:
            signed = pane.signed or pane.kind == "change"
            arrays.append(to_bytes(np.asarray(pane.layer, np.float32), signed, pane.top).tobytes())
        words = {"kind": pane.kind, "title": pane.title, "caption": pane.caption, "alt": pane.alt, "short": pane.short}
        scale = {"top": pane.top, "signed": pane.signed, "legend": pane.legend}
        scale |= {"exceeds": pane.exceeds, "suffix": pane.suffix}
        photo = None if pane.photo is None else _place(pane.photo, photos)
        headers.append({**words, **scale, "hasPicture": pane.picture is not None, "photo": photo})
    files = [jpeg(photo)[0] for photo in photos]
    held = b"".join((*arrays, *files))
    header = {"rows": shown.shape[0], "columns": shown.shape[1], "times": times, "hint": hint, "panes": headers}
    header |= {"zooms": zooms, "zoom": zoom, "stacked": stacked, "photos": [len(file) for file in files]}
    header["answer"] = hashlib.sha256(held + json.dumps(headers).encode()).hexdigest()[:16]
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + held


def draw(
    data: bytes,
    *,
    key: str,
    on_times: Callable[[], None] | None = None,
    on_zoom: Callable[[], None] | None = None,
) -> Any:
    """Draw the panes; `times` comes back as the factor that the user chose, `zoom` as the part that is seen."""
    return _panes(key=key, data=data, on_times_change=on_times or _ignore, on_zoom_change=on_zoom or _ignore)


def _place(photo: Image.Image, photos: list[Image.Image]) -> int:
    """Say the how manieth photograph this is; one that several panes share is sent once."""
    places = [number for number, other in enumerate(photos) if other is photo]
    if not places:
        photos.append(photo)
    return places[0] if places else len(photos) - 1


def _ignore() -> None:
    return None
