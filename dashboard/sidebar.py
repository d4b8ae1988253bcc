"""The left rail: which network, which picture, which method; it gives a Rail, all of which lives in the address."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache as remembered
from typing import TYPE_CHECKING, Literal

import streamlit as st

from dashboard import (
    about,
    cache,
    feedback,
    known,
    lens,
    method_picker,
    own,
    own_picker,
    samples,
    state,
    uploads,
    words,
)
from dashboard.catalogue import BUNDLED, MethodEntry, ModelEntry, catalogue, size_in_words
from explain.method import kebab
from models.errors import PictureError
from models.weights import weights_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.uploads import Picture

TYPES = ["png", "jpg", "jpeg", "webp", "gif", "bmp"]
#: The value of `picture` in the address for a picture that the address cannot carry.
OWN = "own"
#: The families that open the list of networks, those that ship with ConvLens and those that do not.
FIRST = {own.FAMILY: 0, BUNDLED: 1}
#: Seconds within which a file that follows another's removal counts as its replacement.
REPLACED = 10.0
Page = Literal["explain", "compare", "attack", "layers", "mistakes"]
#: What the other pages ask of the network.
READING = "LayerActivations"
WHERE = {
    "folder": "weights are here",
    "cache": "weights are here",
    "download": "weights are here",
}


@dataclass(frozen=True)
class Network:
    """What the left rail says of a page that is about a network alone; `more` is a place for that page's own choice."""

    model: ModelEntry
    untrained: bool
    more: DeltaGenerator


@dataclass(frozen=True)
class Rail:
    """What the left rail says; `alt` is what the picture shows.

    first and adjust are the places for what is asked before the method, and for the method's parameters.
    """

    model: ModelEntry
    untrained: bool
    picture: Picture
    alt: str
    method: MethodEntry
    first: DeltaGenerator
    adjust: DeltaGenerator


def draw(page: Page, names: tuple[str, ...] = ()) -> Rail:
    """Draw a page's rail and return what was chosen; a page without a choice of methods reads a layer's answers.

    names: what of the address belongs to that page.
    """
    state.turn_to(page, ("model", "sample", "picture", *names), ("untrained",))
    with st.sidebar:
        model = _model()
        picture, alt = _picture(model)
        first = st.container()
        method_place = st.container()
        adjust = st.expander("Adjust", icon=":material/tune:") if page in OFFERS else st.container()
        camera = st.expander("Camera", icon=":material/photo_camera:")
        untrained = about.draw(model)
        state.keep("untrained", untrained)
        own_picker.draw(new_classes)
        with method_place:
            method = OFFERS[page](model, untrained) if page in OFFERS else catalogue().methods[READING]
        with camera:
            if st.toggle("Turn the camera on", key="camera_on"):
                st.camera_input("Take a picture", key="camera", on_change=take_camera, label_visibility="collapsed")
    return Rail(model, untrained, picture, alt, method, first, adjust)


def draw_network(page: Page, names: tuple[str, ...]) -> Network:
    """Draw the rail of a page about a network alone; `names`: what of the address belongs to that page."""
    state.turn_to(page, ("model", "sample", "picture", *names), ("untrained",))
    with st.sidebar:
        model = _model()
        more = st.container()
        untrained = about.draw(model)
        state.keep("untrained", untrained)
        own_picker.draw(new_classes)
    return Network(model, untrained, more)


def _model() -> ModelEntry:
    """Draw the select of networks; the address holds its key, since the words of the list depend on the machine."""
    own_picker.check_link()
    entries = catalogue().models
    asked = state.mirrored("model", lambda text: _model_named(text) is not None, "the network")
    state.put("model", _model_named(asked or "") or next(iter(entries)))
    here = {key: _is_here(entry) for key, entry in entries.items()}
    titles = {key: entry.title(here[key]) for key, entry in entries.items()}
    key = st.selectbox(
        "Model",
        sorted(entries, key=lambda key: (FIRST.get(entries[key].family, len(FIRST)), not here[key])),
        format_func=lambda key: titles[key],
        key="model",
        on_change=pick_model,
        help="“81 % of 1,000”: its first guess is right for 81 % of its test pictures, which are of 1,000 classes. "
        "“here”: its weights are on this machine.",
    )
    entry = entries[key]
    st.caption(_weights_in_words(entry))
    return entry


def _model_named(text: str) -> str | None:
    entries = catalogue().models
    key: str | None = state.named(text, entries, str, lambda key: entries[key].label)
    return key


def _is_here(entry: ModelEntry) -> bool:
    return entry.family == own.FAMILY or weights_here(entry.key, entry.files) is not None


def _weights_in_words(entry: ModelEntry) -> str:
    if entry.family in FIRST:
        return f"{entry.line[:1].upper()}{entry.line[1:]}"
    place = weights_here(entry.key, entry.files)
    where = f"needs a download of {size_in_words(entry.bytes)}" if place is None else WHERE[place]
    of = f" of {len(entry.classes):,} classes"
    right = "" if entry.top1 is None else f"{100 * entry.top1:.0f} % of test pictures{of} right · "
    return f"{right}{where}"


