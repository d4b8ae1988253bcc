"""Corruptions: what cameras, light and files do to pictures, at five strengths each, and how answers move under them.

After ImageNet-C (Hendrycks & Dietterich, 2019, arXiv:1903.12261), but in units that can be told to a person.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from explain.decoding import cut
from models.errors import ParameterError

if TYPE_CHECKING:
    from models import LoadedModel

#: How many strengths each corruption has; 1 is the weakest.
STRENGTHS = 5


@dataclass(frozen=True)
class Corruption:
    """One way to spoil a picture.

    label: what it does, for people. amounts: how much at each of the five strengths. words: the amount as a
    sentence's end, "{}" being the figure. apply: (RGB picture, amount, seed) -> RGB picture of the same size.
    """

    label: str
    amounts: tuple[float, ...]
    words: str
    apply: Callable[[Image.Image, float, int], Image.Image] = field(repr=False)

    def told(self, strength: int) -> str:
        """Write the amount of a strength in words: "3 times the light"."""
        return self.words.format(f"{self.amounts[_checked(strength) - 1]:g}")


@dataclass(frozen=True)
class Corrupted:
    """What a network says of a corrupted picture.

    name: of the corruption, in CORRUPTIONS. strength: 1 to 5. amount: the strength in words. p_label, p_predicted:
    the probabilities of the label (None without one) and of the class first predicted. said: the class it now
    takes the picture for, with its probability.
    """

    name: str
    strength: int
    amount: str
    p_label: float | None
    p_predicted: float
    said: int
    said_probability: float


def corrupt(image: Image.Image, name: str, strength: int, seed: int = 0) -> Image.Image:
    """Return the picture in RGB, corrupted by one of CORRUPTIONS at a strength of 1 to 5; of the same size.

    The same picture, strength and seed give the same result. Blur is measured by the shorter side; noise, JPEG and
    fewer pixels work on the picture's own, so of a large picture a network that sees it small notices less.
    """
    if name not in CORRUPTIONS:
        raise ParameterError(f"There is no corruption named {name!r}.", f"There are: {', '.join(CORRUPTIONS)}.")
    corruption, picture = CORRUPTIONS[name], image.convert("RGB")
    return corruption.apply(picture, corruption.amounts[_checked(strength) - 1], seed)


def under_corruptions(
    model: LoadedModel, image: Image.Image, label: int | None, predicted: int, seed: int = 0
) -> tuple[Corrupted, ...]:
    """Corrupt what the network sees of a picture in every way at every strength, and ask it each time.

    All strengths of a corruption follow each other, the weakest first. The crop is corrupted, not the whole picture,
    so that a strength means the same for every picture. label None: there is none.
    """
    from explain.asking import ask

    tried = [(name, strength) for name in CORRUPTIONS for strength in range(1, STRENGTHS + 1)]
    seen = Image.fromarray(cut(model.card.pixels, image))
    answers = ask(model, tried, lambda one: corrupt(seen, *one, seed), label, predicted)
    return tuple(
        Corrupted(name, strength, CORRUPTIONS[name].told(strength), **vars(answer))
        for (name, strength), answer in zip(tried, answers, strict=True)
    )


def through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Write a picture as JPEG of a quality from 1 to 95, and read it back."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer, formats=("JPEG",)) as read:
        return read.convert("RGB")


def _lit(image: Image.Image, times: float) -> Image.Image:
    """Give a picture so many times the light; what gets brighter than white is white."""
    levels = np.arange(256) / 255
    # sRGB's own curve: light is added before it, as a camera would.
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4) * times
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return image.point(list(np.rint(coded.clip(0, 1) * 255).astype(int)) * 3)


def _blurred(image: Image.Image, percent: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(percent / 100 * min(image.size)))


def _noisy(image: Image.Image, size: float, seed: int) -> Image.Image:
    levels = np.asarray(image, np.float32)
    drawn = np.random.default_rng(seed).standard_normal(levels.shape, np.float32)
    return Image.fromarray(np.rint((levels + size * drawn).clip(0, 255)).astype(np.uint8))


def _coarse(image: Image.Image, times: float) -> Image.Image:
    """Make the pixels so many times as wide, each of one colour."""
    width, height = (max(1, round(side / times)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.NEAREST)


def _checked(strength: int) -> int:
    if strength not in range(1, STRENGTHS + 1):
        raise ParameterError(f"A corruption has the strengths 1 to {STRENGTHS}, not {strength!r}.")
    return strength


#: Every corruption by name, each with five amounts in its own unit.
CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        "brightness": Corruption(
            "Brighter", (1.5, 2, 3, 5, 8), "{} times the light", lambda image, times, _: _lit(image, times)
        ),
        "darkness": Corruption(
            "Darker", (50, 25, 12, 6, 3), "{} % of the light", lambda image, percent, _: _lit(image, percent / 100)
        ),
        "contrast": Corruption(
            "Less contrast",
            (60, 40, 25, 15, 8),
            "{} % of the contrast left",
            lambda image, percent, _: ImageEnhance.Contrast(image).enhance(percent / 100),
        ),
        "colour": Corruption(
            "Less colour",
            (70, 45, 25, 10, 0),
            "{} % of the colour left",
            lambda image, percent, _: ImageEnhance.Color(image).enhance(percent / 100),
        ),
        "blur": Corruption(
            "Blurred",
            (0.5, 1, 1.5, 2.5, 4),
            "blurred by {} % of the shorter side",
            lambda image, percent, _: _blurred(image, percent),
        ),
        "pixels": Corruption(
            "Fewer pixels",
            (2, 3, 4, 6, 8),
            "pixels {} times as wide",
            lambda image, times, _: _coarse(image, times),
        ),
        "noise": Corruption("Noisier", (10, 20, 35, 55, 80), "noise of {} of 255 levels", _noisy),
        "jpeg": Corruption(
            "JPEG",
            (50, 30, 18, 10, 5),
            "JPEG of quality {}",
            lambda image, quality, _: through_jpeg(image, int(quality)),
        ),
    }
)
