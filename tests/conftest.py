"""What all tests share: the device, the test data outside the repository, and one line for each reason to skip."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="where the networks run: cpu (the default), cuda or mps")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--device") != "cpu":
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a GPU: run it with --device cuda"))


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    """Let what torch draws in a test be the same in every run; tests that never import it go without."""
    if "torch" not in sys.modules:
        yield
        return
    import torch

    with torch.random.fork_rng():
        torch.random.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The device named on the command line."""
    return str(request.config.getoption("--device"))


@pytest.fixture(scope="session")
def test_data(request: pytest.FixtureRequest) -> Path:
    """The folder of test data: the setting CONVLENS_TEST_DATA, else ../shared."""
    folder = Path(os.environ.get("CONVLENS_TEST_DATA") or request.config.rootpath.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip("CONVLENS_TEST_DATA is not there")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each reason how many tests were skipped for it."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")
