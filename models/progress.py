"""Progress for whoever works and whoever listens; a listener cancels by raising.

Work reports through `track`; whoever wants to hear of it wraps the call in `heard_by`. What the
listener raises comes out of the work unchanged: that is how a job is cancelled. Listeners belong to
the current thread's context, so two jobs never hear each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Stage:
    """A part of a long job: what it is called, and from which share of the whole to which it goes (0..1)."""

    name: str = ""
    begins: float = 0.0
    ends: float = 1.0


#: A job that is not divided.
WHOLE = Stage()


@dataclass(frozen=True)
class Progress:
    """How far a job is: `done` of `total` steps, the result so far, and its standard error.

    `partial` is a result like the one to come, made of the steps done (or None); `error` is the
    standard error of its values (or None). `stage` is the part of the job that the steps belong to.
    """

    done: int
    total: int
    partial: Any = None
    error: Any = None
    stage: Stage = field(default=WHOLE, kw_only=True)

    @property
    def share(self) -> float:
        """How much of the whole job is done, 0..1."""
        return self.stage.begins + (self.stage.ends - self.stage.begins) * self.done / max(self.total, 1)


Listener = Callable[[Progress], None]
_listener: ContextVar[Listener | None] = ContextVar("convlens_listener", default=None)
#: Marks what a listener raised.
_FROM_LISTENER = "_convlens_from_listener"
_stage: ContextVar[Stage] = ContextVar("convlens_stage", default=WHOLE)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Send the progress of everything inside the `with` to `listener`; what it raises ends the work."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def within(stage: Stage) -> Iterator[None]:
    """Say of everything inside the `with` which part of a job it is."""
    token = _stage.set(stage)
    try:
        yield
    finally:
        _stage.reset(token)


def report(done: int, total: int, partial: Any = None, error: Any = None) -> None:
    """Tell the listener, if there is one, how far the work is.

    `partial` may be a function without arguments; it is called only if somebody listens.
    """
    listener = _listener.get()
    if listener is not None:
        so_far = partial() if callable(partial) else partial
        try:
            listener(Progress(done, total, so_far, error, stage=_stage.get()))
        except Exception as raised:
            raised.__dict__[_FROM_LISTENER] = True
            raise


def from_listener(error: BaseException) -> bool:
    """Tell whether a listener raised this: then it ends the work, whatever kind of error it is."""
    return _FROM_LISTENER in vars(error)


def track(items: Iterable[Item], total: int) -> Iterator[Item]:
    """Yield the items and report before each and after the last, so that a job can stop between two."""
    done = 0
    for item in items:
        report(done, total)
        yield item
        done += 1
    report(done, total)
