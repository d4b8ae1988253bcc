"""A server of our own and a Chromium whose every request and console line is watched."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name but this machine's own address leads anywhere, so that a request to elsewhere is seen and goes nowhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
LONG = 90_000
Scheme = Literal["light", "dark"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    """What all windows share, above all the cache: without it each would read five megabytes of scripts anew."""
    context = chromium.new_context()
    yield context
    context.close()


@dataclass(frozen=True)
class Server:
    """A running dashboard: its address, its log, its process."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("server")) as running:
        yield running


@contextmanager
def served(folder: Path, **own: str) -> Iterator[Server]:
    """Start a dashboard that keeps what it writes in `folder`; `own`: settings of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.txt"
    # An empty cache: what the tests see must not depend on what somebody downloaded or ran.
    settings = os.environ | {"TORCH_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    settings |= {"OMP_NUM_THREADS": "1", "CONVLENS_DEVICE": "cpu"}
    for name in ("CONVLENS_WEIGHTS", "CONVLENS_DATA", "CONVLENS_NETWORK"):
        settings.pop(name, None)
    settings |= own
    command = [sys.executable, "-m", "dashboard.cli", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=out, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, log)
        yield Server(url, log, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            # Work that is under way ends first; on a busy machine that may take longer.
            process.kill()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError(f"The dashboard did not start: {log.read_text()[-2000:]}")


class Screen:
    """One browser window on the dashboard, which remembers what it must not have seen."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server
        self.left_the_machine: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(LONG)
        page.on("request", self._seen)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _seen(self, request: Request) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self.left_the_machine.append(request.url)

    def _console(self, message: ConsoleMessage) -> None:
        # Streamlit asks for these first under the page's own address, before it finds where the server is.
        path = r"/(attack|compare|layers|mistakes|learn)/_stcore/(health|host-config)$"
        url = message.location.get("url", "")
        if message.type == "error" and not re.search(path, url):
            self.complaints.append(f"{message.text} ({url})")

    def open(self, query: str = "", *, settled: bool = True) -> None:
        """Open the page and, unless told otherwise, wait until it stands."""
        self.page.goto(f"{self.server.url}/{query}")
        if settled:
            self.settle()

    def settle(self) -> None:
        """Wait until the script has run to its end, twice in a row."""
        idle = '[data-testid="stApp"][data-test-script-state="notRunning"]'
        for _ in range(2):
            self.page.wait_for_timeout(300)
            self.page.wait_for_selector(idle)
        self.page.evaluate("document.fonts.ready")
        # What the script sent last is drawn with the next frame.
        self.page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")

    def unfold(self, name: str) -> None:
        """Open an expander and wait until it has unfolded."""
        self.page.locator(".stExpander", has_text=name).locator("summary").click()
        self.page.wait_for_timeout(600)

    def answered(self) -> str:
        """Wait for a finished explanation and return what tells it from others."""
        self.settle()
        self.page.wait_for_selector(".lens[data-ready]")
        return str(self.page.locator(".lens").get_attribute("data-ready"))

    @property
    def headline(self) -> str:
        """The question at the top of the page."""
        return self.page.locator("h1").inner_text()


@pytest.fixture
def screen(profile: BrowserContext, server: Server, request: pytest.FixtureRequest) -> Iterator[Screen]:
    """A window 1440 pixels wide; parametrize `screen` indirectly with (width, height, colour scheme)."""
    with looking(profile, server, *getattr(request, "param", ())) as window:
        yield window


@contextmanager
def looking(
    profile: BrowserContext, server: Server, width: int = 1440, height: int = 900, scheme: Scheme = "light"
) -> Iterator[Screen]:
    """Open a window, and see in the end that nothing left the machine and nobody complained."""
    page = profile.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    window = Screen(page, server)
    try:
        yield window
    finally:
        if not page.is_closed():
            page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        for other in profile.pages:
            other.close()
        profile.clear_cookies()
    assert window.left_the_machine == []
    assert window.complaints == []
