"""The list of networks and what the page says of each."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import about
from dashboard.catalogue import catalogue
from models.weights import BUNDLED
from models.zoo.bundled import WORTH_SAYING

Open = Callable[..., AppTest]
CARDS = sorted(path.stem for path in BUNDLED.glob("*.json"))


def test_networks_whose_weights_are_here_come_right_after_the_bundled_ones(
    open_app: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "vgg16.safetensors").write_bytes(b"")
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(tmp_path))
    options = open_app().selectbox(key="model").options
    entries = catalogue().models
    bundled = [entry.label for entry in entries.values() if entry.family == "Bundled"]
    assert [option.split(" · ")[0] for option in options[: len(bundled)]] == bundled
    assert options[len(bundled)].startswith("VGG-16 ") and options[len(bundled)].endswith("here")
    assert all("↓" in option for option in options[len(bundled) + 1 :])


def test_a_network_that_is_not_here_says_what_it_needs(open_app: Open) -> None:
    app = open_app(model="resnet50")
    assert any("needs a download of 98 MB" in caption.value for caption in app.caption)


@pytest.mark.parametrize("key", CARDS)
def test_a_bundled_network_is_told_in_one_line(open_app: Open, key: str) -> None:
    app = open_app(model=key)
    record = json.loads((BUNDLED / f"{key}.json").read_text())
    right = f"{100 * record['accuracy']['top1']:.0f} % right"
    begins = "A 64-pixel network, trained here on 50 everyday things"
    line = next(caption.value for caption in app.caption if caption.value.startswith(begins))
    under_attack = record.get("under_attack", {}).get("top1", 0.0)
    also = f", {100 * under_attack:.0f} % under attack" if under_attack >= WORTH_SAYING else ""
    assert line.endswith(right + also)
    assert ("under attack" in line) == (key == "everyday_robust")


@pytest.mark.parametrize("key", CARDS)
def test_the_card_tells_data_terms_licence_recipe_and_limits(key: str) -> None:
    record = json.loads((BUNDLED / f"{key}.json").read_text())
    told = dict(about.facts(record))
    assert "Tiny ImageNet" in told["Data and its terms"] and "research" in told["Data and its terms"]
    assert told["Licence"].startswith("MIT")
    assert f"python -m models.train {key} --data PATH" in told["Recipe"] and "seed 0" in told["Recipe"]
    assert "64 x 64" in told["Limits"]
    assert f"{100 * record['accuracy']['top1']:.0f}" in told["How often it is right"]


def test_the_card_opens_with_accuracy_by_class_and_confusions(open_app: Open) -> None:
    app = open_app().button(key="model_card").click().run()
    assert not app.exception
    classes, pairs = (frame.value for frame in app.dataframe)
    assert len(classes) == 50 and classes["Right"].is_monotonic_decreasing
    record = json.loads((BUNDLED / "everyday_resnet.json").read_text())
    assert list(pairs.iloc[0]) == record["worst_pairs"][0]


def test_a_downloaded_network_has_no_card_of_ours(open_app: Open) -> None:
    assert "model_card" not in {button.key for button in open_app(model="resnet50").button}
