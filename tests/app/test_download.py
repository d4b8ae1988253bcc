"""Weights that are not on the machine: asked for by a button, fetched with progress from a local server, checked."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import models
from dashboard import cache
from models import registry

Open = Callable[..., AppTest]
KEY = "squeezenet1_1"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[models.WeightsVersion]:
    """Live random weights under torchvision's file name, on a server of our own, with their true checksum."""
    card = models.CARDS[KEY]
    folder = tmp_path / "server"
    folder.mkdir()
    file = folder / card.weights[0].file
    torch.save(models.load(KEY, weights="random", device="cpu").network.state_dict(), file)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    url = f"http://127.0.0.1:{server.server_port}/{file.name}"
    version = dataclasses.replace(card.weights[0], url=url, sha256=checksum, bytes=file.stat().st_size)
    monkeypatch.setitem(registry._cards._cards, KEY, dataclasses.replace(card, weights=(version,)))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    cache.shelf.clear()
    yield version
    cache.shelf.clear()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_is_asked_for_then_fetched_and_used(
    served: models.WeightsVersion, open_app: Open, tmp_path: Path
) -> None:
    app = open_app(model=KEY)
    assert app.title[0].value == "SqueezeNet 1.1"
    assert any("needs a download" in str(text.value) for text in (*app.caption, *app.markdown))
    assert not (tmp_path / "hub").exists()
    app.button(key="download").click().run()
    assert not app.exception
    assert app.title[0].value.startswith("Why did the model say *")
    assert [path.name for path in (tmp_path / "hub" / "checkpoints").iterdir()] == [served.file]


def test_a_download_that_fails_is_a_sentence_with_the_files_name(
    served: models.WeightsVersion, open_app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = dataclasses.replace(served, sha256="00000000")
    card = dataclasses.replace(models.CARDS[KEY], weights=(broken,))
    monkeypatch.setitem(registry._cards._cards, KEY, card)
    app = open_app(model=KEY)
    app.button(key="download").click().run()
    said = " ".join(str(text.value) for text in (*app.text, *app.markdown, *app.error))
    assert "wrong checksum" in said and served.file in said
    assert str(tmp_path) not in said and not app.exception
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())
    assert app.button(key="download").label == "Try again"
    app.button(key="look_untrained").click().run()
    assert "random numbers" in app.warning[0].value and not app.exception
