"""Thirteen networks of ImageNet, small enough to be asked many questions: eleven random ones and two trained ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import pytest
from torch import Tensor, nn

import explain
import models
import toy
from explain.suitability import probe
from explain.target import ClassLogit

#: A layer halfway that is a module, where the gradient differs from place to place and weightings differ.
HALFWAY = {
    "resnet18": "layer2",
    "resnet50": "layer2",
    "vgg16_bn": "features.22",
    "densenet121": "features.denseblock2",
    "googlenet": "inception4a",
    "inception_v3": "Mixed_6a",
    "mobilenet_v3_large": "features.6",
    "efficientnet_b0": "features.3",
    "convnext_tiny": "features.3.1",
    "vit_b_16": "encoder.layers.encoder_layer_5",
    "swin_t": "features.3",
    "mobilenet_v2": "features.6",
    "squeezenet1_1": "features.7",
}
TRAINED = ("mobilenet_v2", "squeezenet1_1")
NETWORKS = tuple(HALFWAY)
#: Sides of the pictures, in pixels: small ones take a fifth of the time; Swin's windows fit into 112 without a rest.
SIDES = {"inception_v3": 128, "vit_b_16": 64, "swin_t": 112}
SIDE = 96
#: How to lay out for pytorch-grad-cam what comes without the order N, C, h, w.
LAID: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "vit_b_16": ("NTC", lambda tokens: tokens[:, 1:].transpose(1, 2).unflatten(2, (4, 4))),
    "swin_t": ("NHWC", lambda places: places.permute(0, 3, 1, 2)),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A network with a picture, the class that it is asked about, and a layer halfway."""

    key: str
    model: models.LoadedModel
    layer: str

    @cached_property
    def pixels(self) -> Tensor:
        """A smooth picture with some grain, so that all layers respond."""
        return (0.8 * probe(self.model) + 0.2 * toy.picture(self.model.card.pixels.side, seed=5)).clamp(0, 1)

    @cached_property
    def trace(self) -> explain.Trace:
        return explain.trace(self.model, self.pixels)

    @cached_property
    def target(self) -> ClassLogit:
        """The likeliest class: its score is above zero, which Ablation-CAM's shares need."""
        return ClassLogit(int(self.trace.logits.argmax()))

    @property
    def laid(self) -> Callable[[Tensor], Tensor] | None:
        return LAID[self.key][1] if self.key in LAID else None

    @property
    def axes(self) -> str:
        return LAID[self.key][0] if self.key in LAID else "NCHW"


def load(key: str, weights: Path | None = None) -> Case:
    """Load a network for pictures of few pixels; `weights`: the folder of trained ones."""
    whole = models.load(key, weights="random" if weights is None else weights / f"{key}.safetensors", device="cpu")
    side = SIDES.get(key, SIDE)
    if key == "vit_b_16":
        _fewer_patches(whole.network, side)
    space = dataclasses.replace(whole.card.pixels, side=side, resize=side)
    return Case(key, dataclasses.replace(whole, card=dataclasses.replace(whole.card, pixels=space)), HALFWAY[key])


def _fewer_patches(network: nn.Module, side: int) -> None:
    """Make a vision transformer take smaller pictures: it forgets the places beyond."""
    network.image_size = side
    places = 1 + (side // network.patch_size) ** 2
    positions = network.encoder.pos_embedding[:, :places].clone()
    network.encoder.pos_embedding = nn.Parameter(positions, requires_grad=False)


def on(*keys: str) -> pytest.MarkDecorator:
    """Run a test on these networks; one after the other for the whole file, so that each is loaded once."""
    return pytest.mark.parametrize("case", keys, indirect=True, scope="module")


def on_all_but(*keys: str) -> pytest.MarkDecorator:
    """Run a test on all networks but these."""
    assert set(keys) <= set(NETWORKS)
    return on(*(key for key in NETWORKS if key not in keys))
