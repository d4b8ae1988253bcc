"""The part of the feature maps that transformers have: where each head looks, and which tokens are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from dashboard import cache, panes, sheet, state, words
from dashboard.layers import place as places
from dashboard.layers.numbers import short
from dashboard.panes import Pane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.layers.place import Place
    from explain.attention import AttentionMaps, TokenMaps
    from explain.tracing import Trace
    from models.loaded import LoadedModel

    Spot = tuple[int, int]

#: Side of the pictures side by side, in pixels.
SIDE = 224
#: Who looks, as the address writes it and as the page says it.
CLASS_TOKEN, PLACE = "class-token", "place"
LOOKING = {CLASS_TOKEN: "the class token", PLACE: "the picked place"}
#: Cosines that differ by less from place to place are practically the same, as is a length by less of its usual one.
EVEN = 0.01


def draw(place: Place, hear: Listening) -> None:
    """Draw the attention that goes with the picked layer; nothing for a network without attention."""
    from explain.attention import grid, nearest

    network = places.here(place.rail.model.key, place.rail.untrained)
    layer = nearest(network, place.layer)
    if layer is None:
        return
    st.subheader("Where each head looks", anchor=False)
    rows, columns = grid(network, layer)
    spot = _spot(place, rows, columns)
    looks = _looks(network, layer)
    hear.work(f"Reading the attention of {layer}")
    maps = _maps(place, layer, None if looks == CLASS_TOKEN else spot, hear)
    head = _head(len(maps.maps))
    st.markdown(_said(maps, place, head))
    _sheet(maps, head)
    _large(maps, _tokens(place, layer, spot, hear), place, head)


def _spot(place: Place, rows: int, columns: int) -> Spot:
    """Find the place of the attention's grid where the picked unit of the layer lies."""
    _, height, width = place.size
    down, across = (place.unit[0] + 0.5) / height, (place.unit[1] + 0.5) / width
    return int(down * rows), int(across * columns)


def _looks(network: LoadedModel, layer: str) -> str:
    """Ask who looks; only tokens in front of the others are no places."""
    if not network.graph.geometry[layer].prefix:
        return PLACE
    looks: str = st.radio(
        "Who looks",
        list(LOOKING),
        format_func=lambda name: LOOKING[name],
        key="looking",
        horizontal=True,
        on_change=state.select("looking", LOOKING, "who looks"),
        help="The class is read from the class token. A place is picked by a click on the picture above.",
    )
    return looks


def _maps(place: Place, layer: str, spot: Spot | None, hear: Listening) -> AttentionMaps:
    def compute(network: LoadedModel, trace: Trace) -> AttentionMaps:
        from explain.attention import looking_from

        return looking_from(trace, layer, spot)

    return cache.study(place.at(layer), f"attention:{spot}", compute, hear)


def _tokens(place: Place, layer: str, spot: Spot, hear: Listening) -> TokenMaps | None:
    def compute(network: LoadedModel, trace: Trace) -> TokenMaps:
        from explain.attention import token_maps

        return token_maps(trace, layer, spot)

    network = places.here(place.rail.model.key, place.rail.untrained)
    if not network.graph.geometry[layer].spatial:
        return None
    return cache.study(place.at(layer), f"tokens:{spot}", compute, hear)


def _head(heads: int) -> int:
    text = state.mirrored("head", lambda asked: asked.isdigit() and int(asked) < heads, "the head")
    return int(text) if text and int(text) < heads else 0


def _pick_head() -> None:
    state.mirror("head", str(int(state.get("heads")["picked"])))


def _said(maps: AttentionMaps, place: Place, head: int) -> str:
    """Say in words who looks, and how far the picked head spreads its attention."""
    who = "The class token" if maps.place is None else f"The place in row {maps.place[0]}, column {maps.place[1]}"
    seen = int(maps.within.sum())
    window = "" if maps.within.all() else f" It can look at the {seen} places of its window only."
    rest = float(maps.elsewhere[head])
    elsewhere = f" **{words.percent(rest)}** goes to tokens without a place." if rest >= 0.005 else ""
    of = "" if maps.layer == place.layer else ", the attention next to the picked layer"
    return (
        f"{who} of **{words.escaped(maps.layer)}**{of} takes from other places, by {len(maps.maps)} heads.{window} "
        f"Head **{head}** spreads over about **{maps.spread[head]:.0f}** of {seen} places.{elsewhere}"
    )


