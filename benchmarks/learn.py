"""How long a reader of the Learn page waits: `python -m benchmarks.learn`.

Starts the app and drives it in Chromium: from opening each demonstration to its last line, with a warm server and a
cold browser cache; then, in this process, the training of the default settings until 95 % of the validation pictures
are named right, and to its end.
"""

from __future__ import annotations

import argparse
import time

from playwright.sync_api import Page

from benchmarks.first_screen import said, served
from dashboard.learn.demonstrations import demonstrations

GOAL = 0.95


def opened(page: Page, address: str) -> float:
    """Seconds from opening a demonstration until it is drawn to its end."""
    began = time.perf_counter()
    page.goto(address)
    page.get_by_role("button", name="Present to a class").wait_for()
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    return time.perf_counter() - began


def trained(seed: int) -> tuple[float, float]:
    """Seconds of training with the default settings until the goal is reached, and to the end."""
    from explain.teaching.training import Trainer
    from explain.teaching.training_record import Settings

    began, reached = time.perf_counter(), float("inf")
    trainer = Trainer(Settings(seed=seed))
    while not trainer.ended:
        trainer.epoch()
        if trainer.record.epochs[-1].validation.accuracy >= GOAL:
            reached = min(reached, time.perf_counter() - began)
    return reached, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learn", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with served() as (address, browser):
        for key in demonstrations():
            found = []
            for _ in range(rounds + 1):
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                found.append(opened(page, f"{address}learn?demo={key}"))
                page.close()
            print(said(key, found[1:]), f"first {found[0]:.2f} s", flush=True)
    trained(0)
    both = [trained(seed) for seed in range(rounds)]
    print(said(f"training to {GOAL:.0%}", [one for one, _ in both]))
    print(said("training to its end", [one for _, one in both]))


if __name__ == "__main__":
    main()
