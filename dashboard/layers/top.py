"""The section of top pictures: those that excite the picked channel most, and the patch of each that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from dashboard import cache, folder_picker, state, words
from dashboard.layers import over as measured_over
from dashboard.layers import place as places
from dashboard.layers.numbers import short
from explain.pictures import resize, spotlight
from explain.results import Heatmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.folder import Folder
    from dashboard.layers.place import Place
    from explain.fields import Box
    from explain.top_pictures import Excited, TopPictures
    from explain.tracing import Trace
    from models.loaded import LoadedModel

#: Pictures shown; the side of each as it is sent, as it is drawn beside its patch, and alone; and the gap between.
SHOWN, SIDE, DRAWN, ALONE, GAP = 12, 288, 120, 160, 16
#: Where a unit sees less than this share of each side of the picture, what it sees is shown by itself.
PATCH = 0.8
#: How much is darkened where the channel says nothing: beside a patch, and where the units see most of the picture.
DARKENED, DIMMED = 0.7, 0.45


def draw(place: Place, hear: Listening) -> None:
    """Draw the section."""
    over = folder_picker.choose(place.rail.model, hear)
    if over is None:
        return
    _channel(place)
    found = _ranking(place, over, hear)
    if float(found.values[place.channel, 0]) <= 0:
        st.markdown(
            f"{place.part.capitalize()} **{place.channel}** is never above zero on these {found.pictures:,} pictures. "
            "Try more of them."
        )
        return
    hear.work("Looking at the strongest")
    looked_at = tuple(one for one in _excited(place, over, found, hear) if one.value > 0)
    st.markdown(said(place, found, looked_at, over))
    boxes = _boxes(place, over, looked_at, hear)
    with st.container(horizontal=True, gap="small", key="top-pictures"):
        for rank, (one, box) in enumerate(zip(looked_at, boxes, strict=True), 1):
            _card(place, over, rank, one, box)


def said(place: Place, found: TopPictures, looked_at: tuple[Excited, ...], over: Folder) -> str:
    """Say what excites the channel, and how to read the pictures."""
    first = looked_at[0]
    best = words.escaped(over.entries[first.number].name)
    many = f"{found.pictures:,} pictures" if found.pictures > 1 else "one picture"
    of_class = words.escaped(place.class_of(place.channel))
    which = f"{place.part} **{place.channel}**{of_class and f' {of_class}'}"
    text = f"Of {many}, **{best}** excites {which} most: up to **{short(first.value)}**."
    if not place.spatial:
        return text
    if shows_patches(place):
        return f"{text} First, the patch that its strongest unit can see; beside it, where the channel answers at all."
    sees = "the whole picture" if place.info.receptive_field is None else "most of the picture"
    return (
        f"{text} Its strongest unit, in the ring, can see {sees}. First, the patch that moves it most; beside it, lit "
        "is where the channel answers."
    )


def shows_patches(place: Place) -> bool:
    """Tell whether the units see so little of the picture that it is worth showing by itself."""
    side = places.here(place.rail.model.key, place.rail.untrained).card.pixels.side
    field = place.info.receptive_field
    return place.spatial and field is not None and max(field) < PATCH * side


def _channel(place: Place) -> None:
    """Draw the channel's number; the address holds it."""
    state.put("top-channel", place.channel)
    st.number_input(
        place.part.capitalize(),
        0,
        place.size[0] - 1,
        key="top-channel",
        on_change=_pick,
        width=160,
        help=f"{place.layer} has the {place.part}s 0 to {place.size[0] - 1}.",
    )


def _pick() -> None:
    places.pick_channel(int(state.get("top-channel")))


def _ranking(place: Place, over: Folder, hear: Listening) -> TopPictures:
    def compute(network: LoadedModel, trace: Trace) -> TopPictures:
        from explain.top_pictures import top_pictures

        return top_pictures(network, place.layer, over.pictures)

    waiting = st.empty()

    def so_far(partial: object) -> None:
        found: TopPictures = partial  # type: ignore[assignment]
        best = over.entries[int(found.numbers[place.channel, 0])].name
        waiting.markdown(f"After {found.pictures:,} pictures, **{words.escaped(best)}** leads.")

    hear.work("Going over the pictures", so_far)
    found = cache.study(measured_over.choice(place), f"top:{over.identity}", compute, hear)
    waiting.empty()
    return found