def _sheet(maps: AttentionMaps, head: int) -> None:
    """Draw all heads as one sheet, each on its own scale."""
    from explain.sprites import page

    tops = maps.maps.max((1, 2))
    sprite = page(maps.maps, False, tops, columns=8)
    tiles = [
        sheet.Tile(
            number,
            str(number),
            f"head {number}",
            float(tops[number]),
            f"spreads over about {maps.spread[number]:.0f} places",
        )
        for number in range(len(maps.maps))
    ]
    alt = f"Attention of the {len(tiles)} heads of {maps.layer}. Arrow keys move over the heads, Enter picks one."
    hint = "Point at a head for its weights; click it to lay it over the picture."
    data = sheet.pack(sprite, tiles, signed=False, chosen=head, alt=alt, hint=hint, beside="tokens")
    sheet.draw(data, key="heads", on_picked=_pick_head)


def _large(maps: AttentionMaps, tokens: TokenMaps | None, place: Place, head: int) -> None:
    """Lay the picked head over the picture, and beside it how alike the tokens are."""
    ground = np.asarray(cache.crop(place.choice, SIDE).convert("RGB"))
    marked = ground if maps.place is None else _marked(ground, maps.place, maps.within)
    one = maps.maps[head]
    shown = [
        Pane(
            "map",
            f"Head {head}",
            f"At most {words.percent(float(one.max()))} from one place.",
            f"{place.rail.alt} Laid over it, where head {head} of {maps.layer} looks.",
            f"head {head}",
            picture=marked,
            layer=_enlarged(one),
            top=float(one.max()),
            legend="Attention",
        )
    ]
    if tokens is not None:
        row, column = tokens.place
        spot = f"row {row}, column {column}"
        framed = _marked(ground, tokens.place, np.ones(tokens.alike.shape, bool))
        shown.append(_alike(tokens.alike, "Like the picked place", spot, framed, place))
        if tokens.to_class is not None:
            shown.append(_alike(tokens.to_class, "Like the class token", "the class token", ground, place))
        shown.append(_lengths(tokens, ground, place))
    panes.draw(panes.pack(shown, hint="Point at a picture to compare the same place in all."), key="tokens")
    if tokens is not None:
        st.caption("Likeness is the cosine between what this layer gives to two tokens: 1 is the same, 0 is unrelated.")


def _lengths(tokens: TokenMaps, ground: NDArray[np.uint8], place: Place) -> Pane:
    """Show how long each token is; a few very long ones on an even ground hold no place (arXiv:2309.16588)."""
    top, usual = float(tokens.length.max()), float(np.median(tokens.length))
    if float(np.ptp(tokens.length)) < EVEN * usual:
        said = f"Practically the same everywhere: about {short(usual)}."
        return Pane("picture", "Length of the tokens", said, place.rail.alt, "length", picture=ground)
    return Pane(
        "map",
        "Length of the tokens",
        f"Up to {short(top)}; half of them are below {short(usual)}.",
        f"{place.rail.alt} Laid over it, how long each token of {tokens.layer} is.",
        "length",
        picture=ground,
        layer=_enlarged(tokens.length),
        top=top,
        legend="Length",
    )


def _alike(values: NDArray[np.float32], title: str, other: str, ground: NDArray[np.uint8], place: Place) -> Pane:
    # The picked place is like itself in any case.
    others = values[values < 1 - 1e-6]
    if not others.size or float(np.ptp(others)) < EVEN:
        said = f"Practically the same everywhere: the cosine is about {values.mean():.2f}."
        return Pane("picture", title, said, place.rail.alt, title.lower(), picture=ground)
    return Pane(
        "map",
        title,
        f"The cosine is {values.mean():.2f} on average; orange is above that, blue below.",
        f"{place.rail.alt} Laid over it, how alike each token and that of {other} are.",
        title.lower(),
        picture=ground,
        layer=_enlarged(values - values.mean()),
        top=float(np.abs(values - values.mean()).max()),
        signed=True,
        legend="Cosine above or below the average",
    )


def _enlarged(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring a map to the picture's size; each place keeps its square."""
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.NEAREST))


def _marked(ground: NDArray[np.uint8], spot: Spot, within: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Frame the place that looks; darken what it cannot look at."""
    share = 0.35 + 0.65 * _enlarged(within.astype(np.float32))
    image = Image.fromarray(np.rint(ground * share[..., None]).astype(np.uint8))
    rows, columns = within.shape
    (top, left), (down, across) = spot, (SIDE / rows, SIDE / columns)
    edges = (round(left * across), round(top * down), round((left + 1) * across) - 1, round((top + 1) * down) - 1)
    pen = ImageDraw.Draw(image)
    pen.rectangle(edges, outline="white", width=2)
    pen.rectangle((edges[0] - 1, edges[1] - 1, edges[2] + 1, edges[3] + 1), outline="black")
    return np.asarray(image)
