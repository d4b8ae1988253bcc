"""What methods and attacks cost beside their peers, in one run: `python -m benchmarks.speed`.

Attacks stand beside torchattacks and foolbox in benchmarks.attacks; here is what the page asks for on top.

Units: F = one forward without gradients, FB = forward plus gradient of the input; batch 1 at the
network's own size, fp32, same weights, same picture. Each figure is the median over interleaved rounds
(ours, theirs, F, FB, ours ...), with the smallest and largest behind it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import captum.attr
import torch
from pytorch_grad_cam import GradCAM as LibraryGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchcam.methods import GradCAM as TorchCAM

import explain
import models
from explain.suitability import default_layer, probe
from explain.sweep import SHARES, sweep

Job = Callable[[], object]


def jobs(model: models.LoadedModel) -> dict[str, tuple[str, Job, dict[str, Job]]]:
    """Name each job with its unit, our way and the peers' ways."""
    pixels, target = probe(model), explain.ClassLogit(7)
    traced = explain.trace(model, pixels)
    layer = default_layer(model)
    module = dict(model.network.named_modules())[layer]
    classes = iter(range(10**9))
    leaf = pixels.clone().requires_grad_()

    def score(moved: torch.Tensor) -> torch.Tensor:
        return model(moved)

    def library() -> object:
        with LibraryGradCAM(model=model.network, target_layers=[module]) as cam:
            return cam(input_tensor=model.normalise(leaf), targets=[ClassifierOutputTarget(7)])

    def torchcam() -> object:
        with TorchCAM(model.network, target_layer=layer) as cam:
            return cam(7, model.network(model.normalise(leaf)))

    captum_cam = captum.attr.LayerGradCam(score, module)
    captum_saliency = captum.attr.Saliency(score)
    captum_ig = captum.attr.IntegratedGradients(score)
    captum_occlusion = captum.attr.Occlusion(score)
    side = model.card.pixels.side
    window, stride = side // 7, side // 14
    return {
        "Grad-CAM, one layer, one class": (
            "F",
            lambda: explain.run(model, pixels, explain.GradCAM(), target),
            {"pytorch-grad-cam": library, "torchcam": torchcam, "captum": lambda: captum_cam.attribute(leaf, 7)},
        ),
        "another class of a traced picture": (
            "F",
            lambda: explain.run(model, traced, explain.GradCAM(), next(classes) % len(model.card.classes)),
            {"torchcam": torchcam},
        ),
        "Saliency": (
            "FB",
            lambda: explain.run(model, pixels, explain.Saliency(), target),
            {"captum": lambda: captum_saliency.attribute(leaf, 7)},
        ),
        "Integrated Gradients, 50 steps": (
            "FB",
            lambda: explain.run(model, pixels, explain.IntegratedGradients(), target),
            {"captum": lambda: captum_ig.attribute(pixels, target=7, internal_batch_size=8)},
        ),
        f"Occlusion, window {window}, stride {stride}": (
            "F",
            lambda: explain.run(model, pixels, explain.Occlusion(window=window, stride=stride), target),
            {
                "captum": lambda: captum_occlusion.attribute(
                    pixels, (3, window, window), strides=(3, stride, stride), target=7, perturbations_per_eval=8
                )
            },
        ),
        "PGD, 10 steps": ("FB", lambda: explain.run(model, traced, explain.PGD(), target), {}),
        f"PGD, 10 steps, at {len(SHARES)} sizes": ("FB", lambda: sweep(traced, explain.PGD(), target), {}),
        "DeepFool, ten candidates, one iteration": (
            "F",
            lambda: explain.run(model, traced, explain.DeepFool(steps=1), target),
            {},
        ),
    }


def forward(model: models.LoadedModel) -> Job:
    """One forward without gradients."""
    pixels = probe(model)

    def job() -> object:
        with torch.no_grad():
            return model(pixels)

    return job


def forward_and_gradient(model: models.LoadedModel) -> Job:
    """One forward and the gradient of the input."""
    pixels = probe(model)

    def job() -> object:
        leaf = pixels.clone().requires_grad_()
        return torch.autograd.grad(model(leaf)[0, 7], leaf)

    return job


def timed(job: Job) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def main() -> None:
    """Time every job beside its peers and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--weights", help="random, a version's name, or nothing for what is on the machine")
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    model = models.load(chosen.model, weights=chosen.weights)
    units = {"F": forward(model), "FB": forward_and_gradient(model)}
    print(f"{chosen.model}, {torch.get_num_threads()} threads, torch {torch.__version__}, {model.device}")
    print("| job | ours | peers |\n|---|---|---|")
    for name, (unit, ours, peers) in jobs(model).items():
        ways = {"ours": ours, **peers}
        for way in (*ways.values(), units[unit]):
            way()
        ratios: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(chosen.rounds):
            one = min(timed(units[unit]) for _ in range(3))
            for way, job in ways.items():
                ratios[way].append(timed(job) / one)
        cells = {
            way: f"{statistics.median(found):.2f} {unit} ({min(found):.2f} to {max(found):.2f})"
            for way, found in ratios.items()
        }
        print(f"| {name} | {cells.pop('ours')} | {', '.join(f'{way} {cell}' for way, cell in cells.items())} |")


if __name__ == "__main__":
    main()
