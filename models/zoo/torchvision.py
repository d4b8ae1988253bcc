"""Every classification network of torchvision, its cards made from torchvision's own weights records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torchvision import models as library

from models.card import Accuracy, ModelCard, WeightsVersion
from models.pixels import PixelSpace

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models import WeightsEnum

RECORDS = "https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.{}.html"

#: (pattern of the key, label, family, layer for class activation maps); the first that fits counts.
#: {0}, {1} ... are the pattern's groups, underscores as dots; {0:U} in capitals, {0:T} with a first capital.
NAMES: tuple[tuple[str, str, str, str | None], ...] = (
    (r"alexnet", "AlexNet", "AlexNet", "features.11"),
    (r"convnext_(\w+)", "ConvNeXt {0:T}", "ConvNeXt", "features"),
    (r"densenet(\d+)", "DenseNet-{0}", "DenseNet", "relu"),
    (r"efficientnet_(b\d)", "EfficientNet-{0:U}", "EfficientNet", "features"),
    (r"efficientnet_v2_(\w)", "EfficientNetV2-{0:U}", "EfficientNet", "features"),
    (r"googlenet", "GoogLeNet", "Inception", "inception5b"),
    (r"inception_v3", "Inception v3", "Inception", "Mixed_7c"),
    (r"maxvit_(\w)", "MaxViT-{0:U}", "Vision transformer", "blocks.3"),
    (r"mnasnet(\d_\d+)", "MNASNet {0}", "MNASNet", "layers"),
    (r"mobilenet_v2", "MobileNetV2", "MobileNet", "features"),
    (r"mobilenet_v3_(\w+)", "MobileNetV3 {0:T}", "MobileNet", "features"),
    (r"regnet_([xy])_(\w+)", "RegNet{0:U}-{1:U}", "RegNet", "trunk_output"),
    (r"resnet(\d+)", "ResNet-{0}", "ResNet", "layer4"),
    (r"resnext(\d+)_(\w+)", "ResNeXt-{0} {1}", "ResNet", "layer4"),
    (r"wide_resnet(\d+)_(\d)", "Wide ResNet-{0}-{1}", "ResNet", "layer4"),
    (r"shufflenet_v2_x(\w+)", "ShuffleNetV2 x{0}", "ShuffleNet", "conv5"),
    (r"squeezenet(\w+)", "SqueezeNet {0}", "SqueezeNet", "classifier.2"),
    (r"swin_([a-z])", "Swin-{0:U}", "Vision transformer", "permute"),
    (r"swin_v2_(\w)", "SwinV2-{0:U}", "Vision transformer", "permute"),
    (r"vgg11", "VGG-11", "VGG", "features.19"),
    (r"vgg13", "VGG-13", "VGG", "features.23"),
    (r"vgg16", "VGG-16", "VGG", "features.29"),
    (r"vgg19", "VGG-19", "VGG", "features.35"),
    (r"vgg11_bn", "VGG-11 with batch norm", "VGG", "features.27"),
    (r"vgg13_bn", "VGG-13 with batch norm", "VGG", "features.33"),
    (r"vgg16_bn", "VGG-16 with batch norm", "VGG", "features.42"),
    (r"vgg19_bn", "VGG-19 with batch norm", "VGG", "features.51"),
    (r"vit_b_(\d+)", "ViT-B/{0}", "Vision transformer", "encoder.layers.encoder_layer_11.ln_1"),
    (r"vit_l_(\d+)", "ViT-L/{0}", "Vision transformer", "encoder.layers.encoder_layer_23.ln_1"),
    (r"vit_h_(\d+)", "ViT-H/{0}", "Vision transformer", "encoder.layers.encoder_layer_31.ln_1"),
)

#: Auxiliary heads serve training only; torchvision builds them, loads their weights and drops them.
AUXILIARY_HEADS = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}

#: Names as older files spell them: DenseNet's "norm.1", and the numbered layers of ViT's perceptron.
OLD_NAMES = {
    "densenet": ((r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2"),),
    "vit": ((r"\.mlp\.linear_1\.", ".mlp.0."), (r"\.mlp\.linear_2\.", ".mlp.3.")),
}


@dataclass(frozen=True)
class Architecture:
    """Builds one of torchvision's networks when called."""

    name: str
    options: tuple[tuple[str, int | bool], ...] = ()

    def __call__(self) -> nn.Module:
        """Build the network with torchvision's initialisation."""
        network: nn.Module = library.get_model_builder(self.name)(**dict(self.options))
        return network


