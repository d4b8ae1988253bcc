"""Where the Learn page stands: the demonstration or the lesson, and whether it is presented to a class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from dashboard import state
from dashboard.learn.demonstrations import demonstrations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.learn.desk import Demonstration
    from dashboard.learn.lessons import Lesson

#: What of the address belongs to this page, whichever demonstration it shows.
ADDRESS = ("demo", "lesson", "present", "hide")


@dataclass(frozen=True)
class Place:
    """What the page shows: a demonstration, a lesson, or, where both are None, all of them.

    hidden: the controls that a teacher took away. presented: whether it stands before a class; only a demonstration
    does, which has the way out.
    """

    demonstration: Demonstration | None
    lesson: Lesson | None
    hidden: frozenset[str]
    presented: bool


@cache
def lessons() -> Mapping[str, Lesson]:
    """Return the lessons by their keys, in order."""
    from dashboard.learn.lessons import LESSONS

    return MappingProxyType({lesson.key: lesson for lesson in LESSONS})


def arrive() -> None:
    """Note that this page is drawn; what was chosen in its demonstrations is taken along from an earlier visit."""
    state.turn_to("learn", (*ADDRESS, *state.names_mirrored(*(f"{key}-" for key in demonstrations()))), ())


def find() -> Place:
    """Read the place from the address; what is not there is left out, with a notice."""
    lesson = state.mirrored("lesson", lambda text: text in lessons(), "the lesson")
    key = state.mirrored("demo", lambda text: text in demonstrations(), "the demonstration")
    presented = state.mirrored("present", lambda text: text in ("true", "false"), "the presentation") == "true"
    demonstration = demonstrations()[key] if key and not lesson else None
    hidden = _hidden(demonstration) if demonstration else frozenset()
    return Place(demonstration, lessons()[lesson] if lesson else None, hidden, presented and demonstration is not None)


def go(*, demo: str | None = None, lesson: str | None = None) -> None:
    """Go to a demonstration or a lesson; to the overview where neither is named. All its controls are there again."""
    state.mirror_together({"lesson": lesson, "demo": demo, "hide": None})


def present(on: bool) -> None:
    """Begin or end the presentation."""
    state.mirror("present", "true" if on else None)


def neighbours(key: str) -> tuple[str | None, str | None]:
    """Return the demonstrations before and after this one."""
    keys = list(demonstrations())
    place = keys.index(key)
    return (keys[place - 1] if place else None), (keys[place + 1] if place + 1 < len(keys) else None)


def _hidden(demonstration: Demonstration) -> frozenset[str]:
    """Read which controls are taken away; one that the demonstration has not is said once for each link."""
    text = state.mirrored("hide", lambda text: True, "the controls") or ""
    asked = frozenset(name for name in text.split(",") if name)
    unknown = sorted(asked - set(demonstration.controls))
    if unknown and state.first_time(f"hide:{text}"):
        there = ", ".join(demonstration.controls)
        name = state.quoted(unknown[0])
        state.notice(f"This link hides {name}, which {demonstration.title} does not have; it has {there}.")
    return asked & set(demonstration.controls)
