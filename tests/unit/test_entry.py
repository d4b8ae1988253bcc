"""A network of somebody's own program, named when the server is started."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import torch

import explain
from dashboard.commands import serving
from models import CARDS, LoadedModel, ModelError, PictureError, PixelSpace, entry, own
from toy import picture

Write = Callable[[str, str], None]
NETWORK = """
    from torch import nn

    def make():
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module below the folder in which the program was started; forget all of them afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def written(module: str, text: str) -> None:
        path = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        importlib.invalidate_caches()

    yield written
    for name in [name for name in sys.modules if name.split(".")[0] in ("shop", "market")]:
        del sys.modules[name]


def load(spec: str) -> LoadedModel:
    return entry.load(spec, device="cpu")


def test_a_factory_gives_a_network(write: Write) -> None:
    write("shop.networks", NETWORK)
    model = load("shop.networks:make")
    assert (model.card.key, model.card.label) == ("network", "shop.networks:make")
    assert model.card.classes == ("class 0", "class 1", "class 2", "class 3")
    assert model.card.pixels == CARDS["alexnet"].pixels
    assert "does not say how it wants its pictures" in model.weights.note
    assert not any(parameter.requires_grad for parameter in model.network.parameters())
    assert explain.run(model, picture(32), explain.GradCAM(), 1).values.shape == (32, 32)


def test_a_factory_may_name_its_classes_and_its_pixels(write: Write) -> None:
    write(
        "shop",
        NETWORK
        + """
    def named():
        from models import PixelSpace
        return make(), ["a", "b", "c", "d"], PixelSpace(24, 28, (0.5,) * 3, (0.25,) * 3)
    """,
    )
    model = load("shop:named")
    assert model.card.classes == ("a", "b", "c", "d")
    assert model.card.pixels == PixelSpace(24, 28, (0.5,) * 3, (0.25,) * 3)
    assert model.weights.note == ""


def test_a_network_itself_may_be_named_and_stays_as_it_is_beside_its_untrained_twin(write: Write) -> None:
    write("shop", NETWORK + "\n    class Held:\n        network = make()\n")
    model = load("shop:Held.network")
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    random = own.untrained(model)
    assert not torch.equal(random(picture(32)), model(picture(32)))
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_the_identity_changes_with_the_weights(write: Write) -> None:
    write("shop", NETWORK + "\n    network = make()\n    other = make()\n")
    assert load("shop:network").weights.identity == load("shop:network").weights.identity
    assert load("shop:network").weights.identity != load("shop:other").weights.identity


@pytest.mark.parametrize("spec", ["", "shop", "shop:", ":make", "shop.py:make", "../shop:make", "shop:make()", "a b:c"])
def test_what_names_no_entry_point_is_refused(spec: str) -> None:
    with pytest.raises(ModelError, match=r"names no entry point\. Wanted: package\.module:factory"):
        load(spec)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("make = 5", r"must give a torch\.nn\.Module.*it gave int"),
        ("def make(): return 5, None, None", r"it gave \(int, NoneType, NoneType\)"),
        ("def make(size): pass", "gave no network: it raised TypeError"),
        ("def make(): open('/etc/secret/none')", "gave no network: it raised FileNotFoundError"),
        ("import not_there", "gave no network: it needs 'not_there', which is not there"),
        ("def make(: pass", "gave no network: it raised SyntaxError"),
        ("other = 5", "gave no network: it raised AttributeError"),
        (NETWORK + "\n    old, make = make, lambda: (old(), 'abcd', None)", "it gave .Sequential, str, NoneType"),
        (NETWORK + "\n    old, make = make, lambda: (old(), ['a'], None)", "1 class names were given, but .* tells 4"),
        (NETWORK + "\n    old, make = make, lambda: old()[:2]", r"it gives shape \(1, 8, 222, 222\)"),
        (NETWORK + "\n    old, make = make, lambda: old()[3:]", "cannot be run on a picture of 224 x 224 pixels"),
    ],
)
def test_what_goes_wrong_in_there_is_one_sentence(write: Write, text: str, reason: str) -> None:
    write("shop", text)
    with pytest.raises(ModelError, match=reason) as refused:
        load("shop:make")
    assert "secret" not in str(refused.value) and os.getcwd() not in str(refused.value)


def test_a_package_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="no package or module named 'not_there_at_all'"):
        load("not_there_at_all.networks:make")


@pytest.mark.parametrize("name", entry.OURS)
def test_a_package_with_one_of_our_names_is_refused(write: Write, name: str) -> None:
    write(f"{name}.networks", NETWORK)
    with pytest.raises(ModelError, match=f"a package named '{name}', but here that name stands for ConvLens's own"):
        load(f"{name}.networks:make")


@pytest.mark.parametrize(
    "line",
    ["import models.parts", "from models import parts", "def later():\n        from models.parts import something"],
)
def test_whatever_of_theirs_imports_a_package_with_one_of_our_names_is_refused_before_it_runs(
    write: Write, line: str
) -> None:
    write("models.parts", "something = 5")
    write("shop.networks", f"from shop.deep import parts\n{dedent(NETWORK)}\nopen('ran', 'w').close()")
    write("shop.deep", "from . import parts")
    write("shop.parts", f"if True:\n    {line}\n")
    with pytest.raises(ModelError, match=r"'shop\.parts' imports a package of yours named 'models', but here"):
        load("shop.networks:make")
    assert not Path("ran").exists()


def test_a_package_with_one_of_our_names_that_nothing_imports_does_not_matter(write: Write) -> None:
    write("models.parts", "something = 5")
    write("shop.networks", NETWORK)
    assert load("shop.networks:make").card.label == "shop.networks:make"


def test_a_part_of_ours_that_does_not_exist_is_told_as_a_matter_of_names(write: Write) -> None:
    write("shop", "import importlib\nimportlib.import_module('models.backbone')")
    with pytest.raises(ModelError, match=r"'shop' imports 'models\.backbone', but here that name stands for"):
        load("shop:make")


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    for setting in (serving.NETWORK_SETTING, serving.DATA_SETTING):
        monkeypatch.setenv(setting, "")
    made = argparse.ArgumentParser()
    serving.serving(made)
    return made


def test_the_flags_reach_the_server(write: Write, parser: argparse.ArgumentParser, tmp_path: Path) -> None:
    write("market", NETWORK)
    assert (serving.network(), serving.data()) == (None, None)
    serving.hand_over(parser.parse_args([]))
    assert (serving.network(), serving.data()) == (None, None)
    serving.hand_over(parser.parse_args(["--network", "market:make", "--data", "."]))
    assert (serving.network(), serving.data()) == ("market:make", tmp_path)
    assert entry.shared("market:make") is entry.shared("market:make")


@pytest.mark.parametrize(
    ("flags", "error"),
    [(["--network", "not_there_at_all:make"], ModelError), (["--data", "not/there"], PictureError)],
)
def test_flags_of_no_use_are_refused_before_the_page_is_served(
    parser: argparse.ArgumentParser, flags: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        serving.hand_over(parser.parse_args(flags))
    assert (serving.network(), serving.data()) == (None, None)
