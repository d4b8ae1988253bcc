"""The one place that touches the session's state and the address of the page.

Widgets keep their own values (`bind="query-params"`); here live the values that have no widget of their own
(the sample, the lens, the picked pixel), and the check of what a link asks for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.lens import VIEWS, Look

#: How much of a wrong value in a link is repeated to the user.
SHOWN = 40


def get(name: str, default: Any = None) -> Any:
    """Read a value of this session, a widget's value by its key included."""
    return st.session_state.get(name, default)


def held(name: str) -> Any:
    """Read a value of this session; None where there is no session: in the background, on the command line."""
    return None if get_script_run_ctx(suppress_warning=True) is None else get(name)


def put(name: str, value: Any) -> None:
    """Set a value of this session; a widget's value only from a callback or before the widget is drawn."""
    st.session_state[name] = value


def drop(*names: str) -> None:
    """Forget values of this session."""
    for name in names:
        st.session_state.pop(name, None)


def in_address(name: str) -> str | None:
    """Read a value from the page's address."""
    return next(reversed(st.query_params.get_all(name)), None)


def join(name: str) -> None:
    """Write a value that the address repeats as one list, as the page writes it: a=1&a=2 becomes a=1,2."""
    given = st.query_params.get_all(name)
    if len(given) > 1:
        to_address(name, ",".join(given))


def address() -> tuple[tuple[str, str], ...]:
    """Read the whole address, in an order of its own."""
    return tuple(sorted((name, value) for name in st.query_params if (value := in_address(name)) is not None))


def to_address(name: str, value: str | None) -> None:
    """Write a value without a widget into the page's address; None takes it out.

    A value is written even where it seems to stand already: a click that follows fast still brings the old address.
    """
    if value is not None:
        st.query_params[name] = value
    elif in_address(name) is not None:
        del st.query_params[name]


def bound() -> dict[str, Any]:
    """Return the values of the widgets of this page that write themselves into its address, by their keys."""
    return {name: get(name) for name in st.query_params if get(f"address:{name}") is None and get(name) is not None}


def mirrored(name: str, accepts: Callable[[str], bool], what: str) -> str | None:
    """Follow a value that lives in the address: a changed address wins, a wrong value is dropped with a notice."""
    seen, now = f"address:{name}", in_address(name)
    if now != get(seen):
        put(seen, now)
        if now is not None and not accepts(now):
            notice(f"This link asks for {what} {quoted(now)}, which is not here; the default is shown.")
            now = None
            mirror(name, None)
        put(f"value:{name}", now)
    value: str | None = get(f"value:{name}")
    return value


def mirror(name: str, value: str | None) -> None:
    """Set a value that lives in the address."""
    put(f"value:{name}", value)
    put(f"address:{name}", value)
    to_address(name, value)


def mirror_together(values: Mapping[str, str | None]) -> None:
    """Set values that live in the address in one go, which is one step back in the browser; None takes one out."""
    for name, value in values.items():
        put(f"value:{name}", value)
        put(f"address:{name}", value)
    written = {name: value for name, value in values.items() if value is not None or in_address(name) is not None}
    if written:
        # An empty list stands for nothing in the address; to delete each name would be a step back for each.
        st.query_params.update({name: [] if value is None else value for name, value in written.items()})


def names_mirrored(*starts: str) -> list[str]:
    """List the values of this session that live in the address and whose names start with one of these."""
    held = (str(key).removeprefix("value:") for key in st.session_state if str(key).startswith("value:"))
    return [name for name in held if name.startswith(starts)]


def select(key: str, options: Mapping[Any, str], what: str) -> Callable[[], None]:
    """Let a widget's choice stand in the address by its key, and return what its change has to call.

    options: keys and what the page calls them; a link may use either. The first is the default, which the address
    leaves out. Unlike a bound widget it is not forgotten while another page or section is drawn.
    """
    first = next(iter(options))

    def found(text: str) -> str | None:
        option: str | None = named(text, options, str, options.__getitem__)
        return option

    asked = mirrored(key, lambda text: found(text) is not None, what)
    chosen = found(asked or "") or first
    if asked is not None and asked != chosen:
        mirror(key, None if chosen == first else chosen)
    put(key, chosen)

    def follow() -> None:
        mirror(key, None if get(key) == first else str(get(key)))

    return follow


def turn_to(page: str, mirrored_names: Iterable[str], widgets: Iterable[str]) -> None:
    """Note which page is drawn; after a change of page, take values along, which Streamlit would forget.

    mirrored_names: values that live in the address. widgets: keys of switches that both pages have.
    """
    before = get("page")
    put("page", page)
    turned = before not in (None, page)
    if turned:
        values = {name: get(f"value:{name}") for name in mirrored_names if in_address(name) is None}
        mirror_together({name: value for name, value in values.items() if value is not None})
    for key in widgets:
        if turned and in_address(key) is None and get(f"kept:{key}"):
            _respell(key, "true")


