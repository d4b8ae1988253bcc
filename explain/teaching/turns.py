"""Whose turn it is to train: one thread for all who train on this server, so that none slows the others much.

Networks this small gain nothing from several threads; on a busy machine they lose tenfold, since the threads wait for
each other thousands of times. torch keeps the number of threads for each thread by itself: only the one here has one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import TypeVar

Found = TypeVar("Found")

#: Seconds that a turn takes at most, shared among all who wait, and at least.
TURN, LEAST = 0.2, 0.03


class Turns:
    """Lets those who train take turns, in the order in which they ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asking = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="training", initializer=_one_thread)

    def take(self, work: Callable[[float], Found]) -> Found:
        """Call `work` with the seconds that it may take, when it is its turn, and return what it returns."""
        with self._lock:
            self._asking += 1
            seconds = max(LEAST, TURN / self._asking)
        try:
            turn: Future[Found] = self._worker.submit(work, seconds)
            return turn.result()
        finally:
            with self._lock:
                self._asking -= 1


@cache
def turns() -> Turns:
    """Return the turns of this server."""
    return Turns()


def _one_thread() -> None:
    """Let torch use one thread here, and as many as before in every thread that comes after."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    # The number for later threads is set along with that of the calling thread, so another one sets it back.
    with ThreadPoolExecutor(1) as other:
        other.submit(torch.set_num_threads, before).result()
