"""The small networks that ConvLens ships: trained with `models/train.py`, their cards beside their weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import weights
from models.card import Accuracy, ModelCard, WeightsVersion
from models.errors import ModelError
from models.everyday import ARCHITECTURES
from models.pixels import PixelSpace

if TYPE_CHECKING:
    from torch import nn

VERSION = "BUNDLED"
LABELS = {
    "everyday_resnet": "Everyday ResNet",
    "everyday_vgg": "Everyday VGG",
    "everyday_robust": "Everyday ResNet, robust",
    "everyday_shortcut": "Everyday ResNet, shortcut",
}
#: What is special about each, in the line that the page shows.
SPECIAL = {
    "everyday_vgg": "plain convolutions without skips",
    "everyday_robust": "withstands attacks",
    "everyday_shortcut": "right for the wrong reason",
}
#: Right this often under attack, a network's line says so.
WORTH_SAYING = 0.1
#: The layer that class activation maps start with: the last block, 8 x 8.
LAST_BLOCKS = {
    "everyday_resnet": "layer3",
    "everyday_vgg": "features.23",
    "everyday_robust": "layer3",
    "everyday_shortcut": "layer3",
}


@dataclass(frozen=True)
class Everyday:
    """Builds one of the bundled architectures when called."""

    architecture: str
    classes: int

    def __call__(self) -> nn.Module:
        """Build the network, untrained."""
        return ARCHITECTURES[self.architecture](self.classes)


def cards() -> Iterator[ModelCard]:
    """List the networks whose weights and card are both in assets/weights."""
    known = list(LABELS)
    found = {path.stem: path for path in weights.BUNDLED.glob("*.json") if path.with_suffix(".safetensors").exists()}
    for key in sorted(found, key=lambda key: (known.index(key) if key in known else len(known), key)):
        yield _card(found[key])


def _card(path: Path) -> ModelCard:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        key, architecture = record["key"], record["architecture"]
        classes = tuple(str(name) for name in record["classes"])
        pixels = PixelSpace(
            side=int(record["pixels"]["side"]),
            resize=int(record["pixels"]["resize"]),
            mean=tuple(record["pixels"]["mean"]),
            std=tuple(record["pixels"]["std"]),
        )
        accuracy = Accuracy(record["accuracy"]["top1"], record["accuracy"]["top5"])
        parameters = int(record["parameters"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The card {path.name!r} is damaged.", "Write it anew with: python -m models.train") from error
    if architecture not in ARCHITECTURES:
        raise ModelError(f"The card {path.name!r} asks for the unknown architecture {architecture!r}.")
    file = path.with_suffix(".safetensors")
    version = WeightsVersion(
        name=VERSION,
        file=file.name,
        url="",
        sha256="",
        bytes=file.stat().st_size,
        builder=Everyday(architecture, len(classes)),
        pixels=pixels,
        classes=classes,
        accuracy=accuracy,
        licence=record.get("licence", ""),
        recipe=record.get("recipe", {}).get("command", ""),
        parameters=parameters,
        multiply_adds=record.get("multiply_adds"),
    )
    line = f"a {pixels.side}-pixel network, trained here on {len(classes)} everyday things"
    special = f", {SPECIAL[key]}" if key in SPECIAL else ""
    return ModelCard(
        key=key,
        label=LABELS.get(key, key),
        family="Bundled",
        builder=version.builder,
        pixels=pixels,
        classes=classes,
        weights=(version,),
        licence=version.licence,
        parameters=parameters,
        multiply_adds=version.multiply_adds,
        accuracy=accuracy,
        default_layer=LAST_BLOCKS.get(architecture),
        source="models/train.py",
        summary=f"{line}{special}; {100 * accuracy.top1:.0f} % right{_under_attack(record)}",
    )


def _under_attack(record: dict[str, Any]) -> str:
    """Say how often a network is still right under attack, where that is more than now and then."""
    share = record.get("under_attack", {}).get("top1", 0.0)
    return f", {100 * share:.0f} % under attack" if share >= WORTH_SAYING else ""
