"""Where the Mistakes page stands: the run, what is listed of it and in which order, and the mistake that is open.

All of it lives in the address: show, true, guess, sure (low-high), top5, order and case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from dashboard import catalogue, state
from explain.mistakes import ORDERS, Filter, rows
from models.errors import PictureError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dashboard.catalogue import ModelEntry
    from dashboard.mistakes.source import Album
    from dashboard.uploads import Picture
    from explain.runs import Case, Run

#: What may be listed, as the address writes it and as the page says it.
SHOWN = {
    "wrong": "Named wrong",
    "right": "Named right",
    "all": "All with an answer",
    "unlabelled": "Without a known class",
    "unreadable": "Without an answer",
}
TOP5 = {"any": "Anywhere", "in": "In the first five", "out": "Beyond them"}
#: What of the address says which pictures are listed.
LISTED = ("show", "true", "guess", "sure", "top5")
#: What of the address belongs to this page, and goes along when the page is left and comes back.
ADDRESS = ("pictures", *LISTED, "order", "case", "side", "chart")
#: The largest number of a case that an address may hold, in digits.
DIGITS = 9


@dataclass(frozen=True, eq=False)
class Place:
    """A run over pictures, which of them are listed, and which is open.

    model and untrained: the network in the rail, which is the one of the run. pictures: those gone over, by number.
    picked: the number of the case that a link or a click opened, None = the first of the list.
    """

    model: ModelEntry
    untrained: bool
    run: Run
    pictures: Album = field(repr=False)
    filter: Filter
    order: str
    picked: int | None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the classes by index, no two alike."""
        return catalogue.told_apart(self.run.classes)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The rows of `run.cases` that are listed, in order."""
        return rows(self.run.cases, self.filter, self.order)

    def picture(self, number: int) -> Picture:
        """Read a picture of the run by its case's number; a PictureError says why it cannot be read."""
        found, row = self.pictures.picture(number), self.row_of(number)
        if row is not None and self.run.cases.sha256[row] not in ("", found.sha256):
            raise PictureError("This picture was changed after the network was asked about it.", "Begin the run anew.")
        return found

    def case(self) -> Case | None:
        """Return the case that is open; the first of the list where none was picked, None where the list is empty."""
        row = self.row
        return None if row is None else self.run.case(row)

    @cached_property
    def row(self) -> int | None:
        """The row of the open case in `run.cases`."""
        if self.picked is not None:
            return self.row_of(self.picked)
        return int(self.rows[0]) if len(self.rows) else None

    def row_of(self, number: int) -> int | None:
        """Find the row of a case by its number; None where the run has not come to it."""
        found = (self.run.cases.number == number).nonzero()[0]
        return int(found[0]) if len(found) else None


def pick(number: int) -> None:
    """Open a case by its number, whether it is listed or not."""
    state.mirror("case", str(number))


def pick_cell(true: str, guess: str) -> None:
    """List the pictures of one class that were taken for another, by the classes' names."""
    set_filter(true=true, guess=guess, show="right" if true == guess else None, sure=None, top5=None)


def set_filter(**values: str | None) -> None:
    """Change what is listed, by the names of the address; None = the default. The first of the new list is opened."""
    for name, value in values.items():
        state.mirror(name, value)
    state.mirror("case", None)


def find(model: ModelEntry, untrained: bool, run: Run, pictures: Album) -> Place:
    """Read from the address what is listed and open; what this run does not have is replaced, with a notice."""
    names = catalogue.told_apart(run.classes)
    low, high = _sure()
    filter = Filter(
        true=_class("true", names),
        predicted=_class("guess", names),
        show=_asked("show", tuple(SHOWN), "to list") or _usual(run),  # type: ignore[arg-type]
        low=low,
        high=high,
        top5=_asked("top5", tuple(TOP5), "the place") or "any",  # type: ignore[arg-type]
    )
    order = _asked("order", tuple(ORDERS), "the order") or next(iter(ORDERS))
    return Place(model, untrained, run, pictures, filter, order, _case(run))


def _usual(run: Run) -> str:
    """Choose what is listed where nobody says: the mistakes, if there are any."""
    return "wrong" if run.cases.wrong.any() else "all"


def _asked(name: str, options: tuple[str, ...], what: str) -> str | None:
    return state.mirrored(name, lambda text: text in options, what)


def _class(name: str, names: tuple[str, ...]) -> int | None:
    """Read a class by its name; one that another network had before is taken out."""
    text = state.mirrored(name, lambda asked: state.named(asked, names, str) is not None, "the class")
    found = state.named(text, names, str) if text else None
    if text and found is None:
        state.mirror(name, None)
    return None if found is None else names.index(found)


def _sure() -> tuple[float, float]:
    text = state.mirrored("sure", lambda asked: _range(asked) is not None, "how sure")
    return (_range(text) if text else None) or (0.0, 1.0)


def _range(text: str) -> tuple[float, float] | None:
    """Read "20-80" as shares."""
    low, high = state.two_numbers(text) or (1, 0)
    return (low / 100, high / 100) if low <= high <= 100 else None


def _case(run: Run) -> int | None:
    """Read which case is open; one that a longer run had is taken out."""

    def accepts(text: str) -> bool:
        digits = text.isascii() and text.isdigit() and len(text) <= DIGITS
        return digits and bool((run.cases.number == int(text)).any())

    text = state.mirrored("case", accepts, "the picture")
    if text and not accepts(text):
        state.mirror("case", None)
        return None
    return int(text) if text else None
