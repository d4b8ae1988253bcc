"""The parts of a layer on the page: painted over the picture, with what each one adds and where it is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from dashboard import words
from dashboard.components import component
from dashboard.lens import data_uri
from explain.pictures import PARTS, anchors, ink, painted_parts, regions
from explain.whereabouts import whereabouts

if TYPE_CHECKING:
    from explain.results import Concepts

#: Below this share of the largest, what a part adds is called next to nothing.
NOTHING = 0.01
QUALITY = 82

_concepts = component("concepts")


def draw(concepts: Concepts, crop: Image.Image, *, alt: str, caption: str, probability: bool) -> Any:
    """Draw the parts over the crop; `probability`: whether what they add is one."""
    return _concepts(key="concepts", data=pack(concepts, crop, alt, caption, probability))


def pack(concepts: Concepts, crop: Image.Image, alt: str, caption: str, probability: bool) -> dict[str, Any]:
    """Put together what the component draws: pictures, numbers, and what is said about each part."""
    marks = anchors(concepts)
    lowest, highest = min(0.0, float(concepts.shares.min(initial=0))), max(0.0, float(concepts.shares.max(initial=0)))
    ends = {True: -lowest or 1.0, False: highest or 1.0}
    said = zip(adds(concepts, probability), places(concepts), strict=True)
    parts = [
        {
            "number": part + 1,
            "colour": "rgb({}, {}, {})".format(*PARTS[part]),
            "ink": ink(PARTS[part]),
            "adds": adding[:1].upper() + adding[1:],
            "where": place,
            "share": float(concepts.shares[part]) / ends[bool(concepts.shares[part] < 0)],
            "alone": _held(painted_parts(crop, concepts, only=part)),
            "mark": marks.get(part),
        }
        for part, (adding, place) in enumerate(said)
    ]
    return {
        "alt": alt,
        "caption": caption,
        "hint": "Each colour is one part; pick one below to see it alone.",
        "all": _held(painted_parts(crop, concepts)),
        "parts": parts,
        "zero": -lowest / (highest - lowest) if highest > lowest else 0.0,
    }


def adds(concepts: Concepts, probability: bool) -> list[str]:
    """Say what each part adds to what is explained, to first order: "adds 3.1 points"."""
    largest = float(np.abs(concepts.shares).max(initial=0))
    return [_adds(float(share), largest, probability) for share in concepts.shares]


def places(concepts: Concepts) -> list[str]:
    """Say where each part is the strongest, and over how much of the picture: "upper left, 12 % of the picture"."""
    areas = regions(concepts)
    found = []
    for part in range(len(concepts.maps)):
        own = areas == part
        area = f", {words.percent(float(own.mean()))} of the picture" if own.any() else " the strongest"
        found.append(f"{whereabouts(own)}{area}")
    return found


def described(concepts: Concepts, probability: bool) -> str:
    """List the parts in a sentence, for those who cannot see the picture."""
    said = zip(adds(concepts, probability), places(concepts), strict=True)
    return "; ".join(f"part {number}, {place}, {adding}" for number, (adding, place) in enumerate(said, 1)) + "."


def _adds(share: float, largest: float, probability: bool) -> str:
    if abs(share) <= NOTHING * largest:
        return "adds next to nothing"
    size = 100 * abs(share) if probability else abs(share)
    figure = f"{size:.1f}" if size >= 0.95 else f"{size:.1g}" if size >= 0.001 else "under 0.001"
    unit = "points of 100" if probability else "points"
    return f"{'adds' if share > 0 else 'takes away'} {figure}{words.UNBROKEN}{unit}"


def _held(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=QUALITY, method=3)
    return data_uri(buffer.getvalue(), "image/webp")
