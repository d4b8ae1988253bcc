"""One small run for all tests of one mistake, and a page that draws one of its cases."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import cases
from dashboard import panes
from dashboard.catalogue import catalogue
from dashboard.mistakes.place import Place
from dashboard.mistakes.source import Album
from dashboard.panes import Pane
from explain.mistakes import Filter
from explain.runs import Run, evaluate


@pytest.fixture(scope="session")
def album() -> Album:
    """The pictures that were gone over."""
    return cases.album()


@pytest.fixture(scope="session")
def run(album: Album, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What the network says of them."""
    return evaluate(cases.network(), album.sources, tmp_path_factory.mktemp("run") / "run.parquet")


@pytest.fixture
def place(run: Run, album: Album) -> Place:
    """Where the page stands."""
    return Place(catalogue().models[cases.KEY], False, run, album, Filter(), "surest", None)


@pytest.fixture
def open_case(place: Place) -> cases.Open:
    """Open a case by its name, with values in the address."""

    def opened(name: str, **query: str) -> AppTest:
        given = {"place": place, "case": cases.named(place, name)}
        app = AppTest.from_function(cases.drawn, kwargs=given, default_timeout=120)
        for key, value in query.items():
            app.query_params[key] = value
        return app.run()

    return opened


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[list[Pane]]:
    """Collect the panes that are drawn."""
    found: list[list[Pane]] = []
    real = panes.pack

    def pack(shown: list[Pane], **words: Any) -> bytes:
        found.append(shown)
        return real(shown, **words)

    monkeypatch.setattr(panes, "pack", pack)
    return found
