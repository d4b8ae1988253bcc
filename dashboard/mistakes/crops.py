"""The side "Other crops and sizes": what the network says of the picture cut and resized otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from dashboard import cache
from dashboard.mistakes import question
from dashboard.words import escaped, percent

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.mistakes.place import Place
    from dashboard.mistakes.question import Question
    from explain.preparations import Prepared
    from explain.runs import Case
    from explain.tracing import Trace
    from models.loaded import LoadedModel

#: The side of a small picture on the page, and as it is sent.
SIDE, SHARP = 96, 224


def draw(place: Place, case: Case, hear: Listening) -> None:
    """Draw what the network sees each time, and what it says of that."""
    asked = question.of(place, case)

    def compute(network: LoadedModel, trace: Trace) -> tuple[Prepared, ...]:
        from explain.preparations import preparations

        return preparations(network, asked.choice.picture.image, asked.second, asked.first)

    hear.work("Cutting and resizing the picture")
    found = cache.study(asked.choice, f"preparations {asked.first} {asked.second}", compute, hear)
    hear.clear()
    st.markdown(said(found, asked))
    half = -(-len(found) // 2)
    for column, part in zip(st.columns(2, gap="medium"), (found[:half], found[half:]), strict=True):
        with column:
            for one in part:
                _row(one, asked)


def said(found: tuple[Prepared, ...], asked: Question) -> str:
    """Say how often the answer stays, and whether the mistake is one of preparing the picture."""
    others = found[1:]
    kept = [one for one in others if one.said == asked.first]
    second = [one for one in others if one.said == asked.second]
    first = asked.named(asked.first)
    text = f"Cut and resized in **{len(others)}** other ways, it still says {first} **{_times(len(kept))}**"
    if not asked.wrong:
        rest = ", so it does not hang on how the picture is prepared" if len(kept) == len(others) else ""
        return f"{text}{rest}."
    text += f" and {asked.named(asked.second)} **{_times(len(second))}**"
    if not second:
        return f"{text}: it is not the way the picture is prepared."
    ways = ", ".join(one.name.lower() for one in second)
    if len(second) > len(others) / 2:
        return f"{text}: prepared otherwise, this picture is mostly named right. It is the preparation."
    return f"{text} ({ways}): the preparation has a part in it."


def _times(count: int) -> str:
    return {0: "not once", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _row(one: Prepared, asked: Question) -> None:
    """Draw what the network sees, what it says of that, and what was done; another answer stands out."""
    with st.container(horizontal=True, gap="small", wrap=False):
        # Of their own pixels, each of which may count, so they are enlarged without smoothing.
        picture = Image.fromarray(one.seen).resize((SHARP, SHARP), Image.Resampling.NEAREST)
        st.image(picture, width=SIDE, output_format="JPEG", alt=f"The picture: {one.name}.")
        with st.container(gap=None):
            answer = f"{asked.named(one.said)}, {percent(one.said_probability)}"
            st.markdown(f"{escaped(one.name)}: {answer if one.said == asked.first else f'**{answer}**'}")
            chances = ((asked.first, one.p_predicted), (asked.second, one.p_label or 0.0))
            rest = [f"{asked.named(index)} {percent(chance)}" for index, chance in chances if index != one.said]
            st.caption(f"{escaped(one.why)} {' · '.join(rest)}")
