"""The side "Corruptions": how the answer moves as the picture gets darker, blurred, noisy, and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from dashboard import cache, widgets
from dashboard.mistakes import question
from dashboard.words import percent
from explain.corruptions import CORRUPTIONS, STRENGTHS, corrupt

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.mistakes.place import Place
    from dashboard.mistakes.question import Question
    from explain.corruptions import Corrupted
    from explain.runs import Case
    from explain.tracing import Trace
    from models.loaded import LoadedModel

#: Charts side by side, and the width of a picture that was corrupted.
ACROSS, WIDE = 4, 140
#: The weakest strength; what flips there hangs by a thread.
WEAKEST = 1


def draw(place: Place, case: Case, hear: Listening) -> None:
    """Draw how sure the network is at each strength, as lines, as pictures and as a table."""
    asked = question.of(place, case)

    def compute(network: LoadedModel, trace: Trace) -> tuple[Corrupted, ...]:
        from explain.corruptions import under_corruptions

        return under_corruptions(network, asked.choice.picture.image, asked.second, asked.first)

    hear.work("Corrupting the picture")
    found = cache.study(asked.choice, f"corruptions {asked.first} {asked.second}", compute, hear)
    hear.clear()
    st.markdown(said(found, asked))
    _charts(found, asked)
    _pictures(found, asked, hear)
    _table(found, asked)


def said(found: tuple[Corrupted, ...], asked: Question) -> str:
    """Say how often the answer stays, and the least that turns it."""
    first, second = asked.named(asked.first), asked.named(asked.second)
    turned = [one for one in found if one.said != asked.first]
    text = f"The answer stays {first} under **{len(found) - len(turned)} of {len(found)}** changes."
    if not turned:
        return f"{text} So it is not a matter of light, sharpness or noise."
    if not asked.wrong:
        return f"{text} The least that turns it: {_least(turned, asked)}."
    mended = [one for one in turned if one.said == asked.second]
    if not mended:
        return f"{text} None of them makes it say {second}. The least that turns it: {_least(turned, asked)}."
    return f"{text} **{len(mended)}** of them make{'s' if len(mended) == 1 else ''} it say {second}. {_mended(mended)}"


def _least(turned: list[Corrupted], asked: Question) -> str:
    weakest = min(one.strength for one in turned)
    least = [f"{one.amount} (it says {asked.named(one.said)})" for one in turned if one.strength == weakest]
    return "; ".join(least)


def _mended(mended: list[Corrupted]) -> str:
    """Name the weakest strength of each corruption that brings the true class."""
    weakest: dict[str, Corrupted] = {}
    for one in mended:
        weakest.setdefault(one.name, one)
    told = "; ".join(one.amount for one in weakest.values())
    thread = " So little is enough that the answer hangs by a thread."
    return f"The least of each kind: {told}.{thread if any(one.strength == WEAKEST for one in mended) else ''}"


def _charts(found: tuple[Corrupted, ...], asked: Question) -> None:
    """Draw one small chart for each corruption."""
    from explain.mistake_figures import strengths_figure

    names = (asked.name(asked.first), asked.name(asked.second))
    first, second = asked.named(asked.first), asked.named(asked.second)
    st.caption(
        f"How sure the network is, by strength; 0 is the picture as it is. Solid line with circles: {first}; "
        f"dashed line with diamonds: {second}."
    )
    columns = [column for _ in range(0, len(CORRUPTIONS), ACROSS) for column in st.columns(ACROSS)]
    for column, (key, corruption) in zip(columns, CORRUPTIONS.items(), strict=False):
        rows = _of(found, key)
        lines = [asked.sure, *(one.p_predicted for one in rows)], [asked.less, *(one.p_label or 0.0 for one in rows)]
        ends = "; ".join(
            f"{name} goes from {percent(line[0])} to {percent(line[-1])}"
            for name, line in zip(names, lines, strict=True)
        )
        with column:
            st.markdown(f"**{corruption.label}**")
            st.plotly_chart(
                strengths_figure(*lines, names, ("as it is", *(one.amount for one in rows))),
                key=f"corruption-{key}",
                config={"displayModeBar": False},
                alt=f"{corruption.label}, strengths 0 to {STRENGTHS}: {ends}.",
            )


def _of(found: tuple[Corrupted, ...], name: str) -> list[Corrupted]:
    return [one for one in found if one.name == name]


def _pictures(found: tuple[Corrupted, ...], asked: Question, hear: Listening) -> None:
    """Show what the network sees at each strength of one corruption."""
    labels = {name: corruption.label for name, corruption in CORRUPTIONS.items()}
    name = widgets.pick("What the network sees", labels, "corruption", "the corruption")
    from explain.decoding import cut

    network = cache.model(asked.choice.model, asked.choice.untrained, hear)
    seen = Image.fromarray(cut(network.card.pixels, asked.choice.picture.image))
    with st.container(horizontal=True, gap="small", key="corrupted-pictures"):
        for one in _of(found, name):
            with st.container(width=WIDE, gap="small"):
                picture = corrupt(seen, name, one.strength)
                st.image(picture, width=WIDE, output_format="JPEG", alt=f"The picture, {one.amount}.")
                st.caption(f"{one.amount}: {asked.named(one.said)}, {percent(one.said_probability)}")


def _table(found: tuple[Corrupted, ...], asked: Question) -> None:
    shares = {
        "How sure": [one.said_probability for one in found],
        f"Probability of {asked.name(asked.first)}": [one.p_predicted for one in found],
        f"Probability of {asked.name(asked.second)}": [one.p_label for one in found],
    }
    with st.expander("All figures", icon=":material/table:"):
        st.dataframe(
            {
                "Change": [one.amount for one in found],
                "Strength": [one.strength for one in found],
                "It says": [asked.name(one.said) for one in found],
                **shares,
            },
            hide_index=True,
            key="corruptions-table",
            column_config={name: st.column_config.NumberColumn(name, format="percent") for name in shares},
            alt="What the network says of the picture under every change, and how sure it is of both classes.",
        )
