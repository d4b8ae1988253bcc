"""What all demonstrations share: texts with terms, controls that stand in the address, links and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

import streamlit as st

from dashboard import state
from dashboard.learn.terms import explained

#: The pages that a demonstration may link to, by their address beside this page's; the first is the page's root.
PAGES = {"explain": "./", "layers": "layers", "attack": "attack", "mistakes": "mistakes", "learn": "learn"}


@dataclass(frozen=True)
class Demonstration:
    """One demonstration of the Learn page.

    key: its name in the address. summary: a sentence for the overview. question and answer: what to think about at
    the end. controls: the names that `hide=` may hold. topics: what of the README's table it shows.
    """

    key: str
    title: str
    summary: str
    question: str
    answer: str
    controls: tuple[str, ...]
    topics: tuple[str, ...]
    draw: Callable[[Desk], None]


class Desk:
    """What a demonstration draws with; every control stands in the address as `<demonstration>-<name>`.

    hidden: the controls that a teacher took away: they keep the value of the address, or their default.
    """

    def __init__(self, demonstration: Demonstration, hidden: frozenset[str] = frozenset(), *, presented: bool = False):
        self.demonstration = demonstration
        self.presented = presented
        self._hidden = hidden
        self._pictures: dict[str, Callable[[], bytes]] = {}

    @property
    def pictures(self) -> Mapping[str, Callable[[], bytes]]:
        """The pictures offered so far, by their names."""
        return MappingProxyType(self._pictures)

    def key(self, name: str) -> str:
        """Return a control's name in the address."""
        return f"{self.demonstration.key}-{name}"

    def shown(self, name: str) -> bool:
        """Tell whether a control is to be drawn."""
        return name not in self._hidden

    def text(self, words: str) -> None:
        """Write markdown in which terms in [[double brackets]] explain themselves.

        `[[kernel|another word]]` shows other words; plurals are found by themselves.
        """
        st.markdown(explained(words))

    def number(
        self, name: str, label: str, low: float, high: float, default: float, step: float = 1, help: str | None = None
    ) -> float:
        """Draw a slider and return its value: whole numbers where `default` is one."""
        kind = type(default)
        key = self.key(name)
        state.check_number(key, low, high, kind, label)
        if not self.shown(name):
            return kind(_within(state.in_address(key), low, high, default))
        value: float = st.slider(
            label, kind(low), kind(high), default, kind(step), key=key, help=help, bind="query-params"
        )
        return value

    def choice(self, name: str, label: str, options: Mapping[str, str], help: str | None = None) -> str:
        """Draw a choice among a few things beside each other; the first is the default. Keys stand in the address."""
        key = self.key(name)
        follow = state.select(key, options, label)
        if self.shown(name):
            st.segmented_control(
                label,
                list(options),
                required=True,
                format_func=lambda option: options[option],
                key=key,
                help=help,
                on_change=follow,
            )
        return str(state.get(key))

    def switch(self, name: str, label: str, *, default: bool = False, help: str | None = None) -> bool:
        """Draw a switch and return how it stands."""
        key = self.key(name)
        state.check_option(key, ("false", "true"), str, label)
        if not self.shown(name):
            asked = state.in_address(key)
            return asked == "true" if asked in ("false", "true") else default
        return st.toggle(label, value=default, key=key, help=help, bind="query-params")

    def held(self, name: str, accepts: Callable[[str], bool], what: str) -> str | None:
        """Return a value of the address that a component of the demonstration sets, such as a picked pixel."""
        return state.mirrored(self.key(name), accepts, what)

    def hold(self, name: str, value: str | None) -> None:
        """Set such a value."""
        state.mirror(self.key(name), value)

    def place(self, rows: int, columns: int) -> tuple[int, int] | None:
        """Return the row and column that are picked in a grid of this size, None where there are none."""
        held = self.held("place", lambda text: state.two_numbers(text) is not None, "the place")
        picked = state.two_numbers(held or "")
        return picked if picked is not None and picked[0] < rows and picked[1] < columns else None

    def hold_place(self, row: int, column: int) -> None:
        """Pick a place of the grid."""
        self.hold("place", f"{row}-{column}")

    def link(self, words: str, page: str, **address: str) -> None:
        """Draw a link into another page (`explain`, `layers`, `attack`, `mistakes`, `learn`) with its state set.

        It opens in a tab of its own, so that nothing of this page is lost. A name of the address with a hyphen is
        written with an underscore.
        """
        asked = urlencode({name.replace("_", "-"): value for name, value in address.items()})
        url = f"{PAGES[page]}?{asked}" if asked else PAGES[page]
        st.link_button(words, url, type="tertiary", icon=":material/open_in_new:")

    def picture(self, name: str, png: Callable[[], bytes]) -> None:
        """Offer a picture of what is shown for download; `png` is called when somebody asks for it."""
        self._pictures[name] = png


def _within(asked: str | None, low: float, high: float, default: float) -> float:
    """Read the number of a hidden slider; any that the slider could not show gives the default."""
    try:
        number = float(asked) if asked is not None else default
    except ValueError:
        return default
    return number if low <= number <= high else default
