"""Choosing the pictures to go over: the samples, or pictures, a zip or a folder handed over."""

from __future__ import annotations

from functools import cache as remembered
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import folder, samples, sidebar, state, widgets
from dashboard.folder import Entry, Folder
from models.progress import heard_by

if TYPE_CHECKING:
    from dashboard.catalogue import ModelEntry
    from dashboard.feedback import Listening

#: Where the pictures come from, as the address writes it and as the page says it.
SAMPLES, OWN = "samples", "own"
SOURCES = {SAMPLES: "The samples", OWN: "Your pictures"}
MOST_MEGABYTES = folder.MOST_BYTES // 2**20


def choose(model: ModelEntry, hear: Listening) -> Folder | None:
    """Draw the choice and return the pictures; None while there are none of the user's yet."""
    source = widgets.pick("Pictures to go over", SOURCES, "over", "the pictures")
    chosen = sample_folder(model.key) if source == SAMPLES else _own(hear)
    if chosen is None:
        st.markdown(
            "Hand over some pictures to go over: the more there are, the more the answer is worth. In a folder for "
            "each class, named as the network names it, they also tell how many it gets right."
        )
        return None
    for note in chosen.notes:
        st.caption(note)
    _left_out(chosen)
    if not chosen.entries:
        st.markdown("None of these files is a picture that can be read.")
        return None
    return chosen


@remembered
def sample_folder(model: str) -> Folder:
    """Return the samples that suit a network, each with its class."""
    return Folder(
        tuple(
            Entry(
                sample.title,
                sidebar.sample_picture(name).sha256,
                sample.everyday_class,
                partial(sidebar.sample_picture, name),
            )
            for name, sample in samples.SAMPLES.items()
            if sample.made_for in (None, model)
        )
    )


def _own(hear: Listening) -> Folder | None:
    """Draw the places to hand files over, and read what was handed over once."""
    one, other = st.columns(2)
    files = one.file_uploader(
        "Pictures, or a zip of them",
        [*sidebar.TYPES, "zip"],
        accept_multiple_files=True,
        key="over_files",
        on_change=_changed,
        max_upload_size=MOST_MEGABYTES,
        help=f"At most {folder.MOST_PICTURES:,} pictures are used, and {MOST_MEGABYTES} MB. They stay on this machine.",
    )
    files += other.file_uploader(
        "Or a whole folder",
        sidebar.TYPES,
        accept_multiple_files="directory",
        key="over_directory",
        on_change=_changed,
        max_upload_size=MOST_MEGABYTES,
        help="Folders inside it may be named after classes.",
    )
    handed = tuple(file.file_id for file in files)
    kept: tuple[tuple[str, ...], Folder] | None = state.get("folder")
    if handed and (kept is None or kept[0] != handed):
        hear.work("Reading the pictures")
        with heard_by(hear):
            kept = (handed, folder.read([(file.name, file) for file in files]))
        hear.clear()
        state.put("folder", kept)
    elif not handed and kept is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            count = len(kept[1].entries)
            what = "The picture that you handed over is" if count == 1 else f"The {count:,} pictures handed over are"
            st.markdown(f"{what} still here.", width="content")
            st.button("Forget them", key="forget_folder", type="tertiary", on_click=_changed)
    return None if kept is None else kept[1]


def _changed() -> None:
    state.drop("folder")


def _left_out(chosen: Folder) -> None:
    if not chosen.refused:
        return
    count = len(chosen.refused)
    with st.expander(f"{count:,} file{'s' if count > 1 else ''} left out", icon=":material/block:"):
        st.dataframe(
            {"File": [one.name for one in chosen.refused], "Why": [one.reason for one in chosen.refused]},
            hide_index=True,
            key="left-out",
            alt="The files that were left out, and why.",
        )
