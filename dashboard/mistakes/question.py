"""What is asked about one picture of a run: which two classes it is between, and how sure the network is of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.answers import Choice
from dashboard.classes import name_of
from dashboard.words import escaped, percent

if TYPE_CHECKING:
    from dashboard.mistakes.place import Place
    from explain.runs import Case

#: Stands where a choice names its method, for what is measured around a picture and not by a method.
AROUND = "one mistake"


@dataclass(frozen=True, eq=False)
class Question:
    """Why this class and not that one?

    first: the network's first guess, and how sure it is of it. second: the true class where the first guess is wrong,
    else the second guess, and its probability. choice: what is kept is kept under it.
    """

    case: Case
    choice: Choice
    names: tuple[str, ...]
    first: int
    second: int
    sure: float
    less: float

    @property
    def wrong(self) -> bool:
        """Whether the second class is the true one, and the network says the first."""
        return self.case.label is not None and not self.case.right

    @property
    def headline(self) -> str:
        """Ask the question."""
        not_that = "and not" if self.wrong else "rather than"
        return f"Why {self.named(self.first)} {not_that} {self.named(self.second)}?"

    @property
    def sentence(self) -> str:
        """Say how sure the network is of both, and what the second class is."""
        sure, less = percent(self.sure), percent(self.less)
        first, second = self.named(self.first), self.named(self.second)
        if self.wrong:
            return f"It is **{sure}** sure of {first}; the true class has **{less}**, {self._rank()}."
        comes = f"{second} comes second with **{less}**"
        if self.case.label is not None:
            return f"It is **{sure}** sure of {first}, and that is right; {comes}."
        called = self.case.called
        unknown = f"its label, {escaped(called)}, is no class of this network" if called else "it has no label"
        return f"It is **{sure}** sure of {first}; {comes}. Whether that is right cannot be told: {unknown}."

    def _rank(self) -> str:
        places = [int(index) for index in self.case.top]
        if self.second not in places:
            return f"not among its first {len(places)} guesses"
        words = ("", "its second guess", "its third guess", "its fourth guess", "its fifth guess")
        return words[places.index(self.second)]

    def name(self, index: int) -> str:
        """Name a class, as text."""
        return name_of(index, self.names)

    def named(self, index: int) -> str:
        """Write a class's name in italics, as Markdown."""
        return f"*{escaped(self.name(index))}*"


def of(place: Place, case: Case) -> Question:
    """Ask about a picture that the network has an answer for; a PictureError says why it can no longer be read."""
    choice = Choice(place.model.key, place.picture(case.number), AROUND, untrained=place.untrained)
    return about(case, choice, place.names)


def about(case: Case, choice: Choice, names: tuple[str, ...]) -> Question:
    """Find the two classes that a case is between."""
    sure = float(case.probabilities[0])
    if case.label is None or case.right:
        return Question(case, choice, names, case.predicted, int(case.top[1]), sure, float(case.probabilities[1]))
    return Question(case, choice, names, case.predicted, case.label, sure, case.label_probability)
