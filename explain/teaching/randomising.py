"""Sanity checks of maps by random weights in place of the learned ones (Adebayo et al., 2018, arXiv:1810.03292)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.method import Method
    from explain.results import Heatmap
    from models.loaded import LoadedModel

    Floats = NDArray[np.float32]

#: The parts of the small residual networks from the output down: what people call them, and the layers that they are.
PARTS = (
    ("the last layer", ("fc",)),
    ("stage 3", ("layer3",)),
    ("stage 2", ("layer2",)),
    ("stage 1", ("layer1",)),
    ("the first convolution", ("conv1", "bn1")),
)


def randomised(model: LoadedModel, depth: int, draw: int = 0) -> LoadedModel:
    """Copy a small residual network and fill its last `depth` parts with random numbers; the model stays as it is.

    draw: which random numbers. Batch norms of these parts get the statistics of a wholly random network, so that
    gradients still reach the picture.
    """
    import copy
    from dataclasses import replace
    from threading import RLock

    from models.alive import alive
    from models.loaded import LoadedModel as Loaded

    if not 0 <= depth <= len(PARTS):
        raise ParameterError(f"From 0 to {len(PARTS)} parts can be filled with random numbers, not {depth}.")
    names = tuple(f"{layer}." for _, layers in PARTS[:depth] for layer in layers)
    drawn = alive(model.card.builder, model.card.pixels, draw).state_dict()
    with model.lock:
        network = copy.deepcopy(model.network)
    own = network.state_dict()
    unknown = [name for name in names if not any(entry.startswith(name) for entry in own)]
    if unknown:
        raise ParameterError(f"{model.card.label} has no part {unknown[0].removesuffix('.')!r}.")
    network.load_state_dict({name: drawn[name] if name.startswith(names) else value for name, value in own.items()})
    identity = f"{model.weights.identity}:random-{depth}-{draw}"
    return Loaded(model.card, network, model.device, RLock(), replace(model.weights, kind="random", identity=identity))


def maps(model: LoadedModel, pixels: Tensor, methods: tuple[Method, ...], index: int) -> tuple[Heatmap, ...]:
    """Explain a class of pixels (1, 3, H, W) by several methods; the picture is run once."""
    import explain
    from explain.results import Heatmap as Map

    trace = explain.trace(model, pixels)
    found = tuple(explain.run(model, trace, method, index) for method in methods)
    return tuple(each for each in found if isinstance(each, Map))


def likeness(first: Floats, second: Floats) -> float | None:
    """Correlate the ranks of the sizes of two maps (Spearman), signs left aside; None where one is constant."""
    from explain.agreement import spearman

    return spearman(np.abs(first), np.abs(second))
