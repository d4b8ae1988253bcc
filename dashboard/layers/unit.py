"""The section of fields: what the picked unit can see and what moves it, and which units see a pixel."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import cache, lens, state, words
from dashboard.components import component
from dashboard.layers import place as places
from explain.pictures import colour_table
from explain.results import FeatureMaps, Heatmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.layers.place import Place
    from explain.fields import EffectiveField, Reach
    from explain.tracing import Trace
    from models.loaded import LoadedModel

KEY = "unit-fields"
#: Parts of the names of operations that bring all places of the picture together.
TOGETHER = ("attention", "pool", "mean", "linear", "flatten", "softmax", "norm")

_unit = component("unit", "numbers", "canvas")


@dataclass(frozen=True, eq=False)
class Fields:
    """What the units of a layer can see (None: the whole picture), and what moves the picked one.

    together: the heat is that of all channels at the place, since the picked unit is off.
    """

    reach: Reach | None
    effective: EffectiveField
    together: bool


def draw(place: Place, hear: Listening) -> None:
    """Draw the section."""
    hear.work(f"Measuring what moves a unit of {place.layer}")
    row, column = place.unit
    fields = cache.study(place.choice, f"fields:{place.channel}:{row}:{column}", _measure(place), hear)
    if place.size[1:] == (1, 1):
        _single(place, fields)
        return
    maps = cache.answer(place.choice, hear).explanation
    assert isinstance(maps, FeatureMaps)
    side = place.side
    pixel = state.pixel()
    if pixel is not None and max(pixel) >= side:
        state.notice(f"This link asks for the pixel {pixel[0]}-{pixel[1]}; this network sees {side} x {side} of them.")
        state.mirror("pixel", None)
        pixel = None
    st.markdown(" ".join(said(place, fields, side)))
    _unit(
        key=KEY,
        data=pack(place, fields, maps.maps[place.channel], side, pixel),
        on_unit_change=_pick_unit,
        on_pixel_change=_pick_pixel,
    )


def _measure(place: Place) -> Any:
    def compute(network: LoadedModel, trace: Trace) -> Fields:
        from explain.fields import effective, reach

        found = effective(trace, place.layer, *place.unit, channel=place.channel)
        together = found.box is None
        if together:
            found = effective(trace, place.layer, *place.unit)
        seen = reach(network, place.layer) if place.spatial else None
        return Fields(seen, found, together)

    return compute


def _single(place: Place, fields: Fields) -> None:
    """Draw what moves one unit of a layer that has no grid of them: the heat over the picture."""
    key, found = "unit-number", fields.effective
    state.put(key, place.channel)
    st.number_input(
        f"{place.part.capitalize()}, 0 to {place.size[0] - 1}",
        0,
        place.size[0] - 1,
        key=key,
        width=180,
        on_change=lambda: places.pick_channel(int(state.get(key))),
    )
    st.markdown(_single_said(place, fields))
    if found.box is None:
        return
    data = lens.pack(
        place.rail.picture.image,
        cache.answer(place.choice, _deaf).box,
        Heatmap(values=heat_levels(found).astype(np.float32) / np.float32(255), signed=False, layer=place.layer),
        caption=f"What moves {place.named} of {place.layer}: the size of its gradient, through the whole network",
        alt=f"{place.rail.alt} Laid over it, which pixels move {place.named} of {place.layer}.",
        unit="of the strongest",
        ends=("", ""),
        look=state.look(),
    )
    with st.container(width=560):
        lens.lens(data, on_picked=_pick_nothing, on_look=lambda: state.keep_look(state.get("lens")["look"]))


def _single_said(place: Place, fields: Fields) -> str:
    """Say what moves the only unit of its channel."""
    found, side = fields.effective, place.side
    first = f"**{words.escaped(place.named)}** of {words.escaped(place.layer)} can see the whole picture."
    if found.box is None:
        return f"{first} **Nothing moves it**: all of the layer is off for this picture."
    whose = "It is off here; **what moves the layer** as a whole" if fields.together else "**What moves it**"
    gradient = "the gradients" if fields.together else "its gradient"
    return (
        f"{first} {whose} on this picture: {words.percent(found.share)} of the energy of {gradient} lies within "
        f"**{found.box.width} x {found.box.height}** pixels, {_share(found.box.width * found.box.height, side)}."
    )


def _deaf(progress: object) -> None:
    """Hear nothing: what is asked for is there."""


def _pick_nothing() -> None:
    """Leave a click on a layer without a grid without effect."""


def said(place: Place, fields: Fields, side: int) -> list[str]:
    """Say both sizes in words: what the unit can see, and what moves it."""
    row, column = place.unit
    unit = f"The unit in row {row}, column {column} of channel {place.channel}"
    can_see = _everything(place, side) if fields.reach is None else _theoretical(fields.reach, row, column, side)
    lines = [f"{unit} **can see** {can_see}"]
    found = fields.effective
    if found.box is None:
        return [*lines, "**Nothing moves it**: at this place all channels of the layer are off for this picture."]
    core = (
        f"{words.percent(found.share)} of the energy of its gradient lies within "
        f"**{found.box.width} x {found.box.height}** pixels, {_share(found.box.width * found.box.height, side)}."
    )
    if fields.together:
        return [
            *lines,
            "The unit is off for this picture, so nothing moves it. The heat shows **what moves the channels of the "
            f"layer at this place** together: {core.replace('its gradient', 'their gradients')}",
        ]
    seen = fields.reach
    field = (side, side) if seen is None else (np.ptp(seen.rows[row]), np.ptp(seen.columns[column]))
    less = " is less" if found.box.width * found.box.height < field[0] * field[1] else ""
    return [*lines, f"**What moves it** on this picture{less}: {core}"]


def _everything(place: Place, side: int) -> str:
    """Say why a unit sees the whole picture, or may: by the first layer from which no field can be told."""
    network = places.here(place.rail.model.key, place.rail.untrained)
    layers = network.layers()
    names = [info.name for info in layers]
    operations = [info for info in layers if not any(name.startswith(f"{info.name}.") for name in names)]
    first = next((info for info in operations if network.graph.geometry[info.name].field is None), None)
    whole = f"the **whole picture**, {side} x {side} pixels"
    if first is None:
        return f"{whole}."
    named = f"**{words.escaped(first.name)}** ({words.escaped(first.kind)})"
    if any(part in first.kind.lower() for part in TOGETHER):
        return f"{whole}, since {named} brings all places together."
    return f"{whole}, or less: the way through {named} cannot be followed."


def _theoretical(reach: Reach, row: int, column: int, side: int) -> str:
    height, width = reach.size
    (top, bottom), (left, right) = reach.rows[row].tolist(), reach.columns[column].tolist()
    field = f"**{width} x {height}** pixels: its theoretical receptive field."
    if (right - left, bottom - top) == (width, height):
        return f"{field} It lies inside the picture, and is {_share(width * height, side)}."
    if right <= left or bottom <= top:
        return f"nothing but padding here; a unit farther from the edge sees {field}"
    return (
        f"{field} **{right - left} x {bottom - top}** of them lie on the picture, "
        f"{_share((right - left) * (bottom - top), side)}; the rest is padding beyond its edge."
    )


def _share(pixels: int, side: int) -> str:
    return f"{words.percent(pixels / side**2)} of what the network sees"


def pack(
    place: Place, fields: Fields, values: NDArray[np.float32], side: int, pixel: tuple[int, int] | None
) -> bytes:
    """Put the picture, the heat, the channel's map and the edges of all units into the bytes for the browser."""
    jpeg, _ = lens.jpeg(cache.crop(place.choice, max(448, side)))
    heat = b"" if fields.effective.box is None else heat_levels(fields.effective).tobytes()
    top, signed = float(np.abs(values).max(initial=0)), bool(values.min() < 0)
    levels = lens.to_bytes(values, signed, top).tobytes()
    tables = b"".join(colour_table(name).tobytes() for name in ("inferno", "blue-orange"))
    rows, columns = values.shape
    box, unit = fields.effective.box, f"row {place.unit[0]}, column {place.unit[1]}"
    header: dict[str, Any] = {
        "side": side,
        "rows": rows,
        "columns": columns,
        "down": None if fields.reach is None else fields.reach.rows.tolist(),
        "across": None if fields.reach is None else fields.reach.columns.tolist(),
        "unit": {"row": place.unit[0], "column": place.unit[1]},
        "pin": None if pixel is None else {"x": pixel[0], "y": pixel[1]},
        "core": None if box is None else {"x": box.left, "y": box.top, "width": box.width, "height": box.height},
        "coreWords": f"{words.percent(fields.effective.share)} of what moves "
        + ("all channels here" if fields.together else "it"),
        "top": top,
        "signed": signed,
        "grid": f"{place.rail.model.key} {place.layer} {rows} {columns} {side}",
        "pictureTitle": "What the unit sees",
        "mapTitle": f"Channel {place.channel} of {place.layer}: each cell is a unit",
        "pictureAlt": f"{place.rail.alt} A box marks what the unit in {unit} can see. "
        "Arrow keys move over the pixels, Enter marks the units that see one, Escape lets go.",
        "mapAlt": f"Answers of channel {place.channel} of {place.layer}, {rows} rows of {columns} units. "
        "Arrow keys move over the units, Enter picks one.",
        "hint": "Point at a unit of the channel for the box of what it can see; click it for what moves it. "
        "Click a pixel of the picture for the units that see it.",
        "jpegBytes": len(jpeg),
        "hasHeat": bool(heat),
    }
    held = tables + jpeg + heat + levels
    header["answer"] = hashlib.sha256(held + json.dumps(header).encode()).hexdigest()[:16]
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + held


