"""The trainings of one session: begun, paused, gone on with, a short turn at a time, so that nobody waits for long."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from dashboard import cache, state
from explain.teaching.turns import turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from explain.teaching.training import Trainer
    from explain.teaching.training_presets import Setup
    from explain.teaching.training_record import Record

#: Seconds without a turn after which training has been left alone: another page is open, or none.
LEFT = 5.0
BENCH, KEPT = "training:bench", "training:kept"


class Bench:
    """One training, or several side by side, that take turns by the epoch.

    setups: what is trained. identity: changes with every reset. running: whether training goes on by itself.
    """

    def __init__(self, setups: tuple[Setup, ...]) -> None:
        self.setups = setups
        self.identity = uuid.uuid4().hex[:12]
        self.running = False
        self.asked: Callable[[Trainer], None] | None = None
        self.sent = [(0, 0)] * len(setups)
        self._trainers: tuple[Trainer, ...] = ()
        self._touched = 0.0

    @property
    def begun(self) -> bool:
        """Tell whether a step has been taken."""
        return any(trainer.record.batches for trainer in self._trainers)

    @property
    def ended(self) -> bool:
        """Tell whether all trainings have come to their end."""
        return bool(self._trainers) and all(trainer.ended for trainer in self._trainers)

    @property
    def seconds(self) -> float:
        """Say how long has been worked."""
        return sum(trainer.seconds for trainer in self._trainers)

    @property
    def trainers(self) -> tuple[Trainer, ...]:
        """The trainings under way; empty before the first step."""
        return self._trainers

    @property
    def records(self) -> tuple[Record, ...]:
        """What is known of each training; empty before the first step."""
        return tuple(trainer.record for trainer in self._trainers)

    def start(self) -> None:
        """Go on by itself from now on."""
        self.running, self._touched = True, time.monotonic()

    def pause(self) -> None:
        """Go on no longer."""
        self.running = False

    def ask(self, what: Callable[[Trainer], None]) -> None:
        """Do one thing at the next turn, to each training."""
        self.running, self.asked = False, what

    def look_away(self) -> None:
        """Pause if nobody has looked for a while: the page was left."""
        if self.running and time.monotonic() - self._touched > LEFT:
            self.pause()

    @property
    def pending(self) -> bool:
        """Tell whether a turn would do anything."""
        return self.asked is not None or (self.running and not self.ended)

    def turn(self) -> None:
        """Take a turn: what was asked for, or as much as a turn allows."""
        asked, self.asked = self.asked, None
        if not self._trainers:
            self._trainers = turns().take(lambda seconds: self._made())
        if asked is not None:
            turns().take(lambda seconds: [asked(trainer) for trainer in self._trainers])
        else:
            turns().take(self._work)
        self._touched = time.monotonic()
        self.running = self.running and not self.ended

    def _made(self) -> tuple[Trainer, ...]:
        from explain.teaching.training import Trainer

        return tuple(Trainer(setup.settings) for setup in self.setups)

    def _work(self, seconds: float) -> None:
        """Train whichever has come least far, step by step."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            left = [trainer for trainer in self._trainers if not trainer.ended]
            if not left:
                return
            min(left, key=lambda trainer: trainer.share).step()


def bench(setups: tuple[Setup, ...]) -> Bench:
    """Return this session's bench; one that has not begun follows what is asked for."""
    found: Bench | None = state.get(BENCH)
    if found is None or (not found.begun and not found.pending and found.setups != setups):
        found = reset(setups)
    found.look_away()
    return found


def reset(setups: tuple[Setup, ...]) -> Bench:
    """Put a new bench in place of the old one."""
    fresh = Bench(setups)
    state.put(BENCH, fresh)
    return fresh


def ready() -> None:
    """Import torch, which takes a few seconds the first time."""
    cache.ready_torch()
