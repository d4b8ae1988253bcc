"""A sheet of small maps in the browser: one sprite, a number below each, the value under the cursor, one picked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.components import component
from explain.pictures import colour_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from explain.sprites import Sprite

_maps = component("maps", "numbers")


@dataclass(frozen=True)
class Tile:
    """One map of a sheet: its number, the label below it, its title in the read-out, and the value at full scale."""

    id: int
    label: str
    title: str
    top: float = 0.0
    more: str = ""


def pack(
    sprite: Sprite,
    tiles: list[Tile],
    *,
    chosen: int | None,
    alt: str,
    hint: str,
    signed: bool = False,
    coloured: bool = False,
    across: int = 8,
    beside: str = "",
) -> bytes:
    """Put a sprite and what is said about its tiles into the bytes that the component reads.

    signed: whether its levels stand for values of two signs. coloured: whether it holds colours instead of levels.
    across: how many may stand side by side. beside: the key of what shows the picked one, brought into view by a click.
    """
    header: dict[str, Any] = {
        "tiles": [vars(tile) for tile in tiles],
        "columns": sprite.columns,
        "across": across,
        "beside": beside,
        "height": sprite.height,
        "width": sprite.width,
        "shrunk": sprite.shrunk,
        "signed": signed,
        "coloured": coloured,
        "chosen": chosen,
        "alt": alt,
        "hint": hint,
    }
    header["answer"] = hashlib.sha256(sprite.png + json.dumps(header).encode()).hexdigest()[:16]
    text = json.dumps(header).encode()
    table = colour_table("blue-orange" if signed else "inferno").tobytes()
    return len(text).to_bytes(4, "little") + text + table + sprite.png


def draw(data: bytes, *, key: str, on_picked: Callable[[], None]) -> Any:
    """Draw the sheet; `picked` comes back as the number of the tile that was clicked."""
    return _maps(key=key, data=data, on_picked_change=on_picked)
