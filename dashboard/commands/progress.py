"""Progress in the terminal: how far, how fast, how long still."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from dashboard.words import duration

if TYPE_CHECKING:
    from models.progress import Progress

#: Seconds between two lines.
EVERY = 0.2


class Counter:
    """Hears of progress and writes it to the terminal, in one line that is written anew; elsewhere it keeps silent."""

    def __init__(self, unit: str = "steps") -> None:
        self._unit = unit
        self._began = self._written = 0.0
        self._first = 0
        self._shows = sys.stderr.isatty()
        #: How far the job is.
        self.done = self.total = 0

    def __call__(self, progress: Progress) -> None:
        """Write how far the job is, a few times a second."""
        now = time.monotonic()
        if not self._began:
            self._began, self._first = now, progress.done
        self.done, self.total = progress.done, progress.total
        if self._shows and (now - self._written > EVERY or self.done == self.total):
            self._written = now
            print(f"\r{self.line(now - self._began)}\x1b[K", end="", file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """Say how far the job is, how many it does in a second, and how long it still takes."""
        text = f"{self.done:,} of {self.total:,} {self._unit}"
        speed = (self.done - self._first) / seconds if seconds else 0.0
        if not speed:
            return text
        left = (self.total - self.done) / speed
        return f"{text} · {speed:.3g} a second" + (f" · {duration(left)} left" if left else "")

    def close(self) -> None:
        """End the line."""
        if self._shows and self._written:
            print(file=sys.stderr)
