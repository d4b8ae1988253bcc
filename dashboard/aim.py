"""What an attack is asked for, as a person would say it: which class to reach, how much may change, and the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import state, widgets
from explain.params import Choice, Param

if TYPE_CHECKING:
    from dashboard.sidebar import Rail

#: Levels of a colour. Sizes of the L-infinity norm are shown, and stand in the address, in these.
LEVELS = 255
NORMS = {"linf": "L-infinity", "l2": "L2"}
MEANINGS = {"linf": "the most that any colour of any pixel changes", "l2": "the length of the whole change"}
#: Length of a step as a share of epsilon, as in PGD's defaults: 2 of 8.
STEP = 0.25


def draw(rail: Rail) -> tuple[tuple[tuple[str, Any], ...], int | None]:
    """Draw the controls of the attack; return its parameters in the order of its fields, and the class to leave."""
    asked = {param.name: param for param in rail.method.params}
    names = rail.model.classes
    with rail.first:
        goal = _class("goal", "Turn it into", "any other class", names)
        size_place = st.container()
    values: dict[str, Any] = {"goal": goal}
    with rail.adjust:
        left = _class("class", "Class to leave", "what the model says", names)
        if "norm" in asked:
            values["norm"] = _norm(asked["norm"])
    norm = values.get("norm", "linf")
    if "epsilon" in asked:
        with size_place:
            values["epsilon"] = _size(norm)
    with rail.adjust:
        if "epsilon" in asked and "step_size" in asked:
            values["step_size"] = values["epsilon"] * _step()
        for param in rail.method.params:
            if param.name not in values:
                values[param.name] = widgets.control(rail.method.name, param, (), names)
    return tuple((param.name, values[param.name]) for param in rail.method.params), left


def levels(text: str) -> float:
    """Read a size as people write it, "4", "4/255" or "0.0157" (a share of the range), into levels of 255."""
    above, slash, below = text.partition("/")
    if not math.isfinite(float(above)) or (slash and float(below) != LEVELS):
        raise ValueError(text)
    number = float(above)
    return round(2 * (number * LEVELS if not slash and 0 < number < 0.2 else number)) / 2


def _class(key: str, label: str, nothing: str, names: tuple[str, ...]) -> int | None:
    state.check_option(key, names, str, "the class", lambda name: str(names.index(name)))
    chosen = st.selectbox(label, names, index=None, key=key, placeholder=nothing, bind="query-params")
    return None if chosen is None else names.index(chosen)


def _norm(param: Param) -> str:
    assert isinstance(param.kind, Choice)
    options = param.kind.options
    state.check_option("norm", options, NORMS.__getitem__, "the norm", str)
    chosen: str = st.radio(
        "Size is measured by",
        options,
        options.index(param.default),
        format_func=NORMS.__getitem__,
        captions=[MEANINGS[option] for option in options],
        key="norm",
        bind="query-params",
    )
    return chosen


def _size(norm: str) -> float:
    if norm == "l2":
        state.check_number("length", 0.05, 10, float, "a length of")
        return st.slider(
            "Length of the change",
            *(0.05, 10.0, 1.0, 0.05),
            key="length",
            bind="query-params",
            help="The square root of the sum of all squared changes, with colours from 0 to 1.",
        )
    state.check_number("epsilon", 0.5, 32, float, "an epsilon of", reads=levels)
    chosen: float = st.slider(
        "Change per colour, of 255",
        *(0.5, 32.0, 4.0, 0.5),
        format="%g",
        key="epsilon",
        bind="query-params",
        help="Epsilon: no colour of any pixel may change by more than this. Up to about 8 nobody sees it.",
    )
    return chosen / LEVELS


def _step() -> float:
    state.check_number("step", 0.02, 2, float, "a step of")
    chosen: float = st.slider(
        "Step, as a share of the change", 0.02, 2.0, STEP, 0.01, key="step", bind="query-params"
    )
    return chosen
