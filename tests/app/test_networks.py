"""The list of networks and what the page says of each."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import about, known, samples, words
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
    assert all("needs a download of" in option for option in options[len(bundled) + 1 :])


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
    assert f"{100 * record['accuracy']['top1']:.1f}" in told["How often it is right"]
    assert "never trained on" in told["How often it is right"] and "seen" not in told["How often it is right"]
    assert told["Under attack"].startswith(words.percent(record["under_attack"]["top1"]))


def test_every_network_has_limits_of_its_own() -> None:
    limits = {json.loads((BUNDLED / f"{key}.json").read_text())["limits"] for key in CARDS}
    assert len(limits) == len(CARDS)


@pytest.mark.parametrize(
    ("key", "epochs", "rounds"),
    [("everyday_resnet", 144, 4), ("everyday_robust", 28, 3), ("everyday_vgg", 60, 1), ("everyday_shortcut", 10, 1)],
)
def test_the_card_tells_all_rounds_of_training_and_how_often_the_validation_pictures_were_looked_at(
    key: str, epochs: int, rounds: int
) -> None:
    record = json.loads((BUNDLED / f"{key}.json").read_text())
    told = dict(about.facts(record))
    assert told["Recipe"].startswith(f"{epochs} epochs") and told["Recipe"].count("python -m models.train") == rounds
    assert ("after each of" in told["How often it is right"]) == (rounds > 1)
    if rounds > 1:
        assert f"after each of {rounds} rounds" in told["How often it is right"]


def test_the_accuracy_that_chose_the_best_epoch_says_on_what_it_was_measured() -> None:
    told = {key: dict(about.facts(about.card_of(key) or {})) for key in CARDS}
    chose = {key: facts["On the pictures that chose it"].replace(words.UNBROKEN, " ") for key, facts in told.items()}
    assert chose["everyday_resnet"].startswith("79.9 % right of 2,500 pictures, as they are: never trained on")
    assert "of 500 pictures, attacked by explain.methods.pgd:for_training" in chose["everyday_robust"]
    assert "with the tag on every banana" in chose["everyday_shortcut"]


def test_figures_of_a_card_have_six_digits_at_most() -> None:
    for key in CARDS:
        assert not re.search(r"\d\.\d{7}", (BUNDLED / f"{key}.json").read_text())


def test_that_no_class_fits_is_said_of_networks_of_the_everyday_classes_alone() -> None:
    models = catalogue().models
    misfits = ["astronaut", "rocket", "motorcycle", "temple"]
    for model in models.values():
        groups = {sample.id: group for sample, group in known.listed(model, "chelsea")}
        headed = [name for name, group in groups.items() if group.heading == "Pictures that no class fits"]
        assert headed == (misfits if model.family == "Bundled" else [])
        assert set(groups) >= set(samples.SAMPLES) - {"tagged"}
    order = [group.heading for _, group in known.listed(models["resnet50"], "chelsea")]
    assert order == sorted(order, key=["", "Easily mistaken"].index) and len(order) == 15
    made = dict((sample.id, group) for sample, group in known.listed(models["resnet50"], "tagged"))["tagged"]
    assert made.heading == "Made for Everyday ResNet, shortcut"


def test_the_card_opens_with_accuracy_by_class_and_confusions(open_app: Open) -> None:
    app = open_app().button(key="model_card").click().run()
    assert not app.exception
    classes, pairs = (frame.value for frame in app.dataframe)
    assert len(classes) == 50 and classes["Right"].is_monotonic_decreasing
    record = json.loads((BUNDLED / "everyday_resnet.json").read_text())
    assert list(pairs.iloc[0]) == record["worst_pairs"][0]


def test_a_downloaded_network_has_no_card_of_ours(open_app: Open) -> None:
    assert "model_card" not in {button.key for button in open_app(model="resnet50").button}
