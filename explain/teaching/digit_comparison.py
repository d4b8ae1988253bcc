"""Five ways to tell digits, learned from the same pictures: three networks, and two machines without layers.

Each learns from the training part alone, as it is or with copies that are shifted by a pixel; networks keep the weights
of the epoch that names most of the validation part right. Nothing here sees the test part but `measured`.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.teaching.digit_network import DigitNetwork, build, folded
from explain.teaching.digits import Digits, inputs, shifted

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from explain.teaching.digits import Grey, Part

    #: Names the digit on each of the pictures (N, 8, 8).
    Namer = Callable[[Grey], NDArray[np.int64]]

#: How the networks learn: AdamW on the cross-entropy, the rate rising to this one and falling to nothing.
EPOCHS, BATCH, RATE, DECAY = 40, 32, 1e-2, 1e-2
#: Trees of the random forest.
TREES = 200
#: One pixel up, down, left and right, as (down, right).
SHIFTS = ((-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True)
class Learned:
    """What has learned: how it names digits, how many numbers it learned, and what they are."""

    name: Namer
    size: int
    sized: str


@dataclass(frozen=True)
class Contestant:
    """One way to tell digits.

    learn: from the pictures, with a seed, and with shifted copies or without. random: whether the seed matters.
    """

    key: str
    label: str
    learn: Callable[[Digits, int, bool], Learned]
    random: bool = True


def trained(settings: DigitNetwork, data: Digits, seed: int, shifts: bool = False) -> nn.Sequential:
    """Train a network, and return it as it was after the epoch that named most of the validation part right.

    shifts: whether each picture is shown now as it is and now shifted. Batch norms are folded into other layers.
    """
    import torch

    network = build(settings, seed)
    parameters = list(network.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=DECAY)
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.from_numpy(np.stack([inputs(each) for each in _copies(data.training.pixels, shifts)]))
    labels = torch.from_numpy(data.training.labels)
    steps = EPOCHS * -(-len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    best, kept = -1.0, network
    for _ in range(EPOCHS):
        network.train()
        copies = torch.randint(len(pixels), labels.shape, generator=generator)
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH):
            loss = torch.nn.functional.cross_entropy(network(pixels[copies[batch], batch]), labels[batch])
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = gradient
            optimiser.step()
            schedule.step()
        right = _right(_namer(network), data.validation)
        if right >= best:
            best, kept = right, copy.deepcopy(network)
    return folded(kept)


def _copies(pixels: Grey, shifts: bool) -> list[Grey]:
    """List the pictures as they are and, if asked for, shifted each way."""
    return [pixels, *(shifted(pixels, *each) for each in SHIFTS if shifts)]


def _network(settings: DigitNetwork) -> Callable[[Digits, int, bool], Learned]:
    def learn(data: Digits, seed: int, shifts: bool) -> Learned:
        network = trained(settings, data, seed, shifts)
        return Learned(_namer(network), sum(each.numel() for each in network.parameters()), "weights and biases")

    return learn


def _namer(network: nn.Sequential) -> Namer:
    import torch

    def name(pixels: Grey) -> NDArray[np.int64]:
        network.eval()
        with torch.no_grad():
            named: NDArray[np.int64] = network(torch.from_numpy(inputs(pixels))).argmax(1).numpy()
        return named

    return name


def _vectors(pixels: Grey) -> NDArray[np.float32]:
    """Lay each picture's pixels in a row."""
    return inputs(pixels).reshape(len(pixels), -1)


def _table(data: Digits, shifts: bool) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Lay out what machines without layers learn from."""
    copies = _copies(data.training.pixels, shifts)
    return _vectors(np.concatenate(copies)), np.tile(data.training.labels, len(copies))


def _support_vectors(data: Digits, seed: int, shifts: bool) -> Learned:
    machine = import_module("sklearn.svm").SVC(C=10.0, gamma="scale").fit(*_table(data, shifts))
    size = machine.support_vectors_.size + machine.dual_coef_.size + machine.intercept_.size
    return Learned(_predictor(machine), size, f"numbers of {len(machine.support_vectors_):,} support vectors")


def _forest(data: Digits, seed: int, shifts: bool) -> Learned:
    kind = import_module("sklearn.ensemble").RandomForestClassifier
    forest = kind(TREES, random_state=seed, n_jobs=1).fit(*_table(data, shifts))
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    return Learned(_predictor(forest), nodes, f"nodes of {TREES} trees")


def _predictor(machine: Any) -> Namer:
    def name(pixels: Grey) -> NDArray[np.int64]:
        named: NDArray[np.int64] = machine.predict(_vectors(pixels))
        return named

    return name


#: What is shipped, and what is like it but for one thing.
SHIPPED = DigitNetwork(batch_norm=True)
UNPOOLED = dataclasses.replace(SHIPPED, pooling="none")
CONNECTED = dataclasses.replace(SHIPPED, maps=(), hidden=(40, 24))
CONTESTANTS = (
    Contestant("cnn", "Convolutional network", _network(SHIPPED)),
    Contestant("unpooled", "The same without pooling", _network(UNPOOLED)),
    Contestant("connected", "Fully connected network", _network(CONNECTED)),
    Contestant("svm", "Support vector machine", _support_vectors, random=False),
    Contestant("forest", "Random forest", _forest),
)


def measured(contestant: Contestant, data: Digits, seeds: tuple[int, ...], shifts: bool = False) -> dict[str, Any]:
    """Let a contestant learn once for each seed, and measure it on the test part as it is and shifted by one pixel.

    Returns accuracy and shifted (the mean over the four directions), a number for every seed; size, what it counts,
    and the seconds of processor time that learning took. shifts: whether it learns from shifted copies too.
    """
    # Importing a library is not learning.
    for library in ("torch", "sklearn.svm", "sklearn.ensemble"):
        import_module(library)
    found: dict[str, Any] = {"accuracy": [], "shifted": [], "seconds": []}
    for seed in seeds if contestant.random else seeds[:1]:
        start = time.process_time()
        learned = contestant.learn(data, seed, shifts)
        found["seconds"].append(round(time.process_time() - start, 3))
        found["accuracy"].append(round(_right(learned.name, data.test), 5))
        found["shifted"].append(round(float(np.mean([_right(learned.name, data.test, each) for each in SHIFTS])), 5))
        found |= {"size": learned.size, "sized": learned.sized}
    return found


def _right(name: Namer, part: Part, shift: tuple[int, int] = (0, 0)) -> float:
    """Return the share that is named right, of the pictures moved by (down, right)."""
    return float((name(shifted(part.pixels, *shift)) == part.labels).mean())
