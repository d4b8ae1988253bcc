"""Checks of maps beside Quantus, captum and pytorch-grad-cam: `python -m benchmarks.metrics` where they are installed.

By itself it writes what Quantus says of one map, of a small network whose weights never change, into the reference
that tests/known_answers compares ours with. With --speed it measures what the checks cost beside their peers, in
interleaved rounds, in units of F = one forward of one picture without gradients.

Left out, since Quantus means something else by it: Infidelity (it hides windows, and does not scale the map), ROAD (it
counts how many pictures are still named right, and version 0.6 fails on pictures with colours), Completeness (it asks
whether both sides are equal to the last bit).
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import explain
import models
from explain.control_maps import CONTROLS
from explain.gradients import input_gradients
from explain.randomising import Randomising
from models.card import ModelCard
from models.pixels import PixelSpace
from models.weights import WeightsSource

REFERENCE = Path(__file__).resolve().parents[1] / "tests" / "known_answers" / "metric_reference.json"
#: Quantus wants the number of pixels to be a multiple of those in a step, and counts each colour of a pixel.
SIDE, STEPS, SAMPLES, RADIUS = 48, 48, 10, 0.02
BOX = (6, 12, 30, 45)
TARGET = explain.ClassLogit(1)

Job = Callable[[], object]


def network() -> models.LoadedModel:
    """Return a small network of two classes, with weights from numpy's generator."""
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(192, 2),
    )
    generator = np.random.default_rng(0)
    with torch.no_grad():
        for weights in layers.parameters():
            fan = max(1, weights[0].numel())
            weights.copy_(torch.from_numpy(generator.normal(0, (2 / fan) ** 0.5, tuple(weights.shape))))
        layers[-1].weight.mul_(0.2)
        layers[-1].bias.zero_()
    space = PixelSpace(side=SIDE, resize=SIDE, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), interpolation="bilinear")
    key = "two_classes"
    card = ModelCard(key=key, label=key, family=key, builder=nn.Identity, pixels=space, classes=("one", "other"))
    source = WeightsSource(kind="file", version="", file="", identity=key)
    place = torch.device("cpu")
    return models.LoadedModel(card, layers.eval().requires_grad_(False), place, RLock(), source)


def picture() -> Tensor:
    """Draw the pixels, none of them near black or white, so that noise is not cut off."""
    drawn = np.random.default_rng(1).uniform(0.1, 0.9, (1, 3, SIDE, SIDE))
    return torch.from_numpy(drawn.astype(np.float32))


def draws(seed: int) -> list[np.ndarray]:
    """Draw the noise that MaxSensitivity adds to each copy of the picture."""
    generator = torch.Generator().manual_seed(seed)
    return [RADIUS * (2 * torch.rand((1, 3, SIDE, SIDE), generator=generator) - 1).numpy() for _ in range(SAMPLES)]


