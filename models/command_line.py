"""What the commands of this package share: errors in words, and a bar of progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from models.errors import ConvLensError

if TYPE_CHECKING:
    from models.progress import Progress

#: The exit status of a program that was interrupted.
INTERRUPTED = 130
#: Seconds between two drawings of the bar.
EVERY = 0.5


@contextmanager
def in_words(interrupted: str = "Stopped.") -> Iterator[None]:
    """End the program with the sentence and hint of what the user can mend; `interrupted`: what an interrupt says."""
    try:
        yield
    except ConvLensError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error
    except KeyboardInterrupt as error:
        print(f"\n{interrupted}", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from error


class Bar:
    """Draws how far the work is on standard error and wipes it away at the end; no terminal, no bar."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._began = self._drawn = 0.0
        self._first = self._last = 2.0

    def __call__(self, progress: Progress) -> None:
        """Draw the bar, at most twice a second."""
        now = time.monotonic()
        # A share that falls is that of another job; rounding alone makes none.
        if progress.share < self._last - 1e-9:
            self._began, self._first = now, progress.share
        self._last = progress.share
        over = progress.done >= progress.total
        if self._shows and (over or now - self._drawn > EVERY):
            self._drawn = now
            text = "" if over else self.line(progress, now - self._began)
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)

    def line(self, progress: Progress, seconds: float) -> str:
        """Say what is under way, how far it is, and about how long it still takes after these seconds."""
        filled = int(30 * progress.share)
        text = f"[{'#' * filled:<30}] {progress.stage.name} {progress.done:,} of {progress.total:,}"
        gone = progress.share - self._first
        if gone <= 0 or not seconds:
            return text
        return f"{text} · about {_time(seconds * (1 - progress.share) / gone)} left"


def _time(seconds: float) -> str:
    """Write a time as people say it: 40 s, 12 min, 2 h 10 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
