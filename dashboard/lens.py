"""The lens: lays evidence over a picture in the browser; hover, keys, views and strength cost no round trip."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from dashboard.components import component

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from explain.results import Heatmap

PICTURE_BYTES = 60 * 1024
VIEWS = ("heat", "spotlight", "outline", "image")


_lens = component("lens", "numbers")
_picker = component("picker", html='<div class="picker">\n</div>')


@dataclass(frozen=True)
class Look:
    """How the lens shows its picture: the view, the slider's place, and whether beyond the network's crop."""

    view: str = "heat"
    strength: int | None = None
    whole: bool = False


@dataclass(frozen=True)
class Option:
    """One line of a picker: what it is called, a figure in words, a bar's length in 0..1, or a small picture.

    heading and note stand above the first option of a group.
    """

    id: str
    name: str
    figure: str = ""
    share: float = 0.0
    quiet: bool = False
    picture: str = ""
    heading: str = ""
    note: str = ""


def scale(values: NDArray[np.float32]) -> tuple[float, bool]:
    """Choose the raw value at the end of the colour scale, and say whether some values lie beyond it.

    Maps with a few extreme pixels end at the 99.5th percentile of the sizes (a cloud of specks at the
    97th), since a few pixels would otherwise leave the rest dark; the legend then reads "at least".
    """
    sizes = np.abs(values)
    largest = float(sizes.max(initial=0.0))
    usual = float(np.quantile(sizes, 0.995 if marked(values) else 0.97)) if values.size else 0.0
    return (usual, True) if 0 < usual < 0.6 * largest else (largest, False)


def to_bytes(values: NDArray[np.float32], signed: bool, top: float) -> NDArray[np.uint8]:
    """Turn a map into bytes: 0 to 255 = top, or around 128 with 255 = top and 1 = -top."""
    share = np.clip(values / top, -1 if signed else 0, 1) if top > 0 else np.zeros_like(values)
    return np.rint(128 + share * 127 if signed else share * 255).astype(np.uint8)



def jpeg(image: Image.Image, budget: int = PICTURE_BYTES) -> tuple[bytes, float]:
    """Write a picture as JPEG within a budget of bytes; also return how much it was shrunk (1 = not at all)."""
    for side in (800, 640, 512, 400, 320, 240):
        share = min(1.0, side / max(image.size))
        size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        buffer = io.BytesIO()
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=84)
        if buffer.tell() <= budget:
            break
    return buffer.getvalue(), share


def pack(
    image: Image.Image,
    box: tuple[float, float, float, float],
    heatmap: Heatmap | None,
    *,
    caption: str,
    alt: str,
    unit: str = "evidence",
    ends: tuple[str, str] = ("against", "for"),
    look: Look = Look(),
    pin: tuple[int, int] | None = None,
    units: NDArray[np.float32] | None = None,
) -> bytes:
    """Put a picture, its crop's box and its evidence into the bytes that the lens reads.

    Without a map, or with an empty one, the picture stands alone. `ends` names both signs of a signed map; `look` and
    `pin` say how to begin. `units`: the values (h, w) that the map was enlarged from; the scale then ends at their
    largest, and the read-out gives theirs.
    """
    picture, share = jpeg(image)
    values = None if heatmap is None or heatmap.empty else heatmap.values
    top, exceeds = scale(values) if values is not None else (0.0, False)
    if units is not None:
        top, exceeds = float(np.abs(units).max(initial=0)), False
    signed = heatmap is not None and heatmap.signed
    map_bytes = to_bytes(values, signed, top).tobytes() if values is not None else b""
    own = units.astype("<f4").tobytes() if units is not None and values is not None else b""
    rows, columns = values.shape if values is not None else (0, 0)
    left, upper, right, lower = box
    header = {
        "rows": rows,
        "columns": columns,
        "signed": signed,
        "top": top,
        "exceeds": exceeds,
        "unit": unit,
        "ends": ends,
        "marked": values is not None and marked(values),
        "units": units.shape if own and units is not None else None,
        "box": [edge * share for edge in box],
        "cropped": left > 0.5 or upper > 0.5 or image.width - right > 0.5 or image.height - lower > 0.5,
        "look": {"view": look.view, "strength": look.strength, "whole": look.whole},
        "pin": {"x": pin[0], "y": pin[1]} if pin and pin[0] < columns and pin[1] < rows else None,
        "caption": caption,
        "alt": alt,
        "hint": "Point at the picture for values." if rows else "",
        "pictureKey": hashlib.sha256(picture).hexdigest()[:16],
        "pictureBytes": len(picture),
    }
    header["answer"] = hashlib.sha256(map_bytes + own + picture + caption.encode()).hexdigest()[:16]
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + picture + map_bytes + own


def marked(values: NDArray[np.float32]) -> bool:
    """Tell whether a line round the strongest tenth is a few shapes and not a cloud of specks."""
    marked = values >= np.quantile(values, 0.9)
    edges = (marked[1:] != marked[:-1]).sum() + (marked[:, 1:] != marked[:, :-1]).sum()
    return bool(edges < 1.2 * marked.sum() ** 0.5 * 12)


def lens(data: bytes, *, on_picked: Callable[[], None], on_look: Callable[[], None]) -> Any:
    """Draw the lens; `picked` comes back as {"x", "y"} in pixels of the map, `look` as the view chosen."""
    return _lens(key="lens", data=data, on_picked_change=on_picked, on_look_change=on_look)


def picker(
    options: list[Option],
    *,
    key: str,
    label: str,
    chosen: str | None = None,
    on_picked: Callable[[], None] | None = None,
    kind: str = "bars",
) -> Any:
    """Draw a list of bars or thumbnails; `picked` comes back as the id of the option chosen."""
    data = {
        "kind": kind,
        "label": label,
        "chosen": chosen,
        "pick": on_picked is not None,
        # Numbers of numpy cannot be written as JSON.
        "options": [
            {**vars(option), "share": float(option.share), "quiet": bool(option.quiet)} for option in options
        ],
    }
    return _picker(key=key, data=data, on_picked_change=on_picked or _ignore)


def _ignore() -> None:
    return None


def passing(picture: Image.Image | NDArray[np.uint8]) -> str:
    """Write a picture that soon gives way to another as an address that holds it.

    A file would be gone before a busy browser asks for it, since Streamlit keeps only what the page shows last.
    """
    data, _ = jpeg(picture if isinstance(picture, Image.Image) else Image.fromarray(picture))
    return data_uri(data, "image/jpeg")


def data_uri(data: bytes, kind: str) -> str:
    """Write a small picture as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
