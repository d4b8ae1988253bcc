"""Every classification network of torchvision has a card made from torchvision's records."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models as library

import models
from models import CARDS, Accuracy, ModelCard, ModelError, PixelSpace, WeightsError, weights
from models.checkpoint import unfilled
from models.everyday import everyday_resnet
from models.registry import _Cards
from models.zoo import bundled
from models.zoo.torchvision import _named

ROOT = Path(models.__file__).parent.parent
KEYS = library.list_models(module=library)


def test_every_classification_network_of_torchvision_has_a_card() -> None:
    assert set(KEYS) <= set(CARDS)
    assert len(CARDS) >= 80


@pytest.mark.parametrize("key", KEYS)
def test_a_card_repeats_torchvisions_records(key: str) -> None:
    card = CARDS[key]
    records = {record.name: record for record in library.get_model_weights(key) if record.meta["categories"]}
    assert {version.name for version in card.weights} == set(records)
    for version in card.weights:
        record = records[version.name]
        preset = record.transforms()
        assert version.url == record.url
        assert version.file == record.url.split("/")[-1]
        assert f"-{version.sha256}.pth" in version.file
        assert len(version.sha256) >= 8
        assert list(version.classes) == record.meta["categories"]
        assert (version.pixels.side, version.pixels.resize) == (preset.crop_size[0], preset.resize_size[0])
        assert (list(version.pixels.mean), list(version.pixels.std)) == (preset.mean, preset.std)
        assert version.pixels.interpolation == preset.interpolation.value
        assert version.parameters == record.meta["num_params"]
        assert version.multiply_adds == pytest.approx(record.meta["_ops"] * 1e9)
        assert version.accuracy is not None
        assert 100 * version.accuracy.top1 == pytest.approx(record.meta["_metrics"]["ImageNet-1K"]["acc@1"])
        assert record.meta.get("license", record.meta["recipe"]) in version.licence


@pytest.mark.parametrize("key", KEYS)
def test_torchvisions_best_version_is_the_default_and_fills_the_card(key: str) -> None:
    card = CARDS[key]
    assert card.weights[0].name == library.get_model_weights(key).DEFAULT.name
    shares = [version.accuracy.top1 for version in card.weights[1:] if version.accuracy]
    assert shares == sorted(shares, reverse=True)
    assert card.with_version(card.weights[0]) == card


def test_all_imagenet_cards_share_one_tuple_of_names() -> None:
    assert len({id(version.classes) for key in KEYS for version in CARDS[key].weights}) == 1


@pytest.mark.parametrize("key", KEYS)
def test_the_builder_makes_the_network_of_the_record(key: str) -> None:
    card = CARDS[key]
    network = unfilled(card.builder)
    count = sum(parameter.numel() for parameter in network.parameters())
    # torchvision counts Inception's auxiliary head, which only training uses.
    assert count == card.parameters - (3_326_696 if key == "inception_v3" else 0)
    assert all(parameter.is_meta or parameter.numel() < 10**6 for parameter in network.parameters())
    assert not any(buffer.is_meta for buffer in network.buffers())
    if key.split("_")[0] in {"alexnet", "vgg11", "vgg13", "vgg16", "vgg19"}:
        assert card.default_layer is not None
        assert isinstance(network.get_submodule(card.default_layer), nn.ReLU)


@pytest.mark.parametrize("key", ["googlenet", "inception_v3"])
def test_inception_networks_turn_the_pixels_into_what_they_were_trained_with(key: str) -> None:
    # Their weights are from TensorFlow, which normalises by 0.5; torchvision's preset is ImageNet's mean.
    assert vars(CARDS[key].builder())["transform_input"] is True


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("resnet50", "ResNet-50"),
        ("vit_b_16", "ViT-B/16"),
        ("convnext_tiny", "ConvNeXt Tiny"),
        ("regnet_y_8gf", "RegNetY-8GF"),
        ("regnet_x_1_6gf", "RegNetX-1.6GF"),
        ("efficientnet_v2_s", "EfficientNetV2-S"),
        ("wide_resnet50_2", "Wide ResNet-50-2"),
        ("resnext101_32x8d", "ResNeXt-101 32x8d"),
        ("shufflenet_v2_x0_5", "ShuffleNetV2 x0.5"),
        ("vgg16_bn", "VGG-16 with batch norm"),
        ("swin_v2_t", "SwinV2-T"),
        ("googlenet", "GoogLeNet"),
    ],
)
def test_networks_have_the_names_that_people_use(key: str, label: str) -> None:
    assert CARDS[key].label == label


def test_labels_are_unique_and_no_key_is_left_without() -> None:
    labels = [CARDS[key].label for key in KEYS]
    assert len(set(labels)) == len(KEYS)
    assert not set(labels) & set(KEYS)
    assert _named("newnet_9") == ("newnet_9", "Other", None)


def test_the_line_says_name_size_accuracy_and_download() -> None:
    assert CARDS["resnet50"].line == "ResNet-50 · 25.6 M parameters · 80.9 % · 98 MB"
    assert CARDS["squeezenet1_1"].line == "SqueezeNet 1.1 · 1.2 M parameters · 58.2 % · 4.7 MB"


def test_a_licence_of_its_own_is_named() -> None:
    version = CARDS["vit_h_14"].weights[0]
    assert version.name == "IMAGENET1K_SWAG_E2E_V1"
    assert version.licence == "https://github.com/facebookresearch/SWAG/blob/main/LICENSE"
    assert version.pixels.side == 518


def test_cards_can_be_pickled_and_hashed() -> None:
    cards = tuple(CARDS[key] for key in KEYS)
    assert pickle.loads(pickle.dumps(cards)) == cards
    assert len(set(cards)) == len(cards)


def tiny(key: str) -> ModelCard:
    pixels = PixelSpace(64, 64, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    return ModelCard(key, "Tiny", "Test", everyday_resnet, pixels, tuple(f"thing {index}" for index in range(50)))


def test_a_registered_network_is_listed_and_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = _Cards()
    monkeypatch.setattr("models.registry._cards", cards)
    monkeypatch.setattr("models.registry.CARDS", cards)
    card = tiny("tiny_of_mine")
    assert models.register(card) is card
    assert cards["tiny_of_mine"] is card
    loaded = models.load("tiny_of_mine", device="cpu", weights="random")
    assert loaded(torch.zeros(2, 3, 64, 64)).shape == (2, 50)
    with pytest.raises(WeightsError, match=r"tiny_of_mine\.safetensors"):
        models.load("tiny_of_mine", device="cpu")


def test_a_key_that_is_taken_is_refused() -> None:
    with pytest.raises(ModelError, match="'resnet18' already"):
        models.register(tiny("resnet18"))
    assert CARDS["resnet18"].label == "ResNet-18"


def test_an_unknown_network_is_refused_with_names_that_are_close() -> None:
    with pytest.raises(ModelError, match="resnet50") as caught:
        models.load("resnet_50")
    assert "'resnet_50'" in caught.value.message


RECORD: dict[str, Any] = {
    "key": "everyday_resnet",
    "architecture": "everyday_resnet",
    "classes": [f"thing {index}" for index in range(50)],
    "pixels": {"side": 64, "resize": 64, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.2]},
    "parameters": 2_787_954,
    "accuracy": {"top1": 0.7816, "top5": 0.9},
    "licence": "MIT, trained on Tiny ImageNet pictures (ImageNet research terms)",
    "recipe": {"command": "python -m models.train everyday_resnet --data PATH"},
}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    network = everyday_resnet()
    halves = {
        name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()
    }
    save_file(halves, tmp_path / "everyday_resnet.safetensors", metadata={"key": "everyday_resnet"})
    (tmp_path / "everyday_resnet.json").write_text(json.dumps(RECORD))
    monkeypatch.setattr(weights, "BUNDLED", tmp_path)
    return tmp_path


def test_a_bundled_network_has_the_card_that_training_wrote(shipped: Path) -> None:
    (card,) = bundled.cards()
    assert card.line == "a 64-pixel network, trained here on 50 everyday things; 78 % right"
    assert card.classes[49] == "thing 49"
    assert card.accuracy == Accuracy(0.7816, 0.9)
    assert card.pixels == PixelSpace(64, 64, (0.4, 0.5, 0.6), (0.2, 0.3, 0.2))
    assert "ImageNet research terms" in card.licence
    assert pickle.loads(pickle.dumps(card)) == card
    assert card.parameters == sum(parameter.numel() for parameter in card.builder().parameters())


def test_bundled_networks_come_first_and_load_from_half_precision(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = _Cards()
    monkeypatch.setattr("models.registry.CARDS", cards)
    assert next(iter(cards)) == "everyday_resnet"
    loaded = models.load("everyday_resnet", device="cpu")
    assert loaded.weights.kind == "bundled"
    assert {parameter.dtype for parameter in loaded.network.parameters()} == {torch.float32}
    assert loaded(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))).shape == (1, 50)


def test_the_identity_of_bundled_weights_is_that_of_their_content(shipped: Path) -> None:
    (card,) = bundled.cards()
    before = weights.resolve(card, None).source().identity
    file = shipped / "everyday_resnet.safetensors"
    os.utime(file, (1, 1))
    assert weights.resolve(card, None).source().identity == before
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert weights.resolve(card, None).source().identity != before


def test_a_damaged_card_of_a_bundled_network_is_named(shipped: Path) -> None:
    (shipped / "everyday_resnet.json").write_text('{"key": "everyday_resnet"}')
    with pytest.raises(ModelError, match=r"everyday_resnet\.json"):
        list(bundled.cards())


def test_the_version_of_the_card_is_replaced_whole() -> None:
    card = CARDS["vit_b_16"]
    version = card.version("IMAGENET1K_SWAG_E2E_V1")
    assert version is not None
    other = card.with_version(version)
    assert (other.pixels.side, other.parameters) == (384, 86_859_496)
    assert replace(other, builder=card.builder) != other


def run(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, (*paths, ROOT)))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, check=False
    )


def test_importing_models_loads_no_torch() -> None:
    code = (
        "import sys, models; models.ModelCard, models.PixelSpace, models.CARDS, models.available, dir(models); "
        "print('torch' in sys.modules, 'torchvision' in sys.modules)"
    )
    assert run(code).stdout.split() == ["False", "False"]


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(models, name) is not None for name in models.__all__)
    assert set(models.__all__) <= set(dir(models))
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        models.nothing_of_the_kind  # noqa: B018


def test_torch_and_torchvision_that_do_not_fit_give_one_sentence(tmp_path: Path) -> None:
    fake = tmp_path / "torchvision"
    fake.mkdir()
    (fake / "__init__.py").write_text('raise RuntimeError("operator torchvision::nms does not exist")\n')
    code = (
        "import models\n"
        "for attempt in range(2):\n"
        "    try: models.load('resnet18')\n"
        "    except models.ModelError as error: print(error)\n"
    )
    lines = run(code, tmp_path).stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "do not fit each other" in line
        assert "pip install -c constraints.txt torch torchvision" in line
