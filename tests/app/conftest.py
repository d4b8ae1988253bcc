"""Runs the app without a browser, with a few answers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No warming in the background, no weights of whoever runs the tests, errors in full."""
    monkeypatch.setenv("CONVLENS_WARM", "0")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("CONVLENS_WEIGHTS", raising=False)
    before = streamlit.get_option("client.showErrorDetails")
    streamlit.config.set_option("client.showErrorDetails", "full")
    yield
    streamlit.config.set_option("client.showErrorDetails", before)


@pytest.fixture
def open_app() -> Callable[..., AppTest]:
    """Open the page with values in its address and run it once."""

    def opened(**query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for name, value in query.items():
            app.query_params[name.replace("_", "-") if name.startswith("occlusion") else name] = value
        return app.run()

    return opened


@pytest.fixture
def open_view() -> Callable[..., AppTest]:
    """Open one page alone, by the name of its module, with values in its address and run it once."""

    def opened(view: str, **query: str) -> AppTest:
        app = AppTest.from_string(f"from dashboard.views import {view}\n{view}.page()\n", default_timeout=120)
        for name, value in query.items():
            app.query_params[name.replace("_", "-")] = value
        return app.run()

    return opened
