"""What a report holds, before it is written as HTML: plain values, the pictures as they stand in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.report.pictures import Bar
    from explain.results import Curve
    from explain.runs import Run

#: What something is called, and what it is; both as text.
Fact = tuple[str, str]


@dataclass(frozen=True)
class Panel:
    """One of the pictures side by side. source: an address that holds it. caption: one of our sentences."""

    title: str
    caption: str
    source: str
    alt: str


@dataclass(frozen=True)
class Guess:
    """One class and how sure the network is of it, 0..1; role: what is to be known of this class, or ""."""

    name: str
    probability: float
    role: str = ""


@dataclass(frozen=True, eq=False)
class Checked:
    """A check of a map. mark, text: whether it holds, and its figures, in our sentences. axes: what x and y are."""

    title: str
    caption: str
    mark: str
    text: str
    axes: tuple[str, str] = ("", "")
    curve: Curve | None = None


@dataclass(frozen=True)
class Entry:
    """One picture, explained.

    anchor: its name in links inside the file. name: of its file. headline, sentence, findings: our sentences.
    line: what it says in a few words, for the list of all. bar: of the colours of all its maps, None without any.
    checks: all checks of its map, where they were made; checked: of which one, where there are several.
    """

    anchor: str
    name: str
    headline: str
    line: str
    sentence: str
    panels: tuple[Panel, ...] = ()
    bar: Bar | None = None
    guesses: tuple[Guess, ...] = ()
    findings: tuple[str, ...] = ()
    checks: tuple[Checked, ...] = ()
    checked: str = ""
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Again:
    """How a report is made again.

    commands: lines for a terminal, none where it cannot be done from there. hint: one of our sentences, to be read
    before they are run. python: lines that compute the same maps. date: as the caller gives it, "" = none.
    """

    commands: tuple[str, ...]
    python: str
    hint: str = ""
    date: str = ""


@dataclass(frozen=True, eq=False)
class Report:
    """All of a report.

    title and lead: our sentences. about: what it is a report of; method: how the maps came about; made: with what
    they were computed. run: the run that it is of, with the names of its classes; None for one explanation.
    """

    title: str
    lead: str
    entries: tuple[Entry, ...]
    about: tuple[Fact, ...]
    method: tuple[Fact, ...]
    made: tuple[Fact, ...]
    again: Again
    run: Run | None = None
    names: tuple[str, ...] = ()
