"""Handing over a network of one's own: declared, shown, used on the page, and in no other session."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from streamlit.testing.v1 import AppTest

from dashboard import own, sidebar
from dashboard.catalogue import as_shipped, catalogue
from dashboard.commands import serving
from models.zoo.bundled import Everyday

Open = Callable[..., AppTest]
NAME = "everyday_resnet-mine.safetensors"
NAMES = ("cup", "bowl", "<b>*plate*</b>", "fork", "knife")


@pytest.fixture(scope="module")
def weights() -> bytes:
    network = Everyday("everyday_resnet", len(NAMES))()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.1, generator=generator)
    return save(dict(network.state_dict()), {"classes": json.dumps(NAMES)})


def upload(app: AppTest, content: bytes, name: str = NAME) -> AppTest:
    return app.file_uploader(key="own_file").upload(name, content, "application/octet-stream").run()


def handed_over(app: AppTest, content: bytes) -> AppTest:
    return upload(app, content).button(key="own_use").click().run()


def captions(app: AppTest) -> str:
    return "\n".join(str(caption.value) for caption in app.caption)


def said(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.text)


def model_in_address(app: AppTest) -> str:
    found = app.query_params.get("model", "")
    return found[0] if isinstance(found, list) else found


def test_a_network_of_ones_own_is_declared_shown_and_explained(open_app: Open, weights: bytes) -> None:
    app = upload(open_app(), weights)
    assert not app.exception
    assert app.selectbox(key=f"own_architecture:{NAME}").value == "everyday_resnet"
    assert "Shorter side resized to 64" in captions(app)
    app.text_input(key="own_mean:everyday_resnet").set_value("0.1, 0.2, 0.3")
    app.number_input(key="own_resize:everyday_resnet").set_value(80).run()
    app.button(key="own_use").click().run()
    assert not app.exception
    assert model_in_address(app).startswith("own-")
    assert app.selectbox(key="model").value == model_in_address(app)
    assert app.selectbox(key="model").options[0].startswith(NAME)
    assert "resized to 80 " in captions(app) and "less 0\\.1\\, 0\\.2\\, 0\\.3" in captions(app)
    assert set(app.selectbox(key="class").options) == set(NAMES)
    assert any(name in app.title[0].value.replace("\\", "") for name in NAMES)
    app.toggle(key="untrained").set_value(True).run()
    assert not app.exception


def test_another_session_never_has_it(open_app: Open, weights: bytes) -> None:
    first = handed_over(open_app(), weights)
    key = model_in_address(first)
    second = open_app(model=key)
    assert not second.exception
    assert "which never left that machine" in said(second)
    assert model_in_address(second) == ""
    assert not [option for option in second.selectbox(key="model").options if NAME in option]
    assert key not in catalogue().models and own.find(key) is None


def test_forgotten_it_is_gone_and_the_page_shows_the_default(open_app: Open, weights: bytes) -> None:
    app = handed_over(open_app(), weights).button(key="own_forget").click().run()
    assert not app.exception
    assert model_in_address(app) == ""
    assert app.selectbox(key="model").value == next(iter(as_shipped().models))
    assert "own_forget" not in {button.key for button in app.button}


def test_a_pickled_file_is_refused_with_the_lines_that_convert_it(open_app: Open) -> None:
    buffer = io.BytesIO()
    torch.save({"fc.weight": torch.zeros(2)}, buffer)
    before = open_app()
    app = upload(before, buffer.getvalue(), "net.pth")
    assert "'net.pth' is of a kind that may run code when it is read" in said(app)
    assert "convlens convert net.pth" in said(app) and "weights_only=True" in said(app)
    assert app.title[0].value == before.title[0].value
    app = upload(app, buffer.getvalue(), "net.safetensors")
    assert "may run code when it is read" in said(app)


def test_weights_that_do_not_fit_leave_everything_as_it_was(open_app: Open, weights: bytes) -> None:
    app = upload(open_app(), weights)
    app.selectbox(key=f"own_architecture:{NAME}").set_value("everyday_vgg").run()
    app.button(key="own_use").click().run()
    assert not app.exception
    assert "does not fit Everyday VGG: it lacks" in said(app)
    assert model_in_address(app) == ""


def test_names_from_a_file_go_before_those_noted_in_the_weights(open_app: Open, weights: bytes) -> None:
    app = upload(open_app(), weights)
    app.file_uploader(key="own_classes").upload("names.txt", b"a\nb\nc\n", "text/plain").run()
    app.button(key="own_use").click().run()
    assert "3 class names were given, but" in said(app) and "tells 5 apart" in said(app)
    app.file_uploader(key="own_classes").upload("names.txt", b"a\nb\nc\nd\ne\n", "text/plain").run()
    app.button(key="own_use").click().run()
    assert set(app.selectbox(key="class").options) == set("abcde")


def test_figures_that_are_none_are_refused_in_a_sentence(open_app: Open, weights: bytes) -> None:
    app = upload(open_app(), weights)
    app.text_input(key="own_std:everyday_resnet").set_value("1, 2").run()
    assert "Wanted three numbers as standard deviation, not '1, 2'" in said(app)
    app.text_input(key="own_std:everyday_resnet").set_value("1, 0, 1").run()
    assert "standard deviations, and these above zero" in said(app)
    assert not app.exception


def test_the_exported_lines_load_the_same_network_again(
    open_app: Open, weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = handed_over(open_app(), weights)
    held = app.session_state[own.HELD]
    (tmp_path / NAME).write_bytes(weights)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(held.python, names)
    assert names["model"].weights == held.model.weights  # type: ignore[attr-defined]


def test_the_network_of_the_server_is_there_for_everyone(
    open_app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_of_the_server.py").write_text(
        "from models import PixelSpace\nfrom models.zoo.bundled import Everyday\n"
        "def make():\n    return Everyday('everyday_vgg', 3)(), ['x', 'y', 'z'], "
        "PixelSpace(64, 64, (0.5,) * 3, (0.5,) * 3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(serving.NETWORK_SETTING, "shop_of_the_server:make")
    app = open_app(model="network")
    assert not app.exception
    assert app.selectbox(key="model").value == "network"
    assert set(app.selectbox(key="class").options) == {"x", "y", "z"}
    assert "network" in catalogue().models
    del sys.modules["shop_of_the_server"]


def test_without_a_network_of_ones_own_the_catalogue_is_as_shipped() -> None:
    assert catalogue() is as_shipped()
    assert sidebar.FIRST[own.FAMILY] < sidebar.FIRST[next(iter(as_shipped().models.values())).family]
