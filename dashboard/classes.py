"""Which class is explained: the top five as bars to pick, any other by name, and "rather than" a second one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state, words
from dashboard.lens import Option, picker

if TYPE_CHECKING:
    from dashboard.answers import Choice
    from explain.results import Prediction

TOP = 5


@dataclass(frozen=True)
class Question:
    """What is asked, in names: the class, the one to compare with, and what the model itself says."""

    index: int
    name: str
    rather: str | None
    said: str

    @classmethod
    def of(cls, choice: Choice, prediction: Prediction, names: tuple[str, ...]) -> Question:
        """Put a choice into names."""
        said = int(prediction.indices[0])
        index = said if choice.index is None else choice.index
        rather = None if choice.against is None else name_of(choice.against, names)
        return cls(index, name_of(index, names), rather, name_of(said, names))


def draw(choice: Choice, prediction: Prediction, names: tuple[str, ...]) -> Choice:
    """Draw the classes and return the choice with the class, and the one to compare with, filled in."""
    numbers = {name: number for number, name in enumerate(names)}
    predicted = name_of(int(prediction.indices[0]), names)
    state.put("predicted", predicted)
    st.subheader("What the model sees", anchor=False)
    bars = st.container()
    one, other = st.columns(2)
    with one:
        chosen = select("class", "Explain another class", predicted, names, numbers)
    explained = chosen or predicted
    with other:
        against = select("against", "Rather than", "nothing", tuple(n for n in names if n != explained), numbers)
    with bars:
        picker(
            _options(prediction, names, explained),
            key="top",
            label="The five most likely classes; pick one to explain it",
            chosen=explained,
            on_picked=pick,
        )
    return dataclasses.replace(
        choice,
        index=None if chosen is None else numbers[chosen],
        against=None if against is None else numbers[against],
    )


def select(key: str, label: str, nothing: str, options: tuple[str, ...], numbers: dict[str, int]) -> str | None:
    """Draw a choice of a class, which a link may name or number; `nothing` says what it means to pick none."""
    state.check_option(key, options, str, "the class", lambda name: str(numbers[name]))
    return st.selectbox(label, options, index=None, key=key, placeholder=nothing, bind="query-params")


def _options(prediction: Prediction, names: tuple[str, ...], explained: str) -> list[Option]:
    """List the top five, and the explained class below them if it is not among them."""
    found = []
    for place, (index, share) in enumerate(zip(prediction.indices, prediction.probabilities, strict=True)):
        name = name_of(int(index), names)
        if place < TOP or name == explained:
            found.append(Option(id=name, name=name, figure=words.percent(float(share)), share=float(share)))
    return found


def name_of(index: int, names: tuple[str, ...]) -> str:
    """Name a class; those that the network's card does not name are known by number."""
    return names[index] if index < len(names) else f"class {index}"


def pick() -> None:
    """Explain the class whose bar was picked; the predicted one is the default and needs no mark in the address."""
    name = state.get("top")["picked"]
    state.put("class", None if name == state.get("predicted") else name)
    if state.get("against") == name:
        state.put("against", None)
