"""What the Compare page shows, all of which stands in its address: what differs, and what stands beside the rail's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import cache, state, widgets
from dashboard.answers import Choice
from dashboard.catalogue import catalogue
from dashboard.classes import select
from dashboard.compare.axes import AXES, Axis, Base, Member

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.sidebar import Rail

#: How many may stand beside the rail's; and what the address says where there is none.
MOST, NONE = 3, "none"
#: What of the address belongs to this page, and is still there after a look at another one.
KEPT = ("method", "compare", *AXES, "scale", "difference", "zoom", "thorough", "wall", "wall-click")


@dataclass(frozen=True)
class Place:
    """What is compared, the rail's first."""

    axis: Axis
    base: Base
    members: tuple[Member, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells this comparison from others."""
        return tuple(member.choice.key for member in self.members)


def ask(rail: Rail, hear: Listening) -> Choice:
    """Draw in the rail what is asked of all, and return what is asked of the first."""
    names = rail.model.classes
    numbers = {name: number for number, name in enumerate(names)}
    with rail.first:
        chosen = select("class", "Explain the class", "what the model says", names, numbers)
        others = tuple(name for name in names if name != chosen)
        against = None if _axis() is AXES["classes"] else select("against", "Rather than", "nothing", others, numbers)
    values = _controls(rail, rail.method.name, hear)
    with rail.adjust:
        asks = widgets.ask()
    return Choice(
        model=rail.model.key,
        picture=rail.picture,
        method=rail.method.name,
        parameters=values,
        index=None if chosen is None else numbers[chosen],
        against=None if against is None else numbers[against],
        ask=asks,
        untrained=rail.untrained,
    )


def _axis() -> Axis:
    """Return what differs, as the page's address has it before the choice is drawn."""
    return AXES.get(state.in_address("compare") or "", next(iter(AXES.values())))


def find(base: Base, hear: Listening) -> Place:
    """Draw what differs and what stands beside the rail's, and return all that are compared."""
    left, right = st.columns([46, 54], gap="medium", vertical_alignment="bottom")
    with left:
        axis = AXES[widgets.pick("Compare", {key: key for key in AXES}, "compare", "a comparison of")]
    options = axis.options(base)
    beside = _beside(axis, base, options)
    with right:
        state.put(_widget(axis), beside)
        st.multiselect(
            f"Beside {axis.own(base)}",
            list(options),
            format_func=lambda option: options[option],
            key=_widget(axis),
            max_selections=MOST,
            placeholder=f"Pick up to three {axis.key}",
            on_change=partial(_take, axis),
        )
    first = Member("", axis.own(base), base.choice, base.rail.alt)
    return Place(axis, base, (first, *(_member(axis, base, option, options[option], hear) for option in beside)))


def put_beside(option: str, base: Base) -> None:
    """Put a method beside the rail's; where all places are taken, the last one gives way."""
    axis = AXES["methods"]
    beside = _beside(axis, base, axis.options(base))
    if option != base.choice.method and option not in beside:
        state.mirror_together({axis.key: ",".join([*beside[: MOST - 1], option]), "compare": None})


def _beside(axis: Axis, base: Base, options: dict[str, str]) -> list[str]:
    """Read from the address what stands beside the rail's; what is not there any more is left out."""

    def read(text: str) -> list[str | None]:
        return [axis.named(base, part) for part in text.split(",")]

    state.join(axis.key)
    asked = state.mirrored(axis.key, lambda text: text == NONE or None not in read(text), f"the {axis.key}")
    if asked is None:
        return list(options)[:1]
    found = [] if asked == NONE else [option for option in read(asked) if option in options]
    return [option for option in dict.fromkeys(found) if option is not None][:MOST]


def _widget(axis: Axis) -> str:
    return f"beside-{axis.key}"


def _take(axis: Axis) -> None:
    state.mirror(axis.key, ",".join(state.get(_widget(axis))) or NONE)


def _member(axis: Axis, base: Base, option: str, title: str, hear: Listening) -> Member:
    choice = axis.choice(base, option)
    if choice.method != base.choice.method:
        choice = replace(choice, parameters=_controls(base.rail, choice.method, hear))
    return Member(option, title, choice, axis.alt(base, option))


def _controls(rail: Rail, method: str, hear: Listening) -> tuple[tuple[str, Any], ...]:
    """Draw the parameters of a method under its name and return their values."""
    layers = cache.layers(rail.model.key, rail.untrained)
    if layers is None:
        cache.model(rail.model.key, rail.untrained, hear)
        layers = cache.layers(rail.model.key, rail.untrained) or ()
    entry = catalogue().methods[method]
    with rail.adjust:
        if entry.params:
            st.markdown(f"**{entry.label}**")
        return widgets.configure(method, entry.params, layers, rail.model.classes)
