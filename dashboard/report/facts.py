"""What a report says of itself in names and values: the method, the picture, the versions."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from typing import TYPE_CHECKING, Any

from dashboard.classes import name_of
from dashboard.cli import own_version
from dashboard.uploads import safe_name
from explain.params import ClassIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.answers import Answer
    from dashboard.catalogue import MethodEntry
    from dashboard.report.contents import Fact
    from dashboard.uploads import Picture

PACKAGES = ("torch", "torchvision", "numpy", "Pillow")
DEVICES = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the GPU"}


def of_method(
    method: MethodEntry, parameters: Sequence[tuple[str, Any]], names: tuple[str, ...], layer: str | None
) -> tuple[Fact, ...]:
    """Say what the method is, and every parameter it had; layer: the one that was read."""
    values = dict(parameters)
    known = [("Method", method.label), ("What it does", method.doc), ("Source", method.paper)]
    given = [(param.label, _value(values[param.name], param.kind, names, layer)) for param in method.params]
    return tuple((name, value) for name, value in (*known, *given) if value)


def _value(value: Any, kind: object, names: tuple[str, ...], layer: str | None) -> str:
    if isinstance(kind, ClassIndex):
        return "none" if value is None else name_of(value, names)
    if value is None:
        return f"chosen by the method: {layer}" if layer else "chosen by the method"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def of_picture(picture: Picture, name: str, answer: Answer) -> tuple[Fact, ...]:
    """Say which picture it was, and which part of it the network saw."""
    image = picture.image
    left, top, right, bottom = (round(edge) for edge in answer.box)
    facts = [("File", name), ("SHA-256", picture.sha256)]
    facts.append(("Size", f"{image.width} x {image.height} pixels"))
    facts.append(("What the network saw", f"columns {left} to {right}, rows {top} to {bottom}"))
    return (*facts, *(("Note", note) for note in picture.notes))


def of_making(device: str, date: str) -> tuple[Fact, ...]:
    """Say with what the maps were computed, and when, if the caller says so."""
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    facts = [("ConvLens", own_version()), ("Python", platform.python_version()), ("Packages", packages)]
    facts.append(("Computed on", DEVICES.get(device, device)))
    return (*facts, ("Date", date)) if date else tuple(facts)


def shown_name(name: str) -> str:
    """Return what may be shown of a file's name and the folders that it lay in."""
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")]
    return "/".join(safe_name(part) for part in parts[-4:]) or "picture"
