"""Handing over a network of one's own: its weights, what they are for, its classes, and how it wants its pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import feedback, own, state, words
from dashboard.catalogue import as_shipped
from dashboard.uploads import safe_name
from models.errors import ConvLensError, ModelError
from models.header import check_kind, read_header
from models.labels import MOST_BYTES, read_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BytesIO

    from models.pixels import Interpolation, PixelSpace

MOST_MEGABYTES = 1024
MOST_MEGABYTES_OF_NAMES = MOST_BYTES // 2**20
INTERPOLATIONS: tuple[Interpolation, ...] = ("bilinear", "bicubic", "nearest")


def check_link() -> None:
    """Say so where a link asks for a network that a session handed over and this one does not have."""
    asked = state.in_address("model")
    if asked is not None and asked.startswith(own.BEGINS) and own.find(asked) is None:
        state.to_address("model", None)
        state.notice(
            "This link was made with a network of its maker, which never left that machine. Hand it over again under "
            "“Your own network”; the default is shown."
        )


def draw(on_turned: Callable[[], None]) -> None:
    """Draw the place to hand a network over; once it is loaded, the page turns to it, and `on_turned` is called."""
    with st.expander("Your own network", icon=":material/upload_file:"):
        held = own.of_session()
        if held is not None:
            st.caption(words.escaped(f"{held.entry.label}: {held.pixels}"))
            st.button("Forget it", key="own_forget", on_click=_forget, type="tertiary")
        file = st.file_uploader(
            "Weights (.safetensors)",
            key="own_file",
            max_upload_size=MOST_MEGABYTES,
            help="For any architecture of the list; how many classes there are is read from the file. "
            "They stay on this machine, and only this page has them.",
        )
        if file is None:
            return
        try:
            _declare(file, safe_name(file.name), on_turned)
        except ConvLensError as error:
            feedback.tell(error)


def _declare(file: BytesIO, name: str, on_turned: Callable[[], None]) -> None:
    """Ask what the file does not say, and load it when that is confirmed."""
    check_kind(name)
    metadata = read_header(file, name).metadata
    known = as_shipped().models
    key = st.selectbox(
        "Architecture",
        list(known),
        index=_likely(list(known), name, metadata.get("architecture", "")),
        format_func=lambda key: known[key].label,
        placeholder="Which network is it?",
        key=f"own_architecture:{name}",
    )
    listed = st.file_uploader(
        "Names of the classes (.txt, .json)",
        ["txt", "json"],
        key="own_classes",
        max_upload_size=MOST_MEGABYTES_OF_NAMES,
        help="One name a line in the order of the network's scores, or JSON: a list, or names by number.",
    )
    if key is None:
        return
    from models import own as networks
    from models.registry import CARDS

    with st.spinner("Looking the network up"):
        usual = CARDS[key].pixels
    pixels = _pixels(key, usual)
    classes = _classes(listed, metadata.get("classes", ""))
    st.caption(words.escaped(networks.in_words(pixels)))
    if not st.button("Use this network", key="own_use", type="primary", width="stretch"):
        return
    with st.spinner("Reading the weights"):
        model = networks.load(file, key, name=name, classes=classes, pixels=pixels)
    made = own.described(model, _python(name, key, pixels, classes))
    own.keep(made)
    if model.weights.note:
        state.notice(model.weights.note)
    state.mirror("model", made.entry.key)
    on_turned()
    st.rerun()


def _likely(known: list[str], name: str, noted: str) -> int | None:
    """Guess the architecture from what the file notes, else from its name; None where neither says."""
    named = noted if noted in known else max((key for key in known if key in name.lower()), key=len, default="")
    return known.index(named) if named else None


def _classes(listed: BytesIO | None, noted: str) -> tuple[str, ...] | None:
    """Read the names of the classes from the file handed over, else from the notes in the weights."""
    if listed is not None:
        return read_names(listed.getvalue(), safe_name(str(getattr(listed, "name", ""))))
    return read_names(noted.encode(), "the notes in the file of weights") if noted else None


def _pixels(key: str, usual: PixelSpace) -> PixelSpace:
    """Ask how the network wants its pictures, beginning with what is usual for its architecture."""
    from models.own import LARGEST_SIDE
    from models.pixels import PixelSpace

    st.markdown(":small[How it wants its pictures]")
    one, other = st.columns(2)
    resize = one.number_input("Resize to", 8, LARGEST_SIDE, usual.resize, key=f"own_resize:{key}")
    side = other.number_input("Crop to", 8, LARGEST_SIDE, usual.side, key=f"own_side:{key}")
    mean = st.text_input("Mean of red, green, blue", _written(usual.mean), key=f"own_mean:{key}")
    std = st.text_input("Standard deviation", _written(usual.std), key=f"own_std:{key}")
    place = INTERPOLATIONS.index(usual.interpolation)
    way = st.selectbox("Interpolation", INTERPOLATIONS, place, key=f"own_interpolation:{key}")
    return PixelSpace(side, resize, _numbers(mean, "mean"), _numbers(std, "standard deviation"), way)


def _written(values: tuple[float, ...]) -> str:
    return ", ".join(map(str, values))


def _numbers(text: str, what: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.replace(";", ",").split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 3:
        raise ModelError(f"Wanted three numbers as {what}, not {text[:40]!r}.", "Such as 0.5, 0.5, 0.5.")
    return numbers


def _forget() -> None:
    held = own.of_session()
    own.keep(None)
    if held is not None and state.in_address("model") == held.entry.key:
        state.mirror("model", None)


def _python(name: str, key: str, pixels: PixelSpace, classes: tuple[str, ...] | None) -> str:
    """Write the lines that load the same network again."""
    named = f", classes={json.dumps(classes, ensure_ascii=False)}" if classes is not None else ""
    return (
        "from pathlib import Path\nfrom models import own\nfrom models.pixels import PixelSpace\n"
        f"pixels = {pixels!r}\nmodel = own.load(Path({name!r}), {key!r}, pixels=pixels{named})"
    )
