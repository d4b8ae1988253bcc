"""What benchmarks.speed times: each job our way and the peers' ways, by group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import captum.attr
import numpy as np
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor
from torchcam import methods as torchcam

import explain
import models
from explain.suitability import default_layer, probe
from explain.superpixels import superpixels
from explain.sweep import SHARES, sweep
from explain.tracing import Trace

Job = Callable[[], object]
#: The class asked about.
INDEX = 7
#: CAMs of one layer that need one gradient.
GRADIENT_CAMS = ("GradCAM", "GradCAMPlusPlus", "XGradCAM", "HiResCAM", "LayerCAM")
#: Those that torchcam has, by its names.
TORCHCAM = ("GradCAM", "GradCAMpp", "XGradCAM", "LayerCAM")
TOP = range(5)
SAMPLES = 50


@dataclass(frozen=True)
class Timed:
    """A job: its unit ("F" or "FB"), our way, the peers' ways, and how many of something it does (1: the job whole)."""

    unit: str
    ours: Job
    peers: dict[str, Job] = field(default_factory=dict)
    count: int = 1


@dataclass(frozen=True)
class Peers:
    """The other libraries' ways of asking about one picture."""

    model: models.LoadedModel
    pixels: Tensor
    layer: str

    def score(self, pixels: Tensor) -> Tensor:
        """Give logits for pixels, as captum wants its network."""
        return self.model(pixels)

    def captum(self, name: str) -> Any:
        """Make one of captum's methods that take any function."""
        return getattr(captum.attr, name)(self.score)

    def pytorch_grad_cam(self, *names: str, classes: Any = (INDEX,), **settings: Any) -> Job:
        """Ask pytorch-grad-cam for maps of the default layer."""
        module = dict(self.model.network.named_modules())[self.layer]
        leaf = self.model.normalise(self.pixels).clone().requires_grad_()

        def job() -> object:
            found = []
            for name in names:
                method = getattr(pytorch_grad_cam, name)
                with method(model=self.model.network, target_layers=[module], **settings) as cam:
                    found += [cam(input_tensor=leaf, targets=[ClassifierOutputTarget(index)]) for index in classes]
            return found

        return job

    def torchcam(self, *names: str, classes: Any = (INDEX,), **settings: Any) -> Job:
        """Ask torchcam for maps of the default layer, all from one forward."""
        leaf = self.model.normalise(self.pixels).clone().requires_grad_()

        def job() -> object:
            cams = [getattr(torchcam, name)(self.model.network, self.layer, **settings) for name in names]
            logits = self.model.network(leaf)
            more: dict[str, Any] = {"retain_graph": True} if len(cams) * len(classes) > 1 else {}
            found = [cam(index, logits, **more) for cam in cams for index in classes]
            for cam in cams:
                cam.remove_hooks()
            return found

        return job


def jobs(model: models.LoadedModel) -> dict[str, dict[str, Timed]]:
    """Name each job, by group."""
    pixels = probe(model)
    peers = Peers(model, pixels, default_layer(model))
    return {
        "CAM": cams(model, pixels, peers),
        "gradients": gradients(model, pixels, peers),
        "perturbation": perturbation(model, pixels, peers),
        "attacks": attacks(model, pixels),
    }


def cams(model: models.LoadedModel, pixels: Tensor, peers: Peers) -> dict[str, Timed]:
    """Name the jobs of class activation maps."""
    traced = explain.trace(model, pixels)
    classes = iter(range(10**9))
    module = dict(model.network.named_modules())[peers.layer]
    captum_cam = captum.attr.LayerGradCam(peers.score, module)
    leaf = pixels.clone().requires_grad_()

    def ask(*methods: explain.Method, classes: Any = (INDEX,)) -> Job:
        def job() -> object:
            trace = explain.trace(model, pixels)
            return [explain.run(model, trace, method, index) for method in methods for index in classes]

        return job

    channels = traced.activation(peers.layer).shape[1]
    return {
        "Grad-CAM, one layer, one class": Timed(
            "F",
            ask(explain.GradCAM()),
            {
                "pytorch-grad-cam": peers.pytorch_grad_cam("GradCAM"),
                "torchcam": peers.torchcam("GradCAM"),
                "captum": lambda: captum_cam.attribute(leaf, INDEX),
            },
        ),
        "five gradient CAMs of one layer": Timed(
            "F",
            ask(*(explain.METHODS[name]() for name in GRADIENT_CAMS)),
            {
                "pytorch-grad-cam": peers.pytorch_grad_cam(*GRADIENT_CAMS),
                "torchcam, four of them": peers.torchcam(*TORCHCAM),
            },
        ),
        "Eigen-CAM": Timed("F", ask(explain.EigenCAM()), {"pytorch-grad-cam": peers.pytorch_grad_cam("EigenCAM")}),
        "Grad-CAM of five classes": Timed(
            "F",
            ask(explain.GradCAM(), classes=TOP),
            {
                "pytorch-grad-cam": peers.pytorch_grad_cam("GradCAM", classes=TOP),
                "torchcam": peers.torchcam("GradCAM", classes=TOP),
            },
        ),
        "another class of a traced picture": Timed(
            "F",
            lambda: explain.run(model, traced, explain.GradCAM(), next(classes) % len(model.card.classes)),
            {"torchcam": peers.torchcam("GradCAM")},
        ),
        "Score-CAM, per channel": Timed(
            "F",
            ask(explain.ScoreCAM()),
            {
                "torchcam": peers.torchcam("ScoreCAM", batch_size=8),
                "pytorch-grad-cam": peers.pytorch_grad_cam("ScoreCAM"),
            },
            channels,
        ),
        f"Ablation-CAM, {channels} channels": Timed(
            "F", ask(explain.AblationCAM()), {"pytorch-grad-cam": peers.pytorch_grad_cam("AblationCAM", batch_size=8)}
        ),
    }


