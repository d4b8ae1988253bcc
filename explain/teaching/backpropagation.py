"""One step of backpropagation through the small network, in numpy, so that every number of the chain can be shown.

All is computed in double precision, else the finite difference that checks it would be mostly rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from explain.teaching import digits
from explain.teaching.softmax import cross_entropy
from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

#: How far the weight is moved to both sides for the finite difference.
NUDGE = 1e-5


@dataclass(frozen=True, eq=False)
class OneStep:
    """What one step does to one weight, for one picture.

    place: the weight within its layer. errors: how the loss changes with each of the ten scores. reads, blames: the
    numbers that the weight is multiplied by, and how the loss changes with each sum they go into, at each place where
    the weight is used; the gradient is the sum of their products. loss_after: with this weight moved alone, and
    loss_after_all with all of them. loss_above, loss_below: with the weight NUDGE larger and smaller.
    """

    kind: str
    layer: str
    place: tuple[int, ...]
    weight: float
    scores: Doubles
    probabilities: Doubles
    loss: float
    errors: Doubles
    reads: Doubles
    blames: Doubles
    gradient: float
    rate: float
    moved: float
    loss_after: float
    loss_after_all: float
    loss_above: float
    loss_below: float

    @property
    def difference(self) -> float:
        """Return the gradient as a finite difference has it: measured, without the chain rule."""
        return (self.loss_above - self.loss_below) / (2 * NUDGE)

    @property
    def finite(self) -> bool:
        """Tell whether every number is one; after training has diverged they may be too large for that."""
        chain = (self.scores, self.probabilities, self.errors, self.reads, self.blames)
        numbers = (self.gradient, self.moved, self.loss, self.loss_after, self.loss_after_all, self.difference)
        return all(np.isfinite(values).all() for values in chain) and all(map(math.isfinite, numbers))


@np.errstate(over="ignore", invalid="ignore")
def one_step(
    weights: Mapping[str, NDArray[np.floating]],
    picture: NDArray[np.float32],
    label: int,
    layer: str,
    place: tuple[int, ...],
    rate: float,
    kind: str = "cross_entropy",
) -> OneStep:
    """Work out one step of plain descent for a weight of the first layer ("conv1") or of the last ("scores").

    Where training has diverged the result may hold inf and nan; `finite` tells.

    picture: (1, 8, 8) in [0, 1]. place: (filter, 0, row, column), or (digit, unit). kind: "cross_entropy" or "squared".
    """
    double: dict[str, Doubles] = {name: np.asarray(values, np.float64) for name, values in weights.items()}
    if layer not in ("conv1", "scores") or len(place) != double[f"{layer}.weight"].ndim:
        raise ParameterError(f"A weight of conv1 has four numbers for its place and one of scores two, not {place}.")
    inputs = np.asarray(picture, np.float64)[None]
    stages = _stages(double, inputs)
    found = gradients(double, inputs, label, kind)
    if layer == "scores":
        reads, blames = stages["hidden_activation1"][0, place[1:]], found["scores"][place[:1],]
    else:
        reads, blames = _windows(inputs, 3)[0, 0, :, :, place[2], place[3]], found["conv1"][place[0]]

    def loss_with(value: float) -> float:
        changed = double[f"{layer}.weight"].copy()
        changed[place] = value
        return _loss({**double, f"{layer}.weight": changed}, inputs, label, kind)

    weight = float(double[f"{layer}.weight"][place])
    gradient = float((reads * blames).sum())
    everywhere = {name: values - rate * found[f"{name} gradient"] for name, values in double.items()}
    return OneStep(
        kind=kind,
        layer=layer,
        place=place,
        weight=weight,
        scores=stages["scores"][0],
        probabilities=stages["probabilities"][0],
        loss=loss_with(weight),
        errors=found["scores"],
        reads=reads,
        blames=blames,
        gradient=gradient,
        rate=rate,
        moved=weight - rate * gradient,
        loss_after=loss_with(weight - rate * gradient),
        loss_after_all=_loss(everywhere, inputs, label, kind),
        loss_above=loss_with(weight + NUDGE),
        loss_below=loss_with(weight - NUDGE),
    )


def gradients(weights: Mapping[str, Doubles], inputs: Doubles, label: int, kind: str) -> dict[str, Doubles]:
    """Go back through the network, from the loss to the first layer, for one picture (1, 1, 8, 8).

    The names are those of the layers, for how the loss changes with what each sums up before its activation, and
    those of the weights followed by " gradient", such as "conv1.weight gradient".
    """
    stages = _stages(weights, inputs)
    probabilities: Doubles = stages["probabilities"][0]
    aim = np.eye(len(probabilities))[label]
    found: dict[str, Doubles] = {}
    found["scores"] = probabilities - aim
    if kind == "squared":
        miss = 2 * (probabilities - aim)
        found["scores"] = probabilities * (miss - (miss * probabilities).sum())
    back = found["scores"]
    for layer, read, before in (("scores", "hidden_activation1", "hidden1"), ("hidden1", "flatten", "pool2")):
        found[f"{layer}.weight gradient"] = np.outer(back, stages[read][0])
        found[f"{layer}.bias gradient"] = back
        back = weights[f"{layer}.weight"].T @ back
        if before == "hidden1":
            found[before] = back = back * (stages[before][0] > 0)
    back = back.reshape(stages["pool2"][0].shape)
    for number, read in ((2, "pool1"), (1, "picture")):
        layer = f"conv{number}"
        back = _unpooled(back, stages[f"activation{number}"][0]) * (stages[layer][0] > 0)
        found[layer] = back
        found[f"{layer}.weight gradient"] = np.einsum("ohw,chwij->ocij", back, _windows(stages[read], 3)[0])
        found[f"{layer}.bias gradient"] = back.sum((1, 2))
        turned = weights[f"{layer}.weight"][:, :, ::-1, ::-1]
        back = np.einsum("ohwij,ocij->chw", _windows(back[None], 3)[0], turned)
    return found


def _stages(weights: Mapping[str, Doubles], inputs: Doubles) -> dict[str, Doubles]:
    """Run the network in double precision."""
    return cast("dict[str, Doubles]", digits.forward(cast("Any", weights), cast("Any", inputs)))


def _loss(weights: Mapping[str, Doubles], inputs: Doubles, label: int, kind: str) -> float:
    stages = _stages(weights, inputs)
    if kind == "squared":
        probabilities = stages["probabilities"][0]
        return float(((probabilities - np.eye(len(probabilities))[label]) ** 2).sum())
    # From the scores, since a probability may be too small to be written, and the logarithm of 0 is no number.
    return cross_entropy(stages["scores"][0], label)


def _windows(maps: NDArray[np.floating], kernel: int) -> Doubles:
    """Return what a kernel reads at each place of maps (N, C, h, w), with zeros round the edge: (N, C, h, w, k, k)."""
    edge = kernel // 2
    padded = np.pad(maps, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    windows: Doubles = sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
    return windows


def _unpooled(back: Doubles, before: NDArray[np.floating]) -> Doubles:
    """Send each number back to the largest of the 2 x 2 that it was pooled from; the other three get nothing."""
    channels, rows, columns = back.shape
    blocks = before.reshape(channels, rows, 2, columns, 2).transpose(0, 1, 3, 2, 4).reshape(channels, rows, columns, 4)
    sent = (np.arange(4) == blocks.argmax(-1)[..., None]) * back[..., None]
    spread: Doubles = sent.reshape(channels, rows, columns, 2, 2).transpose(0, 1, 3, 2, 4).reshape(before.shape)
    return spread
