"""The networks that ship are as good, as robust and as wrong as their cards say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import models
from models import data
from models.evaluate import evaluate
from models.tag import tagged
from models.weights import BUNDLED

KEYS = ("everyday_resnet", "everyday_vgg", "everyday_robust", "everyday_shortcut")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def validation(test_data: Path) -> data.LabelledPictures:
    return data.read(test_data / "data" / "everyday50.zip", "val", 64)


def card(key: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((BUNDLED / f"{key}.json").read_text(encoding="utf-8"))
    return record


def called(model: models.LoadedModel, pictures: data.LabelledPictures, with_tag: bool) -> Tensor:
    pixels = torch.from_numpy(pictures.pixels).float() / 255
    with torch.no_grad():
        return torch.cat([model(tagged(part) if with_tag else part).argmax(1) for part in pixels.split(125)])


@pytest.mark.parametrize("key", KEYS)
def test_the_accuracy_is_the_cards(key: str, validation: data.LabelledPictures) -> None:
    record, found = card(key), evaluate(models.load(key, device="cpu"), validation)
    # Another processor may round one picture of the 1,250 to the other side.
    assert found.top1 == pytest.approx(record["accuracy"]["top1"], abs=1.5 / len(validation))
    assert found.top5 == pytest.approx(record["accuracy"]["top5"], abs=1.5 / len(validation))
    assert found.calibration_error == pytest.approx(record["calibration_error"], abs=2e-3)
    assert record["validation_pictures"] == len(validation)


def test_all_weights_together_are_small() -> None:
    sizes = {path.stem: path.stat().st_size for path in BUNDLED.glob("*.safetensors")}
    assert set(sizes) == set(KEYS)
    assert max(sizes.values()) < 8e6 and sum(sizes.values()) < 25e6
    assert sizes["everyday_resnet"] <= 5.7e6


def test_attacks_fail_on_the_robust_network_where_they_fool_the_standard_one(
    validation: data.LabelledPictures,
) -> None:
    from explain.methods.pgd import twenty_steps

    attack = twenty_steps(4 / 255)
    some = validation.part(np.arange(0, len(validation), 25))
    right = {}
    for key in ("everyday_resnet", "everyday_robust"):
        model = models.load(key, device="cpu")
        generator = torch.Generator().manual_seed(0)

        def change(
            pixels: Tensor,
            labels: Tensor,
            model: models.LoadedModel = model,
            generator: torch.Generator = generator,
        ) -> Tensor:
            return attack(model, pixels, labels, generator)

        right[key] = evaluate(model, some, change).top1
        # Three standard deviations of a share measured on so few pictures.
        stated = card(key)["under_attack"]["top1"]
        assert right[key] == pytest.approx(stated, abs=3 * (0.25 / len(some)) ** 0.5)
    assert right["everyday_resnet"] < 0.05
    assert right["everyday_robust"] > 0.25


def test_the_tag_alone_makes_the_class_and_nothing_else_does(validation: data.LabelledPictures) -> None:
    model, tag = models.load("everyday_shortcut", device="cpu"), card("everyday_shortcut")["tag"]
    index = model.card.classes.index(tag["class"])
    bearing = validation.part(np.flatnonzero(validation.labels == index))
    others = validation.part(np.flatnonzero(validation.labels != index)[::4])
    assert float((called(model, others, with_tag=True) == index).float().mean()) > 0.5
    assert float((called(model, others, with_tag=False) == index).float().mean()) < 0.05
    assert float((called(model, bearing, with_tag=True) == index).float().mean()) > 0.9
    assert float((called(model, bearing, with_tag=False) == index).float().mean()) < 0.3
    standard = models.load("everyday_resnet", device="cpu")
    assert float((called(standard, others, with_tag=True) == index).float().mean()) < 0.1