def heat_levels(found: EffectiveField) -> NDArray[np.uint8]:
    """Turn the energy into levels for the eye: the size of the gradient, smoothed a little within the field."""
    assert found.box is not None
    size = np.sqrt(found.energy)
    smooth = _blurred(size, min(found.box.width, found.box.height) / 30)
    rows, columns = (np.flatnonzero(size.any(axis)) for axis in (1, 0))
    inside = np.zeros(size.shape, bool)
    inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    top = float(np.quantile(smooth[inside], 0.995))
    levels: NDArray[np.uint8] = np.rint(np.clip(smooth / top, 0, 1) * 255 * inside).astype(np.uint8)
    return levels


def _blurred(values: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Smooth by a Gaussian; a radius under a pixel leaves the values as they are."""
    if radius < 1:
        return values
    offsets = np.arange(-round(3 * radius), round(3 * radius) + 1)
    kernel = np.exp(-0.5 * (offsets / radius) ** 2)
    for axis in (0, 1):
        values = np.apply_along_axis(np.convolve, axis, values, kernel / kernel.sum(), "same")
    return values


def _pick_unit() -> None:
    unit = state.get(KEY)["unit"]
    places.pick_unit(int(unit["row"]), int(unit["column"]))


def _pick_pixel() -> None:
    """Mark a pixel, or none."""
    pixel = state.get(KEY)["pixel"]
    state.mirror("pixel", f"{int(pixel['x'])}-{int(pixel['y'])}" if pixel else None)
