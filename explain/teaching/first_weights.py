"""The weights before the first step: four ways to draw them, in numpy, so that they can be shown without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from explain.teaching.digit_network import CLASSES, DigitNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.teaching.training_record import Settings

    Floats = NDArray[np.float32]

#: How far the naive draw spreads, whatever the layer: a number that people guess.
NAIVE = 0.01


def _zeros(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.zeros(shape)


def _naive(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    return NAIVE * rng.standard_normal(shape)


def _xavier(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Glorot and Bengio, 2010: uniform, so that signals keep their size forwards and backwards."""
    reach = math.sqrt(6 / (inputs_of(shape) + shape[0] * math.prod(shape[2:])))
    return rng.uniform(-reach, reach, shape)


def _he(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """He et al., 2015, arXiv:1502.01852: normal, twice the variance, since ReLU sets half of the numbers to zero."""
    return math.sqrt(2 / inputs_of(shape)) * rng.standard_normal(shape)


DRAWS: Mapping[str, Callable[[tuple[int, ...], np.random.Generator], NDArray[np.float64]]] = MappingProxyType(
    {"zeros": _zeros, "naive": _naive, "xavier": _xavier, "he": _he}
)


def inputs_of(shape: tuple[int, ...]) -> int:
    """Say how many numbers one unit of a layer with weights of this shape reads."""
    return math.prod(shape[1:])


def shapes(network: DigitNetwork) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a network's layers, by layer, in order."""
    found: dict[str, tuple[int, ...]] = {}
    before = 1
    for number, maps in enumerate(network.maps, 1):
        found[f"conv{number}"] = (maps, before, network.kernel, network.kernel)
        before = maps
    before = network.flat
    for number, units in enumerate(network.hidden, 1):
        found[f"hidden{number}"] = (units, before)
        before = units
    return {**found, "scores": (CLASSES, before)}


def first_weights(settings: Settings, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw weights, and zeros for the biases, by the names that torch gives them; batch norm's are not among them."""
    draw = DRAWS[settings.initialisation]
    drawn: dict[str, Floats] = {}
    for layer, shape in shapes(DigitNetwork()).items():
        drawn[f"{layer}.weight"] = draw(shape, rng).astype(np.float32)
        drawn[f"{layer}.bias"] = np.zeros(shape[0], np.float32)
    return drawn