def reference() -> dict[str, Any]:
    """Ask Quantus about the map that Input x Gradient makes of the picture."""
    import quantus

    made, pixels = network(), picture()
    heatmap = explain.run(made, pixels, explain.InputXGradient(), TARGET)
    assert isinstance(heatmap, explain.Heatmap)
    plain = _Plain(made).eval()
    given = {"model": plain, "x_batch": pixels.numpy(), "y_batch": np.array([TARGET.index]), "device": "cpu"}
    quiet = {"disable_warnings": True, "display_progressbar": False, "normalise": False, "abs": False}
    box = np.zeros((1, 1, SIDE, SIDE), bool)
    box[..., BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    positive = np.maximum(heatmap.values, 0)[None, None]
    signed = heatmap.values[None, None]

    def asked(model: nn.Module, inputs: Any, targets: Any, **more: Any) -> np.ndarray:
        leaf = torch.as_tensor(np.asarray(inputs), dtype=torch.float32)
        found = leaf * input_gradients(made, leaf, explain.ClassLogit(int(targets[0])))
        return found.sum(1, keepdim=True).numpy()

    noise = iter(draws(0))

    def moved(arr: np.ndarray, indices: np.ndarray, **more: Any) -> np.ndarray:
        return (arr + next(noise).reshape(arr.shape)).astype(np.float32)

    again = {**given, "a_batch": signed, "explain_func": asked}
    flipping = quantus.PixelFlipping(features_in_step=3 * SIDE**2 // STEPS, perturb_baseline=0.0, **quiet)
    sensitive = quantus.MaxSensitivity(nr_samples=SAMPLES, perturb_func=moved, lower_bound=RADIUS, **quiet)
    other = quantus.RandomLogit(num_classes=2, similarity_func=quantus.similarity_func.correlation_spearman, **quiet)
    located = {**given, "a_batch": positive, "s_batch": box}
    return {
        "PixelFlipping": _numbers(flipping(**given, a_batch=signed, softmax=True)[0]),
        "Sparseness": _number(quantus.Sparseness(**quiet)(**given, a_batch=np.abs(signed))),
        "RelevanceMassAccuracy": _number(quantus.RelevanceMassAccuracy(**quiet)(**located)),
        "PointingGame": _number(quantus.PointingGame(**quiet)(**located)),
        "MaxSensitivity": _number(sensitive(**again)),
        "RandomLogit": _number(other(**again)),
        "MPRT": _cascades(made, pixels),
    }


def _cascades(made: models.LoadedModel, pixels: Tensor) -> dict[str, list[float]]:
    """Make the layers random from the output down, ten times: what is left of the gradient's size, by layer."""
    found: dict[str, list[float]] = {}
    for seed in range(10):
        for layer, figure in _cascade(made, pixels, seed).items():
            found.setdefault(layer, []).append(_number(figure))
    return found


def _cascade(made: models.LoadedModel, pixels: Tensor, seed: int) -> dict[str, Any]:
    import quantus

    def asked(model: nn.Module, inputs: Any, targets: Any, **more: Any) -> np.ndarray:
        leaf = torch.as_tensor(np.asarray(inputs), dtype=torch.float32).requires_grad_()
        (found,) = torch.autograd.grad(model(leaf)[0, int(targets[0])], leaf)
        # By the pixels, as ours is, rather than by what the first layer gets.
        return (found.abs() / found.new_tensor(made.card.pixels.std).view(1, 3, 1, 1)).amax(1, keepdim=True).numpy()

    cascade = quantus.MPRT(
        similarity_func=quantus.similarity_func.correlation_spearman,
        layer_order="top_down",
        seed=seed,
        normalise=False,
        disable_warnings=True,
        display_progressbar=False,
    )
    left: dict[str, Any] = cascade(
        model=copy.deepcopy(made.network),
        x_batch=made.normalise(pixels).numpy(),
        y_batch=np.array([TARGET.index]),
        explain_func=asked,
        device="cpu",
    )
    return left


class _Plain(nn.Module):
    """A loaded network as a module of pixels."""

    def __init__(self, model: models.LoadedModel) -> None:
        super().__init__()
        self._model = [model]
        self.inner = model.network

    def forward(self, pixels: Tensor) -> Tensor:
        return self._model[0](pixels)


def _number(found: Any) -> float:
    return float(np.ravel(found)[0])


def _numbers(found: Any) -> list[float]:
    return [float(value) for value in np.ravel(found)]


def jobs(model: models.LoadedModel, pixels: Tensor) -> dict[str, tuple[Job, dict[str, Job]]]:
    """Name each check, our way and the peers'; all of one Input x Gradient map.

    Ours is timed on a picture that was checked before: deletion, insertion and ROAD without the control maps, which
    peers do not have; infidelity has them from the same changed pictures.
    """
    from captum.metrics import infidelity, sensitivity_max
    from pytorch_grad_cam.metrics.road import ROADMostRelevantFirstAverage
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    trace = explain.trace(model, pixels)
    heatmap = explain.run(model, trace, explain.InputXGradient(), TARGET)
    assert isinstance(heatmap, explain.Heatmap)
    plain = _Plain(model).eval()
    coloured = torch.from_numpy(heatmap.values).expand(1, 3, -1, -1) / 3

    def noise(moved: Tensor) -> tuple[Tensor, Tensor]:
        drawn = 0.02 * (2 * torch.rand(moved.shape) - 1)
        return drawn, moved - drawn

    def asked(moved: Any) -> tuple[Tensor]:
        (shown,) = moved if isinstance(moved, tuple) else (moved,)
        return ((shown * input_gradients(model, shown, TARGET)).sum(1),)

    def ours(*names: str) -> Job:
        # As many at once as a quiet machine takes.
        return lambda: [explain.measure(trace, explain.METRICS[name](), heatmap, batch=8) for name in names]

    def unfaithful(count: int) -> Job:
        job = partial(infidelity, plain, noise, pixels, coloured, target=TARGET.index, normalize=True)
        return lambda: [job() for _ in range(count)]

    layers = len(Randomising(model, 0).layers)
    cascade = explain.RandomisationCascade(stages=layers)
    saliency = explain.run(model, trace, explain.Saliency(), TARGET)
    assert isinstance(saliency, explain.Heatmap)
    maps, targets = heatmap.values[None], [ClassifierOutputTarget(TARGET.index)]
    found: dict[str, tuple[Job, dict[str, Job]]] = {
        "Deletion and insertion, 49 + 49 steps": (ours("Deletion", "Insertion"), {}),
        "ROAD, 9 shares": (
            ours("ROAD"),
            {"pytorch-grad-cam": lambda: ROADMostRelevantFirstAverage()(pixels, maps, targets, plain)},
        ),
        "Infidelity, 10 samples": (
            ours("Infidelity"),
            {"captum, one map": unfaithful(1), "captum, as many maps as ours": unfaithful(1 + len(CONTROLS))},
        ),
        "Max-sensitivity of Input x Gradient, 10 samples": (
            ours("MaxSensitivity"),
            {"captum": lambda: sensitivity_max(asked, pixels, n_perturb_samples=10)},
        ),
    }
    found[f"Randomisation cascade of Saliency, {layers} layers"] = (
        lambda: explain.measure(trace, cascade, saliency, batch=8),
        {},
    )
    if importlib.util.find_spec("quantus"):
        import quantus

        found[f"Randomisation cascade of Saliency, {layers} layers"][1]["Quantus"] = lambda: _cascade(model, pixels, 0)
        quiet = {"disable_warnings": True, "display_progressbar": False, "normalise": False}
        label = np.array([TARGET.index])
        given = {"model": plain, "x_batch": pixels.numpy(), "y_batch": label, "a_batch": maps[:, None]}
        flipping = quantus.PixelFlipping(features_in_step=maps.size // 16, perturb_baseline=0.0, **quiet)
        found["Deletion and insertion, 49 + 49 steps"][1]["Quantus, deletion in 48 steps alone"] = lambda: flipping(
            **given, softmax=True, device="cpu"
        )
    return found


def speed(key: str, rounds: int) -> None:
    """Time every job in interleaved rounds, and print the medians in units of F."""
    # Threads that wait for work count as the processor's time, so there is one.
    torch.set_num_threads(1)
    model = models.load(key, weights="random", device="cpu")
    side = model.card.pixels.side
    pixels = nn.functional.interpolate(picture(), (side, side), mode="bilinear")

    def forward() -> object:
        with torch.no_grad():
            return model(pixels)

    for name, (ours, peers) in jobs(model, pixels).items():
        ways = {"ours": ours, **peers}
        for way in ways.values():
            way()
        took: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            unit = statistics.median(_seconds(forward) for _ in range(5))
            for way, job in ways.items():
                took[way].append(_seconds(job) / unit)
        said = ", ".join(
            f"{way} {statistics.median(each):.1f} F ({min(each):.1f} to {max(each):.1f})" for way, each in took.items()
        )
        print(f"{key}: {name}: {said}", flush=True)


def _seconds(job: Job) -> float:
    """Return the processor's seconds, which other work on the machine does not lengthen much."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        job()
    return time.process_time() - began


def main() -> None:
    """Write the reference, or measure the speed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--speed", action="store_true", help="measure what the checks cost instead")
    parser.add_argument("--models", nargs="+", default=["resnet18"], help="networks, filled with random numbers")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.speed:
        for key in chosen.models:
            speed(key, chosen.rounds)
        return
    if not importlib.util.find_spec("quantus"):
        sys.exit("Quantus is not installed here: there is nothing to compare with.")
    versions = {name: version(name) for name in ("quantus", "torch", "numpy")}
    found = {"versions": versions, "figures": reference()}
    REFERENCE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
