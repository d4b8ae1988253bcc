"""Preparations: the same picture cut and resized in other ways. Is it the preprocessing that makes a network err?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, get_args

import numpy as np
from PIL import Image, ImageOps

from explain.asking import ask
from explain.decoding import cut
from models.pixels import Interpolation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models import LoadedModel
    from models.pixels import Box, PixelSpace

#: The side of the squares cut from the corners, in percent of the picture's shorter side.
CORNER = 80


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a network says of a picture that was prepared in one way.

    why: a sentence on what was done, and what it tells. box: (left, top, right, bottom), what the network saw of the
    original picture, in its pixels; where it goes beyond the picture, there were borders. p_label, p_predicted: the
    probabilities of the label (None without one) and of the class first predicted. said: the class it now takes the
    picture for, with its probability. seen (side, side, 3): what the network saw, in levels of a screen.
    """

    name: str
    why: str
    box: Box
    p_label: float | None
    p_predicted: float
    said: int
    said_probability: float
    seen: NDArray[np.uint8]


@dataclass(frozen=True)
class _Way:
    """One way to prepare a picture; make: returns what the network sees, an RGB picture of its side."""

    name: str
    why: str
    box: Box
    make: Callable[[], Image.Image]


def preparations(model: LoadedModel, image: Image.Image, label: int | None, predicted: int) -> tuple[Prepared, ...]:
    """Cut and resize a picture in many ways, and ask the network each time; its own way comes first.

    label None: there is none.
    """
    ways = _ways(model.card.pixels, image)
    # Each is made when its turn comes, and once: resizing a large picture takes longer than asking about it.
    made = cache(lambda way: way.make())
    answers = ask(model, ways, made, label, predicted)
    return tuple(
        Prepared(way.name, way.why, way.box, **vars(answer), seen=np.asarray(made(way)))
        for way, answer in zip(ways, answers, strict=True)
    )


def _ways(space: PixelSpace, image: Image.Image) -> list[_Way]:
    own = space.box(image)
    preset = (
        f"The shorter side is resized to {space.resize} pixels, and the middle {space.side} x {space.side} are kept"
    )

    def boxed(name: str, why: str, box: Box) -> _Way:
        return _Way(name, why, box, partial(_seen, space, image, box))

    return [
        _Way("Its own way", f"{preset}: what this network was made for.", own, partial(_preset, space, image)),
        boxed(
            "All of it, squeezed", "Nothing is cut off, but shapes are distorted.", (0, 0, image.width, image.height)
        ),
        boxed(
            "All of it, with borders",
            "Nothing is cut off or distorted; bands in the mean colour of the network's pictures fill the square.",
            _square(image, 0.5, 0.5, max(image.size)),
        ),
        *(
            boxed(f"Middle, {percent} %", why, _square(image, 0.5, 0.5, percent / 100 * min(image.size)))
            for percent, why in (
                (60, "A square of 60 % of the shorter side: what stands in the middle fills the picture."),
                (80, "A square of 80 % of the shorter side: a little less around what stands in the middle."),
                (100, "The largest square in the middle: the most that can be seen without distortion."),
            )
        ),
        *(
            boxed(
                f"{name} corner",
                f"A square of {CORNER} % of the shorter side: is what it goes by at that end?",
                _square(image, across, down, CORNER / 100 * min(image.size)),
            )
            for name, across, down in (
                ("Top left", 0, 0),
                ("Top right", 1, 0),
                ("Bottom left", 0, 1),
                ("Bottom right", 1, 1),
            )
        ),
        _Way(
            "Mirrored",
            "Left and right change places, which hardly ever changes what a picture shows.",
            own,
            lambda: ImageOps.mirror(_preset(space, image)),
        ),
        *(
            _Way(
                f"Resized by {kind}",
                f"Its own way resizes by {space.interpolation}; another programme may do it like this.",
                own,
                partial(_preset, replace(space, interpolation=kind), image),
            )
            for kind in get_args(Interpolation)
            if kind != space.interpolation
        ),
        boxed("Twice as large", "Everything looks twice as large to the network; less fits in.", _scaled(own, 0.5)),
        boxed("Half as large", "Everything looks half as large; borders fill what is missing.", _scaled(own, 2)),
    ]


def _preset(space: PixelSpace, image: Image.Image) -> Image.Image:
    return Image.fromarray(cut(space, image))


def _seen(space: PixelSpace, image: Image.Image, box: Box) -> Image.Image:
    """Resize a box of the picture to what the network sees; outside the picture is the network's mean colour."""
    left, top, right, bottom = box
    inside = (max(left, 0.0), max(top, 0.0), min(right, float(image.width)), min(bottom, float(image.height)))
    across, down = space.side / (right - left), space.side / (bottom - top)
    corner = round((inside[0] - left) * across), round((inside[1] - top) * down)
    size = max(1, round((inside[2] - inside[0]) * across)), max(1, round((inside[3] - inside[1]) * down))
    part = image.convert("RGB").resize(size, Image.Resampling[space.interpolation.upper()], box=inside)
    red, green, blue = (round(255 * colour) for colour in space.mean)
    canvas = Image.new("RGB", (space.side, space.side), (red, green, blue))
    canvas.paste(part, corner)
    return canvas


def _square(image: Image.Image, across: float, down: float, side: float) -> Box:
    """Place a square in a picture: from 0, at its left or top edge, to 1, at its right or bottom edge."""
    left, top = across * (image.width - side), down * (image.height - side)
    return left, top, left + side, top + side


def _scaled(box: Box, times: float) -> Box:
    """Return a box around the same middle, so many times as wide and high."""
    left, top, right, bottom = box
    across, down = (right - left) * (times - 1) / 2, (bottom - top) * (times - 1) / 2
    return left - across, top - down, right + across, bottom + down
