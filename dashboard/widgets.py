"""Controls: a choice among a few things, and those that set a method's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.answers import Ask
from explain.method import kebab
from explain.params import Choice, ClassIndex, Corners, LayerName, Param, Range, Switch

AUTOMATIC = "automatic"


def pick(label: str, options: Mapping[str, str], key: str, what: str, *, label_shown: bool = True) -> str:
    """Draw a choice among a few things beside each other, and return the one that was picked.

    options: keys, of which the address holds the one that was picked, and what the page calls them; the first is the
    default. what: what a notice calls the choice, where a link asks for something that is not there.
    """
    chosen = st.segmented_control(
        label,
        list(options),
        required=True,
        format_func=lambda option: options[option],
        key=key,
        on_change=state.select(key, options, what),
        label_visibility="visible" if label_shown else "collapsed",
    )
    return str(chosen)


def ask() -> Ask:
    """Draw whether the score or the probability of the class is explained."""
    options: list[Ask] = ["score", "probability"]
    state.check_option("ask", options, str, "the question")
    return st.radio(
        "Explain the",
        options,
        key="ask",
        horizontal=True,
        bind="query-params",
        help="The score is the network's output for the class alone; the probability mixes in all other classes. "
        "“Rather than” always compares scores.",
    )


def configure(
    method: str, params: tuple[Param, ...], layers: tuple[str, ...] = (), classes: tuple[str, ...] = ()
) -> tuple[tuple[str, Any], ...]:
    """Draw one control for each parameter and return the values by name, in the order of the fields.

    Values other than the default stand in the address under the method's and the parameter's name
    (`occlusion-window=16`); a link may also use the parameter's name alone.
    """
    return tuple((param.name, control(method, param, layers, classes)) for param in params)


def control(method: str, param: Param, layers: tuple[str, ...], classes: tuple[str, ...]) -> Any:
    """Draw the control that fits a parameter's kind and return its value."""
    key = f"{kebab(method)}-{param.name.replace('_', '-')}"
    match param.kind:
        case Range() as numbers:
            return _slider(key, param, numbers)
        case Choice(options):
            return _select(key, param, options)
        case Switch():
            return st.toggle(param.label, value=param.default, key=key, help=param.help, bind="query-params")
        case LayerName():
            return _optional(key, param, layers)
        case ClassIndex():
            chosen = _optional(key, param, classes)
            return None if chosen is None else classes.index(chosen)
        case Corners():
            # The page knows the box, or nobody does.
            return param.default


def _slider(key: str, param: Param, numbers: Range) -> int | float:
    state.check_number(key, numbers.low, numbers.high, param.type, param.label, alias=param.name)
    low, high, step = (param.type(number) for number in (numbers.low, numbers.high, numbers.step))
    digits = "%d" if param.type is int else None
    value: int | float = st.slider(
        param.label, low, high, param.default, step, format=digits, key=key, help=param.help, bind="query-params"
    )
    return value


def _select(key: str, param: Param, options: tuple[str, ...]) -> str:
    state.check_option(key, options, str, param.label, alias=param.name)
    index = options.index(param.default)
    chosen: str = st.selectbox(param.label, options, index, key=key, help=param.help, bind="query-params")
    return chosen


def _optional(key: str, param: Param, names: tuple[str, ...]) -> str | None:
    """A searchable list whose first entry leaves the choice to the method."""
    options = (AUTOMATIC, *names)
    state.check_option(key, options, str, param.label, alias=param.name)
    chosen = st.selectbox(param.label, options, key=key, help=param.help, bind="query-params")
    return None if chosen == AUTOMATIC else chosen
