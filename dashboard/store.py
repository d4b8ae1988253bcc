"""Answers kept for all sessions: least recently used first out, bounded in number and bytes, one computation per key.

No Streamlit here: `cache.py` holds one set of stores for the whole server.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import is_dataclass
from threading import Event, RLock
from typing import Generic, TypeVar

from models.progress import Listener, Progress, heard_by

Value = TypeVar("Value")

#: How long a session waits for another's computation before it looks whether its user has moved on.
STEP = 0.1
MIB = 2**20


class _Job(Generic[Value]):
    """A computation under way: how far it is, and how it ended."""

    def __init__(self) -> None:
        self.finished = Event()
        self.progress: Progress | None = None
        self.error: Exception | None = None


class Store(Generic[Value]):
    """Values by key. `ask` computes a missing one once, however many sessions want it at the same time.

    size: counts the bytes of a value; it is asked again at each addition, since a trace grows.
    """

    def __init__(self, *, most: int, bytes_at_most: int, size: Callable[[Value], int]) -> None:
        self._most = most
        self._bytes_at_most = bytes_at_most
        self._size = size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._jobs: dict[Hashable, _Job[Value]] = {}
        self._lock = RLock()

    def get(self, key: Hashable) -> Value | None:
        """Return the value if it is there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value; the least recently used ones make room, and one that is too large alone is not kept."""
        with self._lock:
            self._values.pop(key, None)
            if self._size(value) > self._bytes_at_most:
                return
            self._values[key] = value
            while self._values and (len(self._values) > self._most or self.nbytes > self._bytes_at_most):
                self._values.popitem(last=False)

    def under_way(self, key: Hashable) -> bool:
        """Tell whether some session is computing this value now."""
        with self._lock:
            return key in self._jobs

    @property
    def nbytes(self) -> int:
        """Count the bytes of all values."""
        with self._lock:
            return sum(self._size(value) for value in self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def ask(self, key: Hashable, compute: Callable[[], Value], listener: Listener) -> Value:
        """Return the value, computing it if nobody has or does.

        Whoever computes reports its progress to its listener; the others hear the same progress while
        they wait. A listener that raises stops its own session only: if that session was the one that
        computed, another one that waits takes over. An error of the computation reaches everyone who
        waits and is not kept.
        """
        while True:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key]
                job = self._jobs.get(key)
                mine = job is None
                if job is None:
                    job = self._jobs[key] = _Job()
            if mine:
                return self._work(key, job, compute, listener)
            while not job.finished.wait(STEP):
                listener(job.progress or Progress(0, 1))
            if job.error is not None:
                raise job.error

    def _work(self, key: Hashable, job: _Job[Value], compute: Callable[[], Value], listener: Listener) -> Value:
        def hear(progress: Progress) -> None:
            job.progress = progress
            listener(progress)

        try:
            with heard_by(hear):
                value = compute()
            self.put(key, value)
            return value
        except Exception as error:
            # Nothing is swallowed: whoever waits for this answer gets the error, too. A cancel is no
            # Exception and is not handed on, so that one of those who wait takes the work over.
            job.error = error
            raise
        finally:
            with self._lock:
                del self._jobs[key]
            job.finished.set()


def half_the_memory() -> int:
    """Return half of the machine's memory in bytes, or 4 GiB where it cannot be asked."""
    if sys.platform == "win32":
        return 4096 * MIB
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def bytes_of(value: object) -> int:
    """Count the bytes of the arrays that a dataclass holds, in dataclasses, tuples and dicts inside it too."""
    if isinstance(value, (tuple, dict)):
        return sum(bytes_of(part) for part in (value.values() if isinstance(value, dict) else value))
    if is_dataclass(value):
        return 500 + sum(bytes_of(part) for part in vars(value).values())
    return int(getattr(value, "nbytes", 0)) + (len(value) if isinstance(value, bytes) else 0)
