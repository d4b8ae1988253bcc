"""From pictures and maps to addresses that hold them: small, without metadata, all maps of a picture on one scale."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dashboard.lens import data_uri, scale, to_bytes
from explain.pictures import GAMMA, Box, colour_table, laid_over, numbered_parts, outline, resize, tiles
from explain.results import Concepts, FeatureMaps, Heatmap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: The longest side of the whole picture, and the side of a crop, in pixels.
LONGEST, SIDE = 720, 448
#: The most of a layer's channels that are shown.
CHANNELS = 64
STRENGTH = 0.75


@dataclass(frozen=True)
class Bar:
    """The colours of maps: an address that holds them, the values at their ends, and what the values are."""

    source: str
    low: str
    high: str
    signed: bool
    unit: str


@dataclass(frozen=True)
class Scale:
    """What several maps of one picture share: the value at full colour, whether some lie beyond it, and their sign."""

    top: float
    exceeds: bool
    signed: bool

    @classmethod
    def of(cls, maps: Sequence[Heatmap]) -> Scale:
        """Choose a scale on which the strongest of the maps is seen at full colour."""
        top, exceeds = scale(np.concatenate([heatmap.values for heatmap in maps]))
        return cls(top, exceeds, any(heatmap.signed for heatmap in maps))

    @property
    def colours(self) -> NDArray[np.uint8]:
        """The colours of the bytes that values become."""
        return colour_table("blue-orange" if self.signed else "inferno")

    def bar(self, unit: str) -> Bar:
        """Draw the colours from the lowest to the highest value; unit: of the values."""
        table = self.colours[1:] if self.signed else self.colours
        source = lossless(Image.fromarray(table[None]))
        beyond = ("or less", "or more") if self.exceeds else ("", "")
        low, high = (f"-{self.top:.3g} {beyond[0]}" if self.signed else "0", f"{self.top:.3g} {beyond[1]}")
        said = ", orange for it and blue against" if self.signed else ""
        return Bar(source, low.strip(), high.strip(), self.signed, f"{unit[:1].upper()}{unit[1:]}{said}")


def whole(image: Image.Image, box: Box) -> str:
    """Show a whole picture, dimmed and framed where the network does not see it."""
    share = min(1.0, LONGEST / max(image.size))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    across, down = size[0] / image.width, size[1] / image.height
    inside = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    nothing = Heatmap(values=np.zeros((2, 2), np.float32), signed=False)
    return webp(Image.fromarray(laid_over(image.resize(size, Image.Resampling.LANCZOS), nothing, inside)))


def seen(image: Image.Image, box: Box) -> str:
    """Say how much of a picture the network sees."""
    left, top, right, bottom = box
    hidden = max(left, top, image.width - right, image.height - bottom)
    return "The network sees the part in the frame." if hidden > 0.5 else "The network sees all of it."


def cropped(image: Image.Image, box: Box) -> Image.Image:
    """Cut out what the network sees, from the original, larger than the network's own pixels."""
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box)


def laid(crop: Image.Image, heatmap: Heatmap, shared: Scale) -> str:
    """Lay a map over its crop, in the colours of a scale that other maps share."""
    if shared.top <= 0:
        return webp(crop)
    values = resize(heatmap.values, crop.size)
    share = np.clip(np.abs(values) if shared.signed else np.maximum(values, 0), 0, shared.top) / shared.top
    weight = (STRENGTH * share**GAMMA)[..., None]
    colours = shared.colours[to_bytes(values, shared.signed, shared.top)]
    return webp(Image.fromarray(np.rint(np.asarray(crop) * (1 - weight) + colours * weight).astype(np.uint8)))


def outlined(crop: Image.Image, heatmap: Heatmap) -> str:
    """Draw a line round the strongest tenth of a map, two pixels wide."""
    half = (crop.width // 2, crop.height // 2)
    drawn = outline(Image.new("RGB", half, "gray"), heatmap).repeat(2, 0).repeat(2, 1)
    return webp(Image.fromarray(np.where((drawn == 0) | (drawn == 255), drawn, np.asarray(crop))))


def channels(explanation: FeatureMaps) -> str:
    """Put the channels of a layer that answer most strongly side by side."""
    order = np.argsort(-explanation.maps.max((1, 2)), kind="stable")
    sheet = Image.fromarray(tiles(explanation.maps[order[:CHANNELS]]))
    times = max(1, LONGEST // sheet.width)
    return lossless(sheet.resize((sheet.width * times, sheet.height * times), Image.Resampling.NEAREST))


def parts(crop: Image.Image, explanation: Concepts) -> str:
    """Paint the parts of a layer over the crop, each with its number."""
    return webp(Image.fromarray(numbered_parts(crop, explanation)))


def webp(image: Image.Image) -> str:
    """Hold a picture as WebP."""
    return _held(image.convert("RGB"), "WEBP", quality=82, method=4)


def lossless(image: Image.Image) -> str:
    """Hold a picture as PNG, every colour as it is."""
    return _held(image, "PNG", optimize=True)


def _held(image: Image.Image, kind: str, **options: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return data_uri(buffer.getvalue(), f"image/{kind.lower()}")
