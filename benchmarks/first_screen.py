"""How long a person waits for the first explanation and for another class: `python -m benchmarks.first_screen`.

Starts the app on a free port and drives it in Chromium. Each round opens the page anew (warm server, cold
browser cache), notes when the lens shows its map, then picks the second of the top five and notes when
the headline and the lens follow. Prints minimum, median and maximum.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


def first(page: Page, address: str) -> float:
    """Seconds from opening the page to a drawn map."""
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".lens[data-ready]")
    return time.perf_counter() - began


def another_class(page: Page) -> float:
    """Seconds from picking the second class to its map."""
    ready = page.get_attribute(".lens[data-ready]", "data-ready")
    option = page.locator(".st-key-top button, .st-key-top [role=radio]").nth(1)
    began = time.perf_counter()
    option.click()
    page.wait_for_selector(f".lens[data-ready]:not([data-ready='{ready}'])")
    return time.perf_counter() - began


@contextmanager
def served() -> Iterator[tuple[str, Browser]]:
    """Start the app and a browser: the app's address, and the browser."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "dashboard.cli", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(address):
            time.sleep(0.2)
        with sync_playwright() as play:
            yield address, play.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
    finally:
        server.terminate()
        server.wait()


def said(name: str, seconds: list[float]) -> str:
    """Write a line with the median, the smallest and the largest."""
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}, {len(seconds)} rounds"
    return f"{name}: {statistics.median(seconds):.2f} s ({spread})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_screen", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    found: dict[str, list[float]] = {"page opened to finished explanation": [], "another class": []}
    with served() as (address, browser):
        for place in range(rounds + 1):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            opened = first(page, address)
            if place == 0:
                time.sleep(15)  # the network is made ready in the background
            changed = another_class(page)
            page.close()
            if place:
                found["page opened to finished explanation"].append(opened)
                found["another class"].append(changed)
    for name, seconds in found.items():
        print(said(name, seconds))


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main()
