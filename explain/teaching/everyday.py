"""The bundled networks computed in numpy alone, so that a demonstration shows their real numbers without torch.

The results are those of the networks themselves, apart from the rounding of sums in another order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from explain.teaching.convolving import conv2d
from explain.teaching.pooling import pool
from models.errors import ModelError, PictureError
from models.pixels import PixelSpace
from models.weights import BUNDLED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: What batch norm adds to a variance before it divides by its root, torch's default.
EPSILON = np.float32(1e-5)
#: Where the later convolutions of the network in the form of VGG stand; a max pooling comes before each stage.
PLAIN_STAGES = ((4, 7), (11, 14), (18, 21))


@dataclass(frozen=True, eq=False)
class Everyday:
    """A bundled network: its weights by name, its classes, and how it wants its pictures."""

    key: str
    classes: tuple[str, ...]
    space: PixelSpace
    weights: Mapping[str, Floats] = field(repr=False)

    def pixels(self, image: Image.Image, shift: int = 0) -> Floats:
        """Cut out what the network sees, (3, side, side) in [0, 1].

        shift: how many of these pixels everything moves to the right, as if the camera turned: at the left edge comes
        into sight what was cut off before.
        """
        left, top = (-round(place) for place in self.space.to_crop(image, 0, 0))
        width, height = (round(place) for place in self.space.to_crop(image, image.width, image.height))
        side = self.space.side
        if not 0 <= left - shift <= left + width - side:
            raise PictureError(f"This picture has no room beside its middle to be shifted by {shift} pixels.")
        resample = Image.Resampling[self.space.interpolation.upper()]
        whole = image.convert("RGB").resize((left + width, top + height), resample)
        seen = whole.crop((left - shift, top, left - shift + side, top + side))
        return np.asarray(seen, np.float32).transpose(2, 0, 1) / np.float32(255)

    def normalised(self, pixels: Floats) -> Floats:
        """Shift and scale pixels (3, H, W) as the first layer expects them."""
        mean, std = (np.asarray(each, np.float32)[:, None, None] for each in (self.space.mean, self.space.std))
        return (pixels - mean) / std

    def convolved(self, maps: Floats, name: str, stride: int = 1) -> Floats:
        """Send maps (channels, H, W) through the convolution of this name; 3 x 3 is padded by one."""
        kernels = self.weights[f"{name}.weight"]
        return conv2d(maps, kernels, stride=stride, padding=kernels.shape[-1] // 2)

    def standardised(self, maps: Floats, name: str) -> Floats:
        """Send maps through the batch norm of this name, with the means and variances that training left."""
        weight, bias, mean, variance = (
            self.weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        scaled: Floats = (maps - mean) / np.sqrt(variance + EPSILON) * weight + bias
        return scaled

    def linear(self, values: Floats, name: str) -> Floats:
        """Send numbers through the fully connected layer of this name."""
        given: Floats = self.weights[f"{name}.weight"] @ values + self.weights[f"{name}.bias"]
        return given

    def first_maps(self, pixels: Floats) -> Floats:
        """Compute what the first convolution and its batch norm give, before the activation."""
        convolution, norm = ("features.0", "features.1") if "features.0.weight" in self.weights else ("conv1", "bn1")
        stride = 1 if convolution == "features.0" else 2
        return self.standardised(self.convolved(self.normalised(pixels), convolution, stride), norm)

    def logits(self, pixels: Floats) -> Floats:
        """Compute the logits of all classes for pixels (3, H, W) in [0, 1]."""
        first = np.maximum(self.first_maps(pixels), 0)
        return self._plain(first) if "features.0.weight" in self.weights else self._residual(first)

    def _plain(self, maps: Floats) -> Floats:
        """Go on after the first convolution of the network in the form of VGG."""
        for stage in PLAIN_STAGES:
            maps = pool(maps, 2, 2, "max")
            for place in stage:
                maps = self.convolved(maps, f"features.{place}")
                maps = np.maximum(self.standardised(maps, f"features.{place + 1}"), 0)
        values = pool(maps, 2, 2, "max").reshape(-1)
        hidden = np.maximum(self.linear(values, "classifier.1"), 0)
        return self.linear(hidden, "classifier.4")

    def _residual(self, maps: Floats) -> Floats:
        """Go on after the first convolution of the network in the form of ResNet."""
        for stage in (1, 2, 3):
            for block in (0, 1):
                maps = self._block(maps, f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1)
        return self.linear(maps.mean((1, 2)), "fc")

    def _block(self, maps: Floats, name: str, stride: int) -> Floats:
        inner = np.maximum(self.standardised(self.convolved(maps, f"{name}.conv1", stride), f"{name}.bn1"), 0)
        added = self.standardised(self.convolved(inner, f"{name}.conv2"), f"{name}.bn2")
        if stride > 1:
            maps = self.standardised(self.convolved(maps, f"{name}.downsample.0", stride), f"{name}.downsample.1")
        joined: Floats = np.maximum(added + maps, 0)
        return joined


@cache
def everyday(key: str = "everyday_resnet") -> Everyday:
    """Read a bundled network by its key, once."""
    file = BUNDLED / f"{key}.safetensors"
    if key not in {path.stem for path in BUNDLED.glob("*.safetensors")}:
        raise ModelError(f"No bundled network is called {key!r}.")
    from safetensors import safe_open

    record: dict[str, Any] = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    pixels = record["pixels"]
    space = PixelSpace(pixels["side"], pixels["resize"], tuple(pixels["mean"]), tuple(pixels["std"]))
    with safe_open(file, "np") as opened:
        weights = dict(_floats(opened))
    return Everyday(key, tuple(record["classes"]), space, weights)


def _floats(opened: Any) -> Iterator[tuple[str, Floats]]:
    for name in opened.keys():  # noqa: SIM118 - not a dictionary
        yield name, np.asarray(opened.get_tensor(name), np.float32)