def gradients(model: models.LoadedModel, pixels: Tensor, peers: Peers) -> dict[str, Timed]:
    """Name the jobs of gradients and their rules."""
    noise = captum.attr.NoiseTunnel(captum.attr.Saliency(peers.score))
    network = torch.nn.Sequential(_Normalising(model), model.network).eval()
    leaf = pixels.clone().requires_grad_()
    black = torch.zeros_like(pixels)

    def ask(method: explain.Method) -> Job:
        return lambda: explain.run(model, pixels, method, INDEX)

    def both() -> object:
        trace = Trace(model, pixels)
        return [explain.run(model, trace, method, INDEX) for method in (explain.Saliency(), explain.InputXGradient())]

    return {
        "Saliency": Timed(
            "FB", ask(explain.Saliency()), {"captum": lambda: peers.captum("Saliency").attribute(leaf, INDEX)}
        ),
        "Input x Gradient": Timed(
            "FB",
            ask(explain.InputXGradient()),
            {"captum": lambda: peers.captum("InputXGradient").attribute(leaf, INDEX)},
        ),
        "both of one picture": Timed(
            "FB",
            both,
            {
                "captum": lambda: [
                    peers.captum(name).attribute(leaf, INDEX) for name in ("Saliency", "InputXGradient")
                ]
            },
        ),
        "Guided Backprop": Timed(
            "FB",
            ask(explain.GuidedBackprop()),
            {"captum": lambda: captum.attr.GuidedBackprop(network).attribute(leaf, INDEX)},
        ),
        "SmoothGrad, 32 copies": Timed(
            "FB",
            ask(explain.SmoothGrad(samples=32)),
            {
                "captum, batches of 4": lambda: noise.attribute(
                    leaf, nt_samples=32, nt_samples_batch_size=4, stdevs=0.15, target=INDEX
                )
            },
        ),
        "Integrated Gradients, 50 steps": Timed(
            "FB",
            ask(explain.IntegratedGradients()),
            {
                "captum, batches of 8": lambda: peers.captum("IntegratedGradients").attribute(
                    pixels, target=INDEX, internal_batch_size=8
                )
            },
        ),
        "GradientSHAP, 32 samples": Timed(
            "FB",
            ask(explain.GradientSHAP(samples=32)),
            {
                "captum": lambda: peers.captum("GradientShap").attribute(
                    pixels, torch.rand_like(pixels), n_samples=32, target=INDEX
                )
            },
        ),
        "DeepLIFT": Timed(
            "FB",
            ask(explain.DeepLift()),
            {"captum": lambda: captum.attr.DeepLift(network).attribute(leaf, black, INDEX)},
        ),
        "LRP": Timed("FB", ask(explain.LRP())),
    }


def perturbation(model: models.LoadedModel, pixels: Tensor, peers: Peers) -> dict[str, Timed]:
    """Name the jobs that hide parts of the picture."""
    side = model.card.pixels.side
    window, stride = side // 7, side // 14
    cut = torch.from_numpy(superpixels(pixels[0].permute(1, 2, 0).numpy(), SAMPLES).astype(np.int64))[None, None]

    def surrogate(name: str) -> Job:
        return lambda: peers.captum(name).attribute(
            pixels, target=INDEX, feature_mask=cut, n_samples=SAMPLES, perturbations_per_eval=8
        )

    def ask(method: explain.Method) -> Job:
        return lambda: explain.run(model, pixels, method, INDEX)

    return {
        f"Occlusion, window {window}, stride {stride}": Timed(
            "F",
            ask(explain.Occlusion(window=window, stride=stride)),
            {
                "captum, batches of 8": lambda: peers.captum("Occlusion").attribute(
                    pixels, (3, window, window), strides=(3, stride, stride), target=INDEX, perturbations_per_eval=8
                )
            },
        ),
        f"LIME, {SAMPLES} samples": Timed(
            "F", ask(explain.LIME(samples=SAMPLES)), {"captum, batches of 8": surrogate("Lime")}
        ),
        f"KernelSHAP, {SAMPLES} samples": Timed(
            "F", ask(explain.KernelSHAP(samples=SAMPLES)), {"captum, batches of 8": surrogate("KernelShap")}
        ),
        f"RISE, {SAMPLES} masks": Timed("F", ask(explain.RISE(samples=SAMPLES))),
    }


def attacks(model: models.LoadedModel, pixels: Tensor) -> dict[str, Timed]:
    """Name the jobs that the page of attacks asks for; benchmarks.attacks has the peers."""
    traced, target = explain.trace(model, pixels), explain.ClassLogit(INDEX)
    return {
        "PGD, 10 steps": Timed("FB", lambda: explain.run(model, traced, explain.PGD(), target)),
        f"PGD, 10 steps, at {len(SHARES)} sizes": Timed("FB", lambda: sweep(traced, explain.PGD(), target)),
        "DeepFool, ten candidates, one iteration": Timed(
            "F", lambda: explain.run(model, traced, explain.DeepFool(steps=1), target)
        ),
    }


class _Normalising(torch.nn.Module):
    """Takes pixels, for peers that want a module and not a function."""

    def __init__(self, model: models.LoadedModel) -> None:
        super().__init__()
        self.normalise = model.normalise

    def forward(self, pixels: Tensor) -> Tensor:
        return self.normalise(pixels)
