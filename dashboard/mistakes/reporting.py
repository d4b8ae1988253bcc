"""The report of a run: which pictures, by which method; made with one button, taken along with another."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, checks, feedback, own, state
from dashboard.catalogue import catalogue
from dashboard.mistakes import keeping
from dashboard.report import repeating
from dashboard.report.contents import Again
from dashboard.report.of_run import Asked, numbered, of_run
from dashboard.report.repeating import Origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dashboard.answers import Answer, Choice
    from dashboard.catalogue import MethodEntry
    from dashboard.checks import Made
    from dashboard.feedback import Listening
    from dashboard.mistakes.place import Place
    from dashboard.mistakes.source import Kind
    from models.progress import Listener

#: The most pictures of a report that is made on the page, and how many it is where nobody says.
MOST, USUAL = 24, 6
OPEN, FIRST = "The open picture", "The first of the list"
#: What stands in the commands for files that have no name here.
RUN, DATA = "run.parquet", "PICTURES"
HELP = "A dozen more figures for the first map of each picture, beside maps that know nothing. Takes longer."
#: Values of the session: the report that is asked for, and the one that was made.
WANTED, MADE = "report_wanted", "report_made"


def draw(place: Place, rows: NDArray[np.int64], hear: Listening) -> None:
    """Draw the button; rows: of `run.cases`, those that are listed, in order."""
    if place.row is None and not len(rows):
        return
    with st.popover("Report", icon=":material/description:", key="report"):
        chosen, which = _chosen(place, rows)
        method = _method(place)
        asked = Asked(
            run=place.run,
            rows=chosen,
            chosen=which,
            picture=place.picture,
            method=method,
            parameters=tuple((param.name, param.default) for param in method.params),
            untrained=place.untrained,
            checked=st.checkbox("With all checks of the map for what it says", key="report-checks", help=HELP),
        )
        again = again_of(asked, place, datetime.date.today().isoformat())
        # All that the report depends on.
        key = (place.run.identity, again, asked.checked)
        offer = st.container()
        # Before the work, so that it stays in sight meanwhile.
        _shown(again, place.pictures.kind)
        with offer, feedback.guarded():
            _offer(asked, again, key, hear)


def _chosen(place: Place, rows: NDArray[np.int64]) -> tuple[tuple[int, ...], str]:
    """Draw the choice of pictures; return their rows, and say how they were chosen."""
    options = ([OPEN] if place.row is not None else []) + ([FIRST] if len(rows) > 1 else [])
    options = options or [FIRST]
    which = st.radio("Which pictures", options, index=len(options) - 1, key="report-which", horizontal=True)
    if which == OPEN and place.row is not None:
        return (place.row,), numbered(1)
    most = min(MOST, len(rows))
    count = 1 if most == 1 else st.slider("How many", 1, most, min(USUAL, most), key="report-count")
    return tuple(map(int, rows[:count])), numbered(count)


def _method(place: Place) -> MethodEntry:
    """Draw the choice of a method; the one that the open picture is explained by comes first."""
    entries = catalogue().maps
    unsuitable = cache.unsuitable(place.model.key, place.untrained)
    offered = [name for name in entries if name not in unsuitable] or list(entries)
    shown = state.get("explanation")
    name = st.selectbox(
        "Explained by",
        offered,
        offered.index(shown) if shown in offered else 0,
        format_func=lambda name: entries[name].label,
        key="report-method",
    )
    return entries[name]


def again_of(asked: Asked, place: Place, date: str) -> Again:
    """Say how the same report is made from the command line, and its maps in Python."""
    header, album = asked.run.header, place.pictures
    origin = Origin(
        run=None if asked.run.folder == keeping.SHIPPED else RUN,
        model=header.model,
        batch=header.batch,
        weights="random" if asked.untrained else None,
        data={"samples": None, "data": album.title, "own": DATA}[album.kind],
    )
    method = repeating.call(asked.method, asked.parameters)
    python = repeating.python_of_run(origin, own.python(header.model, asked.untrained), asked.answered, method)
    if own.find(header.model) is not None:
        return Again((), python, repeating.NOT_SHIPPED, date)
    numbers = ",".join(str(int(asked.run.cases.number[row])) for row in asked.rows)
    given = [] if origin.run is None else [origin.run]
    which = ["--cases", numbers, *repeating.flags(asked.method, asked.parameters)]
    which += ["--check"] if asked.checked else []
    report = repeating.command("report", *given, *origin.flags, *which, "--date", date, "--out", "report.html")
    return Again((*origin.commands, report), python, date=date)


def _offer(asked: Asked, again: Again, key: object, hear: Listening) -> None:
    """Make the report where it is asked for, and offer it once it is made."""
    if state.get(WANTED) == key:
        state.drop(WANTED)
        # So that "Stop" stops this, and not what the page was working on before.
        feedback.stopped(("report", key))
        state.put(MADE, (key, _made(asked, again, hear)))
    made: tuple[object, bytes] | None = state.get(MADE)
    if made is None or made[0] != key:
        many = f"{len(asked.rows)} picture{'' if len(asked.rows) == 1 else 's'}"
        st.button(f"Make a report of {many}", key="report-make", type="primary", on_click=_want, args=(key,))
        return
    st.download_button(
        f"Download ({len(made[1]) / 1024:,.0f} KB)",
        made[1],
        f"convlens-{asked.run.model}-mistakes.html",
        "text/html",
        key="report-download",
        on_click="ignore",
        type="primary",
        icon=":material/download:",
    )


def _made(asked: Asked, again: Again, hear: Listening) -> bytes:
    from dashboard.report.writing import write

    hear.work(f"Explaining {len(asked.rows)} pictures for the report, three maps each")
    report = write(of_run(asked, again, _answer, _check, hear))
    hear.clear()
    return report


def _answer(choice: Choice, listener: Listener) -> Answer:
    answer = cache.answer(choice, listener)
    return checks.whole(cache.model(choice.model, choice.untrained, listener), choice, answer, listener)


def _check(choice: Choice, answer: Answer, listener: Listener) -> Made:
    planned = checks.planned(choice, answer)
    return tuple((metric, cache.check(choice, answer, metric, listener)) for metric in planned)


def _want(key: object) -> None:
    state.put(WANTED, key)
    feedback.finished()


def _shown(again: Again, kind: Kind) -> None:
    """Show how the same is had without the page."""
    own_pictures = f"; {DATA} stands for the place of your pictures:" if kind == "own" else ":"
    st.caption(again.hint or f"The same on the command line{own_pictures}")
    if again.commands:
        st.code("\n".join(again.commands), language=None, wrap_lines=True)
