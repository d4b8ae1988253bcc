"""Memory that a step gave back is there for the next one, in every thread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from models import allocator

STEPS = """
import resource, threading
import models
import torch

torch.set_num_threads(1)

def work():
    for _ in range(20):
        torch.ones(10_000_000)

def faults(target):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(work)
print(min(faults(work) for _ in range(5)))
"""


def pages_cleared(**settings: str) -> int:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", STEPS]
    told = subprocess.run(command, env=plain | settings, check=True, capture_output=True, text=True)
    return int(told.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not allocator.keep_freed_memory(), reason="only glibc is told to keep what is freed")
def test_blocks_of_one_step_serve_the_next_unless_the_user_has_set_glibc_otherwise() -> None:
    # 20 blocks of 40 MB are 195,000 pages. The least of five rounds: only what every round clears is the allocator's.
    assert pages_cleared() < 20_000
    assert pages_cleared(MALLOC_MMAP_THRESHOLD_="131072") > 150_000


def test_settings_of_the_users_own_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert not allocator.keep_freed_memory()
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not allocator.keep_freed_memory()
