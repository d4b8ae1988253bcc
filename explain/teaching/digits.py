"""The digits of the Learn page: handwritten ones of 8 x 8 pixels, and a trained network for them.

The pictures are those of scikit-learn's `load_digits`, in a fixed order: E. Alpaydin and C. Kaynak, Optical Recognition
of Handwritten Digits, UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, licence CC BY 4.0. Everything here is
numpy, so that a page starts without torch; `python -m explain.teaching.make_digits` makes the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.teaching.convolving import conv2d
from explain.teaching.pooling import pool
from explain.teaching.softmax import softmax
from models.errors import PictureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Grey = NDArray[np.uint8]

FOLDER = Path(__file__).parent
PICTURES, COMPARISON = FOLDER / "digits.npz", FOLDER / "digits.json"
#: The trained networks: one saw the training pictures as they are, the other also shifted by a pixel.
WEIGHTS = MappingProxyType({kind: FOLDER / f"digits_{kind}.safetensors" for kind in ("plain", "shifted")})
#: Pictures for training, for choosing the best epoch, and for the test; drawn once with this seed, class by class.
SIZES, SPLIT_SEED = (1077, 360, 360), 7
#: The largest count of a pixel, and the sides of a picture and of the bitmap that it was counted from.
FULL, SIDE, BITMAP = 16, 8, 32
#: What a drawing is brought to: the height of all digits of the data set, and the usual width, in bitmap pixels.
TALL, WIDE = 32, 22
#: A drawing is stretched sideways by this factor at most, so that a narrow stroke does not become a bar.
STRETCH = 1.5
#: What the network does, step by step: the names that `forward` gives its stages.
STAGES = (
    "picture",
    "conv1",
    "activation1",
    "pool1",
    "conv2",
    "activation2",
    "pool2",
    "flatten",
    "hidden1",
    "hidden_activation1",
    "scores",
    "probabilities",
)


@dataclass(frozen=True, eq=False)
class Part:
    """Labelled pictures: pixels (N, 8, 8) from 0 to 16, labels (N,)."""

    pixels: Grey
    labels: NDArray[np.int64]

    @property
    def inputs(self) -> Floats:
        """Return what a network reads: (N, 1, 8, 8) in [0, 1]."""
        return inputs(self.pixels)


@dataclass(frozen=True, eq=False)
class Digits:
    """All pictures, in three parts that share none. order: their numbers in scikit-learn's `load_digits`."""

    training: Part
    validation: Part
    test: Part
    order: NDArray[np.int64]


@cache
def digits() -> Digits:
    """Read the pictures."""
    with np.load(PICTURES, allow_pickle=False) as stored:
        pixels, labels, order = stored["pixels"], stored["labels"].astype(np.int64), stored["order"].astype(np.int64)
    ends = np.cumsum((0, *SIZES))
    training, validation, test = (Part(pixels[a:b], labels[a:b]) for a, b in pairwise(ends))
    return Digits(training, validation, test, order)


@cache
def weights(kind: str = "plain") -> Mapping[str, Floats]:
    """Read a trained network's weights, by the names that torch gives them; `kind` is one of WEIGHTS."""
    from safetensors.numpy import load_file

    return MappingProxyType(load_file(WEIGHTS[kind]))


@cache
def comparison() -> Mapping[str, Any]:
    """Read what was measured of this network and of other ways to tell digits; `digit_comparison` says how."""
    return MappingProxyType(json.loads(COMPARISON.read_text(encoding="utf-8")))


def inputs(pixels: Grey) -> Floats:
    """Turn counts (N, 8, 8) into what a network reads, (N, 1, 8, 8) in [0, 1]."""
    read: Floats = pixels[:, None].astype(np.float32) / np.float32(FULL)
    return read


def shifted(pixels: Grey, down: int, right: int) -> Grey:
    """Move pictures (..., 8, 8) by whole pixels; blank paper comes in at the edge, and what leaves is lost."""
    moved = np.zeros_like(pixels)
    rows, columns = (slice(max(0, step), SIDE + min(0, step)) for step in (down, right))
    from_rows, from_columns = (slice(max(0, -step), SIDE + min(0, -step)) for step in (down, right))
    moved[..., rows, columns] = pixels[..., from_rows, from_columns]
    return moved


def reduced(bitmap: NDArray[np.bool_]) -> Grey:
    """Count the set pixels in each 4 x 4 block of a 32 x 32 bitmap, as the data set was made: (8, 8) from 0 to 16."""
    if bitmap.shape != (BITMAP, BITMAP):
        raise PictureError(f"A drawing has {BITMAP} x {BITMAP} pixels, not {' x '.join(map(str, bitmap.shape))}.")
    block = BITMAP // SIDE
    counts: Grey = bitmap.astype(bool).reshape(SIDE, block, SIDE, block).sum((1, 3)).astype(np.uint8)
    return counts


def fitted(bitmap: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Bring a drawing to the size and place of the data set's digits; an empty one stays empty.

    What is drawn then reaches from the first row to the last and stands in the middle. The picture is enlarged by
    taking the nearest pixel.
    """
    down, across = (np.flatnonzero(bitmap.any(axis)) for axis in (1, 0))
    placed = np.zeros((BITMAP, BITMAP), bool)
    if not len(down):
        return placed
    inside = bitmap[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    height, width = inside.shape
    scale = TALL / height
    wide = int(np.clip(round(width * scale * STRETCH), 1, WIDE)) if width * scale < WIDE else WIDE
    rows = (np.arange(TALL) + 0.5) * height / TALL
    columns = (np.arange(wide) + 0.5) * width / wide
    left = (BITMAP - wide) // 2
    placed[:, left : left + wide] = inside[np.ix_(rows.astype(int), columns.astype(int))]
    return placed


def forward(weights: Mapping[str, Floats], pictures: Floats) -> dict[str, Floats]:
    """Run the network on pictures (N, 1, 8, 8) and return the output of each of STAGES.

    Maps are (N, channels, rows, columns), everything from `flatten` on (N, units).
    """
    found = {"picture": pictures}
    now = pictures
    for number in (1, 2):
        kernels, bias = weights[f"conv{number}.weight"], weights[f"conv{number}.bias"]
        found[f"conv{number}"] = now = conv2d(now, kernels, bias, padding="same")
        found[f"activation{number}"] = now = np.maximum(now, 0)
        found[f"pool{number}"] = now = pool(now, 2, 2, "max")
    found["flatten"] = now = now.reshape(len(now), -1)
    found["hidden1"] = now = now @ weights["hidden1.weight"].T + weights["hidden1.bias"]
    found["hidden_activation1"] = now = np.maximum(now, 0)
    found["scores"] = now = now @ weights["scores.weight"].T + weights["scores.bias"]
    found["probabilities"] = softmax(now)
    return found