def _picture(model: ModelEntry) -> tuple[Picture, str]:
    """Draw samples, upload and their notes; return the picture and what it shows."""
    default = next(iter(samples.SAMPLES))
    asked = state.mirrored("sample", lambda name: name in samples.SAMPLES, "the sample") or default
    own = state.get("own_picture") if state.in_address("picture") == OWN else None
    state.put("value:picture", OWN if own else None)
    st.markdown(":small[Picture]")
    lens.picker(
        _thumbnails(model, asked),
        key="samples",
        label="Picture",
        kind="thumbs",
        chosen=None if own else asked,
        on_picked=pick_sample,
    )
    sample = samples.SAMPLES[asked]
    if own is None:
        st.caption(known.credited(sample))
    st.file_uploader(
        "Or your own",
        TYPES,
        key="upload",
        on_change=take_upload,
        max_upload_size=uploads.MOST_MEGABYTES,
        help="PNG, JPEG, WebP, GIF or BMP, up to 10 MB; save other kinds as PNG or JPEG. It stays on this machine.",
    )
    if own is None and state.in_address("picture") == OWN:
        feedback.notice("This link was made with a picture of its maker, which never left that machine. Upload yours.")
    if own is not None:
        for text in (own.name, *own.notes):
            st.caption(words.escaped(text))
        return own, f"The picture {own.name}."
    return sample_picture(asked), sample.alt


def _thumbnails(model: ModelEntry, asked: str) -> list[lens.Option]:
    """List the samples; the first of a group has its heading."""
    options, last = [], samples.Group()
    for sample, group in known.listed(model, asked):
        shown = group if group != last else samples.Group()
        picture = _thumbnail(sample.id)
        options.append(
            lens.Option(id=sample.id, name=sample.title, picture=picture, heading=shown.heading, note=shown.note)
        )
        last = group
    return options


def _attack(model: ModelEntry, untrained: bool) -> MethodEntry:
    entries = catalogue().attacks
    unsuitable = {n: why for n, why in cache.unsuitable(model.key, untrained).items() if n in entries}
    names = [name for name in entries if name not in unsuitable] or list(entries)
    state.check_option("attack", names, lambda name: entries[name].label, "the attack", str, kebab, alias="method")
    name = st.radio(
        "Attack",
        names,
        format_func=lambda name: entries[name].label,
        captions=[entries[name].caption for name in names],
        key="attack",
        bind="query-params",
    )
    for other, reason in unsuitable.items():
        st.caption(f"Not on this network: {entries[other].label}. {reason}")
    return entries[name]


#: The pages on which a method is picked, and what draws the choice there.
OFFERS: dict[Page, Callable[[ModelEntry, bool], MethodEntry]] = {
    "explain": method_picker.draw,
    "compare": method_picker.draw_maps,
    "attack": _attack,
}


def pick_model() -> None:
    """Take the network that was selected; the first is the default and needs no mark in the address."""
    key = state.get("model")
    state.mirror("model", None if key == next(iter(catalogue().models)) else key)
    for name in ("layer", "channel", "unit", "silent", "each", "head"):
        state.mirror(name, None)
    new_classes()


def new_classes() -> None:
    """Forget what belongs to the network or picture that was there before: classes, pixel."""
    state.put("class", None)
    state.put("against", None)
    state.put("goal", None)
    state.mirror_together({"pixel": None, "classes": None})


def pick_sample() -> None:
    """Take the sample that was clicked."""
    name = state.get("samples")["picked"]
    if name not in samples.SAMPLES:
        return
    state.drop("own_picture")
    state.mirror("sample", None if name == next(iter(samples.SAMPLES)) else name)
    state.to_address("picture", None)
    new_classes()


def take_upload() -> None:
    """Take the uploaded picture, or say why it cannot be read and leave everything as it was."""
    _take(state.get("upload"))


def take_camera() -> None:
    """Take the camera's picture."""
    _take(state.get("camera"))


def _take(file: object) -> None:
    """Take a file. One that replaces another comes after a None, and if refused it must leave the other in place."""
    if file is None:
        state.put("taken_away", time.monotonic())
        state.to_address("picture", None)
        return
    try:
        picture = uploads.read_upload(file)  # type: ignore[arg-type]
    except PictureError as error:
        state.notice(f"{error.message} {error.hint}".strip())
        if state.get("own_picture") is not None and time.monotonic() - state.get("taken_away", -REPLACED) < REPLACED:
            state.to_address("picture", OWN)
        return
    state.put("own_picture", picture)
    state.to_address("picture", OWN)
    new_classes()


@remembered
def sample_picture(name: str) -> Picture:
    """Read a sample by its listed name, once."""
    return samples.SAMPLES[name].picture()


@remembered
def _thumbnail(name: str) -> str:
    return lens.data_uri(samples.SAMPLES[name].thumbnail(), "image/webp")