class _Word(str):
    """A part of a key, to be written in a label."""

    def __format__(self, style: str) -> str:
        plain = self.replace("_", ".")
        return {"U": plain.upper(), "T": plain.capitalize(), "": plain}[style]


def cards() -> Iterator[ModelCard]:
    """List a card for every classification network that torchvision registers."""
    for key in library.list_models(module=library):
        versions = [_version(key, record) for record in library.get_model_weights(key) if _classifies(record)]
        # What torchvision calls its best; larger pictures and other terms (SWAG) are for those who ask for them.
        best = library.get_model_weights(key).DEFAULT.name
        yield _card(key, tuple(sorted(versions, key=lambda version: (version.name != best, *_rank(version)))))


def _rank(version: WeightsVersion) -> tuple[float, str]:
    return (-version.accuracy.top1 if version.accuracy else 0.0, version.name)


def _classifies(record: WeightsEnum) -> bool:
    """Tell whether the weights have a classifier: VGG-16's IMAGENET1K_FEATURES have none."""
    return bool(record.meta["categories"])


def _card(key: str, versions: tuple[WeightsVersion, ...]) -> ModelCard:
    label, family, layer = _named(key)
    best = versions[0]
    return ModelCard(
        key=key,
        label=label,
        family=family,
        builder=best.builder,
        pixels=best.pixels,
        classes=best.classes,
        weights=versions,
        licence=best.licence,
        parameters=best.parameters,
        multiply_adds=best.multiply_adds,
        accuracy=best.accuracy,
        default_layer=layer,
        source=RECORDS.format(key),
    )


def _named(key: str) -> tuple[str, str, str | None]:
    """Return label, family and layer; a network newer than the table bears its key and is probed."""
    for pattern, label, family, layer in NAMES:
        match = re.fullmatch(pattern, key)
        if match:
            return label.format(*map(_Word, match.groups())), family, layer
    return key, "Other", None


_shared: dict[tuple[str, ...], tuple[str, ...]] = {}


def _version(key: str, record: WeightsEnum) -> WeightsVersion:
    meta, preset = record.meta, record.transforms()
    measured = meta["_metrics"]["ImageNet-1K"]
    names = tuple(meta["categories"])
    file = record.url.rsplit("/", 1)[1]
    digits = re.search(r"-([0-9a-f]{8,})\.pth$", file)
    return WeightsVersion(
        name=record.name,
        file=file,
        url=record.url,
        sha256=digits[1] if digits else "",
        bytes=round(meta["_file_size"] * 2**20),
        builder=Architecture(key, _options(key, record)),
        pixels=PixelSpace(
            side=preset.crop_size[0],
            resize=preset.resize_size[0],
            mean=tuple(preset.mean),
            std=tuple(preset.std),
            interpolation=preset.interpolation.value,
        ),
        classes=_shared.setdefault(names, names),
        accuracy=Accuracy(round(measured["acc@1"] / 100, 5), round(measured["acc@5"] / 100, 5)),
        licence=meta.get("license", f"BSD-3-Clause (torchvision); recipe: {meta['recipe']}"),
        recipe=meta["recipe"],
        parameters=meta["num_params"],
        multiply_adds=round(meta["_ops"] * 1e9),
        ignored=AUXILIARY_HEADS.get(key, ()),
        renamed=next((renamed for start, renamed in OLD_NAMES.items() if key.startswith(start)), ()),
    )


def _options(key: str, record: WeightsEnum) -> tuple[tuple[str, int | bool], ...]:
    """Return what torchvision's builder sets when it is given these weights."""
    if key in AUXILIARY_HEADS:
        return (("aux_logits", False), ("init_weights", False), ("transform_input", True))
    if key.startswith("vit_"):
        return (("image_size", int(record.meta["min_size"][0])),)
    return ()
