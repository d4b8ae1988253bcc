"""What becomes of a gradient on its way back through many layers: a stack of layers, computed in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.teaching.activations import ACTIVATIONS
from explain.teaching.softmax import softmax
from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Numbers that each layer reads and gives: an 8 x 8 patch as it is.
UNITS = 64
SIDE = 8
PATCHES = 256
NAIVE = 0.01


@dataclass(frozen=True)
class Initialisation:
    """A rule for the first weights: how it is called, written, and the spread it gives to weights (in, out)."""

    label: str
    formula: str
    spread: Callable[[int, int], float]


#: All rules by the key that stands in the address; weights are drawn from a normal distribution around zero.
INITIALISATIONS = {
    "naive": Initialisation("Naive", f"spread {NAIVE:g} whatever the size", lambda read, given: NAIVE),
    "large": Initialisation("Too large", "spread 1 whatever the size", lambda read, given: 1.0),
    "xavier": Initialisation("Xavier", "spread √(2 / (in + out))", lambda read, given: math.sqrt(2 / (read + given))),
    "he": Initialisation("He", "spread √(2 / in)", lambda read, given: math.sqrt(2 / read)),
}


@dataclass(frozen=True, eq=False)
class Passage:
    """What one pass forward and back through a stack gave, for each layer from the first to the last.

    arriving: the norm of the loss's gradient with respect to what the layer gives, after the activation. gradients: the
    same with respect to its weights. spreads: the standard deviation of what the layer gives. loss: the cross-entropy.
    """

    arriving: tuple[float, ...]
    gradients: tuple[float, ...]
    spreads: tuple[float, ...]
    loss: float

    @property
    def kept(self) -> float:
        """How much of the gradient that arrives at the last layer arrives at the first."""
        return self.arriving[0] / self.arriving[-1] if self.arriving[-1] else math.nan


def weights(initialisation: str, layers: int, classes: int, seed: int) -> list[Floats]:
    """Draw the weights (in, out) of `layers` hidden layers and of the last one, which names the classes."""
    random = np.random.default_rng(seed)
    sizes = [UNITS] * (layers + 1) + [classes]
    spread = INITIALISATIONS[initialisation].spread
    return [random.standard_normal((read, given)) * spread(read, given) for read, given in pairwise(sizes)]


def passage(patches: Floats, truths: NDArray[np.intp], matrices: list[Floats], activation: str) -> Passage:
    """Send patches (n, 64) forward through the layers, and the loss's gradient back; biases are zero."""
    if patches.ndim != 2 or patches.shape[1] != UNITS or len(patches) != len(truths):
        raise ParameterError(f"The stack reads (n, {UNITS}) numbers with n classes, not {patches.shape}.")
    function = ACTIVATIONS[activation]
    held, sums = [patches], []
    for matrix in matrices[:-1]:
        sums.append(held[-1] @ matrix)
        held.append(function.value(sums[-1]))
    logits = held[-1] @ matrices[-1]
    probabilities = softmax(logits)
    everyone = np.arange(len(truths))
    chosen = logits[everyone, truths] - logits.max(1)
    loss = float((np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) - chosen).mean())
    probabilities[everyone, truths] -= 1
    back = probabilities / len(truths) @ matrices[-1].T
    arriving, gradients = [], []
    for layer in range(len(sums) - 1, -1, -1):
        arriving.append(float(np.linalg.norm(back)))
        back = back * function.slope(sums[layer])
        gradients.append(float(np.linalg.norm(held[layer].T @ back)))
        back = back @ matrices[layer].T
    spreads = tuple(float(each.std()) for each in held[1:])
    return Passage(tuple(reversed(arriving)), tuple(reversed(gradients)), spreads, loss)


def patches(pictures: list[NDArray[np.float32]], seed: int = 0) -> tuple[Floats, NDArray[np.intp]]:
    """Cut patches of 8 x 8 pixels out of grey pictures, and note of which picture each is.

    Their numbers are brought to mean 0 and spread 1, as one brings them for a network.
    """
    random = np.random.default_rng(seed)
    truths = np.arange(PATCHES) % len(pictures)
    found: list[Any] = []
    for each in truths:
        rows, columns = pictures[each].shape
        top, left = random.integers(rows - SIDE + 1), random.integers(columns - SIDE + 1)
        found.append(pictures[each][top : top + SIDE, left : left + SIDE].reshape(-1))
    numbers = np.asarray(found, np.float64)
    return (numbers - numbers.mean()) / numbers.std(), truths
