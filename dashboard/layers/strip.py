"""The architecture strip: stages, blocks and layers of the network to unfold and to pick from, also as a table."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from dashboard import cache, state
from dashboard.components import component
from dashboard.layers import place as places

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.layers.place import Place
    from models.layout import Box, Layout

_strip = component("strip", "strip.places", "strip.table")


def draw(place: Place, hear: Listening) -> None:
    """Draw the network with the picked layer marked; a click on another one goes there."""
    hear.work("Drawing the network")
    layout = cache.layout(place.rail.model.key, place.rail.untrained, hear)
    _strip(key="strip", data=pack(layout, place.layer, place.side), on_picked_change=pick)


def pick() -> None:
    """Go to the layer that was clicked."""
    places.pick_layer(str(state.get("strip")["picked"]))


def pack(layout: Layout, picked: str, side: int) -> bytes:
    """Put a layout into the bytes that the component reads; `picked` is a layer's name, `side` that of the picture."""
    boxes = [_box(box) for box in layout.boxes]
    edges = [[edge.source, edge.target, edge.parent, edge.lane] for edge in layout.edges]
    network = hashlib.sha256(json.dumps([boxes, edges]).encode()).hexdigest()[:16]
    record = {
        "network": network,
        "picked": layout.place_of(picked),
        "name": picked,
        "side": side,
        # What cannot be followed has no field anywhere: then none is known, which is not to see everything.
        "followed": any(box.receptive_field is not None for box in layout.boxes),
        "boxes": boxes,
        "edges": edges,
    }
    return json.dumps(record, separators=(",", ":")).encode()


def _box(box: Box) -> list[Any]:
    """List what the component knows of a box, in its order; the shape without the axis of pictures."""
    return [
        box.name,
        box.label,
        box.kind.lstrip("_"),
        box.task,
        box.shape[1:],
        box.parameters,
        box.multiply_adds,
        box.receptive_field,
        box.parent,
        box.column,
        box.row,
        box.layers,
    ]
