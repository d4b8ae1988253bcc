"""The section of feature maps: all channels of the layer on one sheet, and the picked one large over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, lens, sheet, state, words
from dashboard.layers import attention
from dashboard.layers import place as places
from dashboard.layers.numbers import short, signed
from explain.pictures import resize
from explain.results import FeatureMaps, Heatmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.answers import Answer
    from dashboard.feedback import Listening
    from dashboard.layers.place import Place
    from explain.feature_maps import Around, Contributions, Order
    from explain.sprites import Sprite
    from explain.tracing import Trace
    from models.loaded import LoadedModel

#: How the channels may be ordered, and what the page calls it.
ORDERS: dict[Order, str] = {
    "maximum": "strongest answer",
    "mean": "mean answer",
    "contribution": "contribution to the class",
    "index": "number",
}
#: Channels on a page.
PAGE = 64
#: Values listed of a layer without places.
LISTED = 20
#: What holds the picked channel.
LARGE = "large-channel"


def draw(place: Place, hear: Listening) -> None:
    """Draw the section."""
    hear.work(f"Running {place.layer}")
    answer = cache.answer(place.choice, hear)
    maps = answer.explanation
    assert isinstance(maps, FeatureMaps)
    _activation(place)
    added = _contributions(place, answer, hear)
    order = _order(place, answer)
    numbers = _numbers(maps, order, added)
    if not place.spatial:
        _values(maps, numbers, place)
        return
    left, right = st.columns([62, 38], gap="large")
    with left:
        _sheet(maps, numbers, added, place)
    with right.container(key=LARGE):
        _large(maps, added, place, answer)
    attention.draw(place, hear)


def _order(place: Place, answer: Answer) -> Order:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        order = st.selectbox(
            f"{place.part.capitalize()}s by",
            list(ORDERS),
            format_func=lambda name: ORDERS[name],
            key="order",
            on_change=state.select("order", ORDERS, "the order"),
            width=260,
            help=f"Contribution: gradient times answer, summed over places, for “{_class(place, answer)}”.",
        )
        if place.spatial:
            st.toggle(
                "One scale for all",
                key="one_scale",
                bind="query-params",
                help="Off: each channel is as bright as its own strongest answer. On: weak channels stay dark.",
            )
    assert order is not None
    return order


def _numbers(maps: FeatureMaps, order: Order, added: Contributions) -> NDArray[np.int64]:
    from explain.feature_maps import ordered

    return ordered(maps, order, added)


def _contributions(place: Place, answer: Answer, hear: Listening) -> Contributions:
    def compute(network: LoadedModel, trace: Trace) -> Contributions:
        from explain.feature_maps import contributions
        from explain.target import ClassLogit

        return contributions(trace, place.layer, ClassLogit(answer.index))

    return cache.study(place.choice, f"contributions:{answer.index}", compute, hear)


def _activation(place: Place) -> None:
    """Offer to look before or after the activation near the layer."""
    from explain.feature_maps import around

    found: Around | None = around(places.here(place.rail.model.key, place.rail.untrained), place.layer)
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{found.kind} near this layer:", width="content")
        for name, label in ((found.before, "before"), (found.after, "after")):
            st.button(
                f"{label.capitalize()} it: {words.escaped(name)}",
                key=f"{label}-activation",
                type="primary" if label == found.here else "secondary",
                on_click=places.pick_layer,
                args=(name, place.channel),
            )


def _sheet(maps: FeatureMaps, numbers: NDArray[np.int64], added: Contributions, place: Place) -> None:
    """Draw a page of channels."""
    from explain.sprites import page

    largest = np.abs(maps.maps).max((1, 2)).astype(np.float32)
    two_signs = bool(maps.maps.min() < 0)
    one_scale = bool(state.get("one_scale"))
    tops = np.full_like(largest, largest.max(initial=0)) if one_scale else largest
    pages = -(-len(numbers) // PAGE)
    state.check_number("maps-page", 1, pages, int, "the page")
    turned = min(max(1, int(state.get("maps-page") or 1)), pages)
    shown = numbers[(turned - 1) * PAGE : turned * PAGE]
    sprite: Sprite = page(maps.maps[shown], two_signs, tops[shown], columns=8)
    tiles = [
        sheet.Tile(
            int(number),
            str(number),
            f"channel {number}",
            float(tops[number]),
            f"maximum {short(float(maps.maps[number].max()))}, mean {short(float(maps.maps[number].mean()))}, "
            f"adds {signed(float(added.values[number]))}",
        )
        for number in shown
    ]
    first = (turned - 1) * PAGE
    alt = (
        f"Feature maps {first + 1} to {first + len(shown)} of {len(numbers)} of {place.layer} for this picture. "
        "Arrow keys move over the channels, Enter picks one."
    )
    hint = "Point at a map for its values; click it to lay it over the picture."
    data = sheet.pack(sprite, tiles, signed=two_signs, chosen=place.channel, alt=alt, hint=hint, beside=LARGE)
    sheet.draw(data, key="maps", on_picked=_pick)
    if pages > 1:
        st.pagination(pages, key="maps-page", bind="query-params")
    _, rows, columns = place.size
    st.caption(
        f"{len(shown)} of {len(numbers)} channels, {rows} x {columns} each"
        + (f", drawn at {sprite.height} x {sprite.width}" if sprite.shrunk > 1 else "")
        + (" · orange above zero, blue below" if two_signs else "")
    )


def _pick() -> None:
    places.pick_channel(int(state.get("maps")["picked"]))


def _large(maps: FeatureMaps, added: Contributions, place: Place, answer: Answer) -> None:
    """Lay the picked channel over the picture."""
    number = place.channel
    network = places.here(place.rail.model.key, place.rail.untrained)
    side = network.card.pixels.side
    one = maps.maps[number]
    heatmap = Heatmap(values=resize(one, (side, side)), signed=bool(one.min() < 0), layer=place.layer)
    name = _class(place, answer)
    st.subheader(f"Channel {number}", anchor=False)
    data = lens.pack(
        place.rail.picture.image,
        answer.box,
        heatmap,
        caption=f"Answer of channel {number} of {place.layer}, brought to the picture's size",
        alt=f"{place.rail.alt} Laid over it, where channel {number} of {place.layer} answers.",
        unit="answer",
        ends=("", ""),
        look=state.look(),
        units=one,
        pin=(round((place.unit[1] + 0.5) * side / place.size[2]), round((place.unit[0] + 0.5) * side / place.size[1])),
    )

    def pick() -> None:
        """Turn the pixel that was clicked into the unit there."""
        pixel = state.get("lens")["picked"]
        places.pick_unit(int(pixel["y"]) * place.size[1] // side, int(pixel["x"]) * place.size[2] // side)

    lens.lens(data, on_picked=pick, on_look=_look)
    if heatmap.empty:
        st.markdown("This channel answers nowhere in this picture.")
    st.markdown(
        f"It answers between **{short(float(one.min()))}** and **{short(float(one.max()))}**, on average "
        f"**{short(float(one.mean()))}**. It adds **{signed(float(added.values[number]))}** to the score of "
        f"“{words.escaped(name)}”: number {int((added.values > added.values[number]).sum()) + 1} of "
        f"{len(added.values)} by what it adds. "
        f"The unit in row {place.unit[0]}, column {place.unit[1]} answers **{short(float(one[place.unit]))}**."
    )


def _look() -> None:
    state.keep_look(state.get("lens")["look"])


def _values(maps: FeatureMaps, numbers: NDArray[np.int64], place: Place) -> None:
    """List the values of a layer without places."""
    values = maps.maps[:, 0, 0]
    largest = float(np.abs(values).max(initial=0)) or 1.0
    st.caption(
        f"{words.escaped(place.layer)} has no places: it gives one number each. The first {min(LISTED, len(values))} "
        f"of {len(values)} in this order:"
    )
    options = [
        lens.Option(
            str(number),
            f"value {number}{place.class_of(int(number))}",
            short(float(values[number])),
            abs(float(values[number])) / largest,
            quiet=bool(values[number] < 0),
        )
        for number in numbers[:LISTED]
    ]
    label = "Values of the layer"
    lens.picker(options, key="values", label=label, chosen=str(place.channel), on_picked=_pick_value)
    if any(option.quiet for option in options):
        st.caption("Grey bars are below zero.")


def _pick_value() -> None:
    places.pick_channel(int(state.get("values")["picked"]))


def _class(place: Place, answer: Answer) -> str:
    return place.rail.model.classes[answer.index]
