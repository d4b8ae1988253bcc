"""What a lesson is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Question:
    """A question for the class, and its answer."""

    asked: str
    answer: str


@dataclass(frozen=True)
class Step:
    """One step of a lesson: what to do, where, what to expect, and what to ask.

    demonstration: its key. state: its controls and their values, which the link sets. minutes: how long it takes.
    """

    title: str
    minutes: int
    demonstration: str
    task: str
    expect: str
    state: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    questions: tuple[Question, ...] = ()

    @property
    def address(self) -> dict[str, str]:
        """The values of the address that open the demonstration with this state."""
        controls = {f"{self.demonstration}-{name}": value for name, value in self.state.items()}
        return {"demo": self.demonstration, **controls}


@dataclass(frozen=True)
class Lesson:
    """A lesson for a class: its steps in order; `draw` draws it on its page."""

    key: str
    title: str
    summary: str
    goal: str
    steps: tuple[Step, ...]
    draw: Callable[[Lesson], None]

    @property
    def minutes(self) -> int:
        """How long the lesson takes."""
        return sum(step.minutes for step in self.steps)
