"""What is measured over many pictures, and how many of them the network names right without some channels."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, words
from dashboard.layers import place as places

if TYPE_CHECKING:
    from dashboard.answers import Choice
    from dashboard.feedback import Listening
    from dashboard.folder import Folder
    from dashboard.layers.place import Place
    from explain.tracing import Trace
    from models.loaded import LoadedModel


def choice(place: Place) -> Choice:
    """Say under what is kept what was measured over pictures: the layer, and not the picture of the rail."""
    return dataclasses.replace(place.choice, picture=places.BLANK)


def accuracy(place: Place, channels: list[int], keep_only: bool, over: Folder, hear: Listening) -> None:
    """Say how many pictures the network names right, and how many without these channels or with them alone."""
    labelled = over.labelled(place.rail.model.classes)
    if not len(labelled):
        st.markdown("No folder is named after a class of this network, so how many it gets right cannot be told.")
        return
    hear.work("Counting how many it names right")

    def compute(network: LoadedModel, trace: Trace) -> tuple[float, float]:
        from explain.silencing import accuracy

        return accuracy(network, labelled, place.layer, channels, keep_only)

    numbers = "-".join(map(str, channels))
    name = f"accuracy:{over.identity}:{'keep' if keep_only else 'silence'}:{numbers}"
    before, after = cache.study(choice(place), name, compute, hear)
    right = [round(share * len(labelled)) for share in (before, after)]
    them = "it" if len(channels) == 1 else "them"
    how = f"with {them} alone" if keep_only else f"without {them}"
    many = f"{len(labelled):,} picture{'' if len(labelled) == 1 else 's'}"
    st.markdown(
        f"Over the **{many}** whose class it knows, the network names **{right[0]:,}** right "
        f"({words.percent(before)}), and **{right[1]:,}** {how} ({words.percent(after)})."
    )
