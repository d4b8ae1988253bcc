"""The store that all sessions share: one computation per key, hand-over, eviction, errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.store import Store
from models.errors import ConvLensError
from models.progress import Progress, track


class MovedOn(BaseException):
    """Stands for Streamlit's stop signal, which is no Exception."""


def deaf(progress: Progress) -> None:
    """Hear nothing and go on."""


def make_store(most: int = 8, bytes_at_most: int = 1000) -> Store[bytes]:
    return Store(most=most, bytes_at_most=bytes_at_most, size=len)


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("It did not happen within five seconds.")


def test_the_same_key_in_four_sessions_is_computed_once() -> None:
    store, calls, gate = make_store(), [], threading.Event()

    def compute() -> bytes:
        calls.append(1)
        gate.wait(5)
        return b"answer"

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(store.ask, "key", compute, deaf) for _ in range(4)]
        wait_until(lambda: len(calls) == 1)
        gate.set()
        assert [answer.result(5) for answer in answers] == [b"answer"] * 4
    assert len(calls) == 1


def test_different_keys_are_computed_side_by_side() -> None:
    store, meeting = make_store(), threading.Barrier(2, timeout=5)

    def compute() -> bytes:
        meeting.wait()
        return b"answer"

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(store.ask, key, compute, deaf) for key in "ab"]
        assert [answer.result(5) for answer in answers] == [b"answer"] * 2


def test_whoever_waits_takes_over_when_the_computing_session_moves_on() -> None:
    store, leaves, calls = make_store(), threading.Event(), []

    def compute() -> bytes:
        calls.append(threading.current_thread().name)
        for _ in track(range(200), 200):
            if len(calls) == 1:
                threading.Event().wait(0.02)
        return b"answer"

    def leave(progress: Progress) -> None:
        if leaves.is_set():
            raise MovedOn

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.ask, "key", compute, leave)
        wait_until(lambda: len(calls) == 1)
        second = pool.submit(store.ask, "key", compute, deaf)
        leaves.set()
        assert isinstance(first.exception(5), MovedOn)
        assert second.result(5) == b"answer"
    assert len(calls) == 2


def test_whoever_waits_can_move_on_and_leaves_the_computation_alone() -> None:
    store, gate, calls = make_store(), threading.Event(), []

    def compute() -> bytes:
        calls.append(1)
        gate.wait(5)
        return b"answer"

    def leave(progress: Progress) -> None:
        raise MovedOn

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.ask, "key", compute, deaf)
        wait_until(lambda: len(calls) == 1)
        with pytest.raises(MovedOn):
            store.ask("key", compute, leave)
        gate.set()
        assert first.result(5) == b"answer"


def test_a_waiting_session_hears_the_progress_of_the_other() -> None:
    store, gate, heard = make_store(), threading.Event(), []

    def compute() -> bytes:
        for done in track(range(3), 3):
            if done == 2:
                gate.wait(5)
        return b"answer"

    def hear(progress: Progress) -> None:
        heard.append(progress.done)
        gate.set()

    with ThreadPoolExecutor(1) as pool:
        far = threading.Event()
        pool.submit(store.ask, "key", compute, lambda progress: far.set() if progress.done == 2 else None)
        assert far.wait(5)
        assert store.ask("key", compute, hear) == b"answer"
    assert heard[0] == 2


def test_an_error_reaches_the_caller_and_is_not_kept() -> None:
    store = make_store()

    def fail() -> bytes:
        raise ConvLensError("There is no such layer.")

    with pytest.raises(ConvLensError, match="no such layer"):
        store.ask("key", fail, deaf)
    assert store.ask("key", lambda: b"answer", deaf) == b"answer"


def test_an_error_reaches_those_who_wait() -> None:
    store, gate, calls = make_store(), threading.Event(), []

    def fail() -> bytes:
        calls.append(1)
        gate.wait(5)
        raise ConvLensError("There is no such layer.")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.ask, "key", fail, deaf)
        wait_until(lambda: len(calls) == 1)
        waiting = threading.Event()
        second = pool.submit(store.ask, "key", fail, lambda progress: waiting.set())
        assert waiting.wait(5)
        gate.set()
        assert isinstance(first.exception(5), ConvLensError)
        assert isinstance(second.exception(5), ConvLensError)
    assert len(calls) == 1


def test_the_least_recently_used_value_goes_first() -> None:
    store = make_store(most=2)
    store.put("a", b"1")
    store.put("b", b"2")
    store.get("a")
    store.put("c", b"3")
    assert (store.get("a"), store.get("b"), store.get("c")) == (b"1", None, b"3")


def test_values_make_room_when_their_bytes_pass_the_limit() -> None:
    store = make_store(bytes_at_most=100)
    store.put("a", bytes(60))
    store.put("b", bytes(60))
    assert store.get("a") is None
    assert store.nbytes == 60


def test_a_value_larger_than_the_limit_is_answered_and_not_kept() -> None:
    store = make_store(bytes_at_most=10)
    store.put("small", bytes(4))
    assert store.ask("key", lambda: bytes(60), deaf) == bytes(60)
    assert len(store) == 1 and store.get("small") is not None


def test_a_value_that_grows_is_weighed_again() -> None:
    store: Store[bytearray] = Store(most=8, bytes_at_most=100, size=len)
    trace = bytearray(10)
    store.put("trace", trace)
    trace.extend(bytes(90))
    store.put("other", bytearray(50))
    assert store.get("trace") is None


def test_a_value_is_under_way_while_it_is_computed() -> None:
    store, seen = make_store(), []
    store.ask("a", lambda: bytes(seen.append(store.under_way("a")) or 1), deaf)
    assert seen == [True] and not store.under_way("a")
