"""Several threads at one model and one trace."""

from __future__ import annotations

import sys
import time
from threading import Event, Thread

import pytest

from explain.target import ClassLogit
from explain.tracing import Trace
from models.graph import Graph
from toy import Linear, loaded, picture


def test_two_threads_that_read_a_models_graph_get_the_same_one_and_never_wait_for_each_other() -> None:
    model = loaded(Linear(), classes=3)
    graphs: list[Graph] = []

    def inside_the_lock() -> None:
        with model.lock:
            time.sleep(0.2)
            graphs.append(model.graph)

    threads = [Thread(target=inside_the_lock, daemon=True)]
    threads += [Thread(target=lambda: graphs.append(model.graph), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join(10)
    assert len(graphs) == 3
    assert len(set(map(id, graphs))) == 1


def test_the_bytes_of_a_trace_can_be_counted_while_it_is_asked() -> None:
    model = loaded(Linear(), classes=3)
    trace, done = Trace(model, picture()), Event()
    names = [layer.name for layer in model.layers()]
    failures: list[RuntimeError | KeyError] = []

    def ask() -> None:
        try:
            for count in range(400):
                trace.gradient(ClassLogit(count % 3), *names)
                trace._gradients.pop((ClassLogit(count % 2), names[0]), None)
        finally:
            done.set()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        asking = Thread(target=ask)
        asking.start()
        while not done.is_set():
            try:
                assert trace.nbytes > 0
            except (RuntimeError, KeyError) as error:
                failures.append(error)
        asking.join()
    finally:
        sys.setswitchinterval(before)
    if failures:
        pytest.fail(f"{len(failures)} times: {failures[0]!r}")
