"""How long a reader of the Learn page waits: `python -m benchmarks.learn`.

Starts the app and drives it in Chromium, with a warm server: how long each demonstration takes from a click on its card
until its last line stands and no part is a grey placeholder any more, by the browser's own clock; and from opening its
address in a new browser, where most of the time is Streamlit's own start (the overview, which computes nothing, is
opened beside them). Then, in this process, the training of the default settings
until 95 % of the validation pictures are named right, and to its end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from playwright.sync_api import Page

from benchmarks.first_screen import said, served
from dashboard.learn.demonstrations import demonstrations

GOAL = 0.95
CARDS = "nav.cards a"
END = ".st-key-present-begin button"
#: Clicks a card, and answers with the milliseconds until the page behind it stands, without the driver's polling.
CLICK = """(card, end) => new Promise((done) => {
  const began = performance.now();
  const watch = new MutationObserver(() => {
    if (!document.querySelector(end) || document.querySelector('[data-testid="stSkeleton"]')) return;
    watch.disconnect();
    requestAnimationFrame(() => done(performance.now() - began));
  });
  watch.observe(document.body, { childList: true, subtree: true });
  card.click();
})"""


def opened(page: Page, address: str, last: str) -> float:
    """Seconds from opening an address until the page is drawn to its last part, a selector."""
    began = time.perf_counter()
    page.goto(address)
    return _drawn(page, last, began)


def clicked(page: Page, address: str, key: str) -> float:
    """Seconds from a click on the card of a demonstration until it is drawn to its end, as the browser measures."""
    opened(page, f"{address}learn", CARDS)
    return float(page.locator(f'nav.cards a[href$="demo={key}"]').evaluate(CLICK, END)) / 1000


def _drawn(page: Page, last: str, began: float) -> float:
    page.wait_for_selector(last)
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

        def measured(name: str, seconds: Callable[[Page], float]) -> None:
            found = []
            for _ in range(rounds + 1):
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                found.append(seconds(page))
                page.close()
            print(said(name, found[1:]), f"first {found[0]:.2f} s", flush=True)

        measured("overview, opened", lambda page: opened(page, f"{address}learn", CARDS))
        for key in demonstrations():
            measured(f"{key}, opened", lambda page, key=key: opened(page, f"{address}learn?demo={key}", END))
            measured(f"{key}, clicked", lambda page, key=key: clicked(page, address, key))
    trained(0)
    both = [trained(seed) for seed in range(rounds)]
    print(said(f"training to {GOAL:.0%}", [one for one, _ in both]))
    print(said("training to its end", [one for _, one in both]))


if __name__ == "__main__":
    main()