def keep(key: str, value: bool) -> None:
    """Remember how a switch stands for the next page."""
    put(f"kept:{key}", value)


def first_time(key: str) -> bool:
    """Tell, once in a session, that this key has not been asked for before."""
    asked = st.session_state.setdefault("asked_keys", set())
    if key in asked:
        return False
    asked.add(key)
    return True


def check_option(
    key: str,
    options: Iterable[Any],
    words: Callable[[Any], str],
    what: str,
    *others: Callable[[Any], str],
    alias: str = "",
) -> None:
    """Look once at what a link asks of a select: accept other spellings too, and say so if the value is unknown.

    words: an option as the widget writes it; others: further spellings. alias: another name of the value.
    """
    asked, lent = _asked(key, alias)
    if asked is None:
        return
    option = named(asked, list(options), words, *others)
    if option is None:
        _refuse(key, f"This link asks for {what} {quoted(asked)}, which is not here; the default is shown.")
    elif lent or words(option) != asked:
        _respell(key, words(option))


def named(asked: str, options: Iterable[Any], *spellings: Callable[[Any], str]) -> Any:
    """Find the option that a link means, in any of its spellings, case and punctuation left aside; None if none."""
    options = list(options)
    pairs = [(option, spelling(option)) for spelling in spellings for option in options]
    exact = [option for option, spelled in pairs if spelled == asked]
    # One that is spelled just so comes before others that look alike: a before A, C++ before C.
    return next(iter(exact + [option for option, spelled in pairs if _folded(spelled) == _folded(asked)]), None)


def check_number(
    key: str, low: float, high: float, kind: type, what: str, alias: str = "", reads: Callable[[str], float] = float
) -> None:
    """Look once at what a link asks of a slider: a number outside its range is dropped with a notice.

    reads: turns what a person may write into the number, or raises a ValueError.
    """
    asked, lent = _asked(key, alias)
    if asked is None:
        return
    try:
        number = reads(asked)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        text = f"This link asks for {what} {quoted(asked)}; from {low:g} to {high:g} is possible, the default is used."
        _refuse(key, text)
    elif lent or not _digits(asked.replace(".", "", 1)):
        _respell(key, str(kind(number)))


def _asked(key: str, alias: str) -> tuple[str | None, bool]:
    """Read, once in a session, what the address asks of a widget, and whether it does so by the alias."""
    if not first_time(key):
        return None, False
    if in_address(key) is None and alias and in_address(alias) is not None:
        asked = in_address(alias)
        to_address(alias, None)
        return asked, True
    return in_address(key), False


def _respell(key: str, text: str) -> None:
    """Write what a link asks of a widget as the widget itself would, and begin again.

    Streamlit takes any other spelling out of the address, which would then no longer bring the view back.
    """
    to_address(key, text)
    st.rerun()


def _refuse(key: str, text: str) -> None:
    to_address(key, None)
    notice(text)


def notice(text: str) -> None:
    """Keep a sentence for the user until `notices` is read in this run or the next."""
    st.session_state.setdefault("pending_notices", []).append(text)


def notices() -> list[str]:
    """Return the sentences kept for the user, and forget them."""
    pending: list[str] = st.session_state.pop("pending_notices", [])
    return pending


def look() -> Look:
    """Return how the lens was left, or as the address asks: view=outline-20-whole."""
    text = mirrored("view", lambda asked: _look(asked) is not None, "the view")
    return (_look(text) if text else None) or Look()


def keep_look(value: dict[str, Any]) -> None:
    """Write the lens's choice into the address."""
    parts = [str(value["view"]), str(round(value["strength"]))] + (["whole"] if value["whole"] else [])
    mirror("view", None if parts == ["heat", "70"] else "-".join(parts))


def pixel() -> tuple[int, int] | None:
    """Return the pixel picked in the lens as (x, y), or as the address asks: pixel=34-12."""
    text = mirrored("pixel", lambda asked: two_numbers(asked) is not None, "the pixel")
    return two_numbers(text) if text else None


def _look(text: str) -> Look | None:
    view, *rest = text.split("-")
    figures = [part for part in rest if part != "whole"]
    if view not in VIEWS or len(figures) > 1 or not all(_digits(part) for part in figures):
        return None
    strength = min(100, max(1, int(figures[0]))) if figures else None
    return Look(view, strength, "whole" in rest)


def two_numbers(text: str) -> tuple[int, int] | None:
    """Read "34-12", as addresses write pixels, places and ranges; None for anything else."""
    parts = text.split("-")
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(map(_digits, parts)) else None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def quoted(text: str) -> str:
    """Repeat to the user what a link asks for, in quotation marks, cut where it is long."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return f"“{printable[:SHOWN]}{'…' if len(printable) > SHOWN else ''}”"


def _folded(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