def _excited(place: Place, over: Folder, found: TopPictures, hear: Listening) -> tuple[Excited, ...]:
    def compute(network: LoadedModel, trace: Trace) -> tuple[Excited, ...]:
        from explain.top_pictures import excited

        return excited(network, found, place.channel, over.pictures, SHOWN)

    return cache.study(measured_over.choice(place), f"excited:{over.identity}:{place.channel}", compute, hear)


def _boxes(place: Place, over: Folder, looked_at: tuple[Excited, ...], hear: Listening) -> tuple[Box | None, ...]:
    """Find the patch of each picture: what its strongest unit can see or, where that is most of it, what moves it."""
    if shows_patches(place) or not place.spatial:
        return tuple(one.box for one in looked_at)

    def compute(network: LoadedModel, trace: Trace) -> tuple[Box | None, ...]:
        import explain
        from explain.fields import effective
        from models.progress import report

        boxes: list[Box | None] = []
        for one in looked_at:
            report(len(boxes), len(looked_at))
            seen = explain.trace(network, over.entries[one.number].read().image)
            boxes.append(effective(seen, place.layer, one.row, one.column, place.channel).box)
        return tuple(boxes)

    hear.work("Measuring what moves the strongest units")
    return cache.study(measured_over.choice(place), f"moved:{over.identity}:{place.channel}", compute, hear)


def _card(place: Place, over: Folder, rank: int, one: Excited, box: Box | None) -> None:
    """Draw one picture: the patch, the whole with the channel's answer, and the figures."""
    entry = over.entries[one.number]
    pixels = places.here(place.rail.model.key, place.rail.untrained).card.pixels
    image = entry.read().image
    crop = image.resize((SIDE, SIDE), box=pixels.box(image))
    wide = ALONE if box is None else 2 * DRAWN + GAP
    with st.container(width=wide, gap="small", key=f"top-{rank}"):
        with st.container(horizontal=True, gap="small", wrap=False):
            if box is not None:
                patch = _enlarged(crop, box, SIDE / pixels.side)
                _image(np.asarray(patch), f"The patch of {entry.name} that excites the channel most.", DRAWN)
            ringed = not shows_patches(place)
            whole = _marked(crop, one, box, SIDE / pixels.side, ringed) if place.spatial else np.asarray(crop)
            _image(whole, f"{entry.name}, dark where the channel says little.", ALONE if box is None else DRAWN)
        label = f" · {words.escaped(entry.label)}" if entry.label and entry.label not in entry.name.lower() else ""
        st.caption(f"answers **{short(one.value)}** · {words.escaped(entry.name)}{label}")


def _image(picture: NDArray[np.uint8], alt: str, width: int) -> None:
    st.image(picture, width=width, output_format="JPEG", alt=alt)


def _enlarged(crop: Image.Image, box: Box, times: float) -> Image.Image:
    """Cut the patch out and enlarge it; a patch at the border stays as narrow as it is."""
    across, down = max(1, box.right - box.left), max(1, box.bottom - box.top)
    share = SIDE / max(across, down)
    size = (max(1, round(across * share)), max(1, round(down * share)))
    edges = (box.left * times, box.top * times, (box.left + across) * times, (box.top + down) * times)
    square = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    enlarged = crop.resize(size, Image.Resampling.BICUBIC, box=edges)
    square.paste(enlarged, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return square


def _marked(crop: Image.Image, one: Excited, box: Box | None, times: float, ringed: bool) -> NDArray[np.uint8]:
    """Darken the crop where the channel is quiet, frame the patch, and ring a unit that sees most of the crop."""
    # The root, since answers that are far below the strongest are still answers.
    heatmap = Heatmap(values=resize(np.sqrt(np.maximum(one.map, 0)), crop.size), signed=False)
    image = Image.fromarray(spotlight(crop, heatmap, DIMMED if ringed else DARKENED))
    pen = ImageDraw.Draw(image)
    if box is not None:
        left, top = max(0, round(box.left * times)), max(0, round(box.top * times))
        right, bottom = (min(SIDE, round(edge * times)) - 1 for edge in (box.right, box.bottom))
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline="black", width=5)
        pen.rectangle((left + 1, top + 1, max(left + 1, right - 1), max(top + 1, bottom - 1)), outline="white", width=3)
    if ringed:
        rows, columns = one.map.shape
        x, y = (one.column + 0.5) / columns * SIDE, (one.row + 0.5) / rows * SIDE
        pen.circle((x, y), 13, outline="black", width=5)
        pen.circle((x, y), 12, outline="white", width=3)
    return np.asarray(image)
