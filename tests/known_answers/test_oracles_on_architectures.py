"""Maps beside those of other libraries on thirteen architectures of ImageNet.

Eleven networks have seeded live random weights, two trained ones. Pictures are small (96 pixels, Inception 128, Swin
112; the ViT has fewer patches), layers are halfway, where every weighting differs. Where definitions agree the cosine
is 0.9999 or more. Where they do not:

- torchcam takes neither tokens nor channels that come last: nothing of it on vit_b_16 and swin_t. Its Grad-CAM++ sums
  g^3 A where the paper has sum(A) g^3.
- pytorch-grad-cam silences a channel by ten million below the layer's least value; here it sets zero, as the paper
  does. Score-CAM and Ablation-CAM are compared on eight channels, since the library runs the whole network for each.
- captum's hooks are put on a network written anew (own_modules.py); what it says on the network itself, and what both
  CAM libraries keep where a network writes over a layer, stands in test_where_oracles_are_wrong.py.
- pytorch-grad-cam's FullGrad knows no implicit biases, so it is asked only where all activations are ReLUs; elsewhere
  the parts must add up (test_right_or_refused.py), and so must DeepLIFT's where products and norms have no rule in
  captum, and LRP's where zennit has no canonizer.
- PAIR's Blur IG takes the gradient at the start of each step of even width, ours in the middle of steps that grow;
  both tend to one integral, so the path is short here and the steps are many.
- captum's GradientSHAP draws its points; on the same ones it is compared in test_gradients.py.

LIME and KernelSHAP run in captum itself: one small network is enough for them (test_perturbation.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from captum.attr._core import deep_lift
from saliency.core import blur_ig, gradients, guided_ig, xrai
from torch import nn
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlus
from zennit.torchvision import ResNetCanonizer, VGGCanonizer

import explain
import oracles
from architectures import NETWORKS, Case, on, on_all_but
from explain import class_activation, regions, silencing
from explain.methods import score_cam
from explain.relevance import Relevance
from explain.target import Contrast
from oracles import asked, same
from own_modules import Ceiled, own_modules

pytestmark = pytest.mark.slow

TOKENS = ("vit_b_16", "swin_t")
WITHOUT_RELU = ("efficientnet_b0", "convnext_tiny", *TOKENS)
RELUS_ALONE = ("resnet18", "resnet50", "vgg16_bn", "densenet121", "googlenet", "inception_v3", "squeezenet1_1")
#: Where the layer halfway is no ReLU's, and some channel's alpha in Grad-CAM++ is below 0 or above 1.
OUT_OF_BOUNDS = ("densenet121", "convnext_tiny", "swin_t", "mobilenet_v2")
COSINE = 0.9999


def agree(found: Any, expected: Any, at_least: float = COSINE, because: str = "") -> None:
    assert np.any(np.asarray(found)), because
    assert same(found, expected) >= at_least, because


# Class activation maps


@on(*NETWORKS)
def test_maps_of_one_layer_are_pytorch_grad_cams(case: Case) -> None:
    """The sign of a component is arbitrary: ours is turned to agree with the map that it is a component of."""
    names = ("GradCAM", "XGradCAM", "HiResCAM", "LayerCAM", "EigenCAM", "EigenGradCAM")
    grids = oracles.pytorch_grad_cam_grids(case.model, names, case.layer, case.pixels, case.target, case.laid)
    for name, expected in zip(names, grids, strict=True):
        found = asked(case.model, name, case.target, case.trace, layer=case.layer).grid
        turned = np.sign(np.sum(found * expected)) if name.startswith("Eigen") else 1
        agree(found, turned * expected, because=name)


@on(*NETWORKS)
def test_grad_cam_plus_plus_is_pytorch_grad_cams_and_says_where_its_alpha_leaves_its_bounds(case: Case) -> None:
    found = asked(case.model, "GradCAMPlusPlus", case.target, case.trace, layer=case.layer)
    (expected,) = oracles.pytorch_grad_cam_grids(
        case.model, ("GradCAMPlusPlus",), case.layer, case.pixels, case.target, case.laid
    )
    agree(found.grid, expected)
    assert any("leave their range" in note for note in found.notes) == (case.key in OUT_OF_BOUNDS)


@on(*NETWORKS)
def test_finer_cam_is_pytorch_grad_cams(case: Case) -> None:
    found = asked(case.model, "FinerCAM", case.target, case.trace, layer=case.layer, alpha=0.6).grid
    agree(found, oracles.finer_cam_grid(case.model, case.layer, case.pixels, case.target.index, 0.6, case.laid))


@pytest.mark.parametrize("name", ["GradCAM", "XGradCAM", "LayerCAM", "FinerCAM"])
@on_all_but(*TOKENS)
def test_maps_of_one_layer_are_torchcams(case: Case, name: str) -> None:
    settings = {"references": 3, "alpha": 0.6, "weighting": "equal"} if name == "FinerCAM" else {}
    found = asked(case.model, name, case.target, case.trace, layer=case.layer, **settings)
    expected = oracles.torchcam_grid(case.model, name, case.layer, case.pixels, case.target.index)
    agree(np.maximum(found.grid, 0), expected)


@on("resnet18", "resnet50", "densenet121", "googlenet", "inception_v3", "efficientnet_b0", "mobilenet_v2")
def test_cam_is_torchcams(case: Case) -> None:
    """On the networks that end in averaging and one linear layer; swin_t's is left out with its other layers.

    DenseNet's last ReLU is a function that writes into `features`: for once the library keeps what was meant.
    """
    found = asked(case.model, "CAM", case.target, case.trace)
    module = "features" if case.key == "densenet121" else found.layer
    expected = oracles.torchcam_grid(case.model, "CAM", module, case.pixels, case.target.index)
    agree(np.maximum(found.grid, 0), expected)


@on(*NETWORKS)
def test_score_cam_is_pytorch_grad_cams(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    activation = class_activation.activation_of(case.trace, case.layer)[::8][:8]
    monkeypatch.setattr(score_cam, "activation_of", lambda trace, layer: activation)
    weights = oracles.channel_weights(
        case.model, "ScoreCAM", case.layer, case.pixels, case.target, activation[None], reshape_transform=case.laid
    )
    expected = np.tensordot(weights, activation, 1)
    agree(asked(case.model, "ScoreCAM", case.target, case.trace, layer=case.layer).grid, expected)


@on(*NETWORKS)
def test_ablation_cams_weights_are_pytorch_grad_cams(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    activation = class_activation.activation_of(case.trace, case.layer)[:8]
    monkeypatch.setattr(silencing, "channels_of", lambda model, layer: (case.axes.index("C"), 8))
    expected = oracles.channel_weights(
        *(case.model, "AblationCAM", case.layer, case.pixels, case.target, activation[None]),
        reshape_transform=case.laid, ablation_layer=oracles.Zeroing(case.axes), batch_size=4,
    )
    score = float(case.target(case.trace.logits))
    agree(silencing.drops(case.trace, case.layer, case.target).values / score, expected)


@on(*RELUS_ALONE, "mobilenet_v2")
def test_full_grad_is_pytorch_grad_cams(case: Case) -> None:
    """Where mobilenet_v2's ReLU6 bends it adds a bias of six, which the library leaves out: hardly any do."""
    found = asked(case.model, "FullGrad", case.target, case.trace).values
    expected = oracles.full_grad(case.model, case.pixels, case.target)
    agree(found - found.min(), expected, 0.9998 if case.key == "mobilenet_v2" else COSINE)


# Gradients


@on(*NETWORKS)
def test_plain_gradients_are_captums_and_pairs(case: Case) -> None:
    pixels, network = case.pixels, oracles.answered(case.model, case.target)
    leaf = pixels.clone().requires_grad_()
    expected = captum.attr.Saliency(network).attribute(leaf)[0].amax(0)
    found = asked(case.model, "Saliency", case.target, case.trace).values
    agree(found, expected.detach())
    pair = gradients.GradientSaliency().GetMask(oracles.picture_of(pixels), oracles.called(case.model, case.target))
    agree(found, np.abs(pair).max(-1))
    found = asked(case.model, "InputXGradient", case.target, case.trace).values
    agree(found, oracles.quietly(captum.attr.InputXGradient(network), pixels))


@pytest.mark.parametrize(("name", "kind"), [("SmoothGrad", "smoothgrad"), ("VarGrad", "vargrad")])
@on(*NETWORKS)
def test_averages_over_noise_are_captums(case: Case, name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same draws; a contrast of two classes, for once. SmoothGrad-Squared shares all of it.

    One copy at a time, as points below: two at once change Inception's gradients in the fourth digit.
    """
    target = Contrast(case.target.index, 1)
    oracles.with_the_same_noise(monkeypatch, oracles.drawn(case.pixels, 2))
    oracle = captum.attr.NoiseTunnel(captum.attr.Saliency(oracles.answered(case.model, target)))
    width = 0.15 * float(case.pixels.max() - case.pixels.min())
    settings = {"nt_type": kind, "nt_samples": 2, "nt_samples_batch_size": 1, "stdevs": width}
    expected = oracle.attribute(case.pixels, **settings, abs=False)[0]
    agree(asked(case.model, name, target, case.trace, batch=1, samples=2).values, expected.abs().amax(0))


@on(*NETWORKS)
def test_integrated_gradients_are_captums(case: Case) -> None:
    oracle = captum.attr.IntegratedGradients(oracles.answered(case.model, case.target))
    expected = oracles.quietly(oracle, case.pixels, torch.ones_like(case.pixels), n_steps=3, internal_batch_size=1)
    settings = {"steps": 3, "baseline": "white"}
    agree(asked(case.model, "IntegratedGradients", case.target, case.trace, batch=1, **settings).values, expected)


@on(*NETWORKS)
def test_guided_ig_is_pairs(case: Case) -> None:
    with oracles.numpy_before_2_4():
        expected = guided_ig.GuidedIG().GetMask(
            *(oracles.picture_of(case.pixels), oracles.called(case.model, case.target)), x_steps=3, max_dist=0.1
        )
    agree(asked(case.model, "GuidedIG", case.target, case.trace, steps=3, max_dist=0.1).values, expected.sum(-1))


@pytest.mark.parametrize(
    ("case", "at_least"), [("efficientnet_b0", COSINE), ("squeezenet1_1", 0.99)], indirect=["case"], scope="module"
)
def test_blur_ig_is_pairs(case: Case, at_least: float) -> None:
    """ReLUs bend the score in many places, between which so few points fall differently here and there."""
    expected = blur_ig.BlurIG().GetMask(
        *(oracles.picture_of(case.pixels), oracles.called(case.model, case.target)),
        max_sigma=2.0, steps=60, grad_step=1e-3, batch_size=5,
    )
    agree(asked(case.model, "BlurIG", case.target, case.trace, steps=60, widest=2.0).values, expected.sum(-1), at_least)


@on("mobilenet_v2", "resnet18")
def test_xrai_is_captums_gradients_ranked_by_pair(case: Case) -> None:
    """The regions are ours, PAIR's being wider on pictures below 224 pixels (see test_gradients.py)."""
    oracle = captum.attr.IntegratedGradients(oracles.answered(case.model, case.target))
    both = [oracle.attribute(case.pixels, start, n_steps=3, internal_batch_size=1) for start in (0.0, 1.0)]
    shares = torch.stack(both).mean(0)[0].permute(1, 2, 0).detach().numpy()
    picture, fewest = oracles.picture_of(case.pixels), int(np.ceil(50 * (96 / 224) ** 2))
    expected, _ = xrai.XRAI._xrai(shares.max(-1), list(regions.regions(picture)), min_pixel_diff=fewest)
    agree(asked(case.model, "XRAI", case.target, case.trace, batch=1, steps=3).values, expected)


# Changed rules


@pytest.mark.parametrize("name", ["GuidedBackprop", "Deconvnet"])
@on(*NETWORKS)
def test_rectified_gradients_are_captums_or_refused_where_they_are_the_plain_gradient(case: Case, name: str) -> None:
    relu6 = partial(Ceiled, closing=name == "GuidedBackprop")
    network = case.model.network if case.key in TOKENS else own_modules(case.model, relu6)
    kind = {"GuidedBackprop": captum.attr.GuidedBackprop, "Deconvnet": captum.attr.Deconvolution}[name]
    expected = oracles.quietly(kind(oracles.OfPixels(case.model, network)), case.pixels, target=case.target.index)
    plain = case.trace.input_gradient(case.target)[0].sum(0).numpy()
    if case.key in WITHOUT_RELU:
        agree(plain, expected, 1 - 1e-6)
        assert "no ReLU" in str(explain.unsuitable(case.model, explain.METHODS[name]))
    else:
        assert same(plain, expected) < 0.9
        agree(asked(case.model, name, case.target, case.trace).values, expected)


@on("resnet18", "vgg16_bn", "squeezenet1_1")
def test_guided_grad_cam_is_captums(case: Case) -> None:
    """captum enlarges Grad-CAM by repeating unless told otherwise; the paper, and we, do so bilinearly."""
    answering = oracles.OfPixels(case.model)
    oracle = captum.attr.GuidedGradCam(answering, answering.network.get_submodule(case.layer))
    expected = oracles.quietly(oracle, case.pixels, target=case.target.index, interpolate_mode="bilinear")
    agree(asked(case.model, "GuidedGradCAM", case.target, case.trace, layer=case.layer).values, expected)


@on(*RELUS_ALONE, "mobilenet_v2")
def test_deep_lift_is_captums(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """captum has no rule for ReLU6 of its own; it gets the one for elementwise functions."""
    monkeypatch.setitem(deep_lift.SUPPORTED_NON_LINEAR, nn.ReLU6, deep_lift.nonlinear)
    oracle = captum.attr.DeepLift(oracles.OfPixels(case.model, own_modules(case.model)))
    expected = oracles.quietly(oracle, case.pixels, torch.zeros_like(case.pixels), target=case.target.index)
    agree(asked(case.model, "DeepLift", case.target, case.trace).values, expected)


@on("resnet18", "resnet50", "vgg16_bn", "squeezenet1_1")
def test_relevance_is_zennits_with_its_own_canonizers(case: Case) -> None:
    logits = case.trace.logits
    start = torch.eye(logits.shape[1])[[case.target.index]] * logits
    found = Relevance(case.model, case.pixels, start, "epsilon_plus").shares(logits, biases=True)
    canonizers = [ResNetCanonizer() if "resnet" in case.key else VGGCanonizer()]
    with Gradient(model=case.model.network, composite=EpsilonPlus(canonizers=canonizers)) as attributor:
        _, expected = attributor(case.model.normalise(case.pixels), lambda scores: start)
    agree(found, expected[0].sum(0))


# Perturbation


@on(*NETWORKS)
def test_occlusion_is_captums(case: Case) -> None:
    oracle = captum.attr.Occlusion(oracles.answered(case.model, case.target))
    settings = {"sliding_window_shapes": (3, 64, 64), "strides": (3, 30, 30), "perturbations_per_eval": 1}
    expected = oracles.quietly(oracle, case.pixels, baselines=0.5, **settings)
    found = asked(case.model, "Occlusion", case.target, case.trace, batch=1, window=64, stride=30, fill="grey")
    agree(found.values, expected)


@on(*NETWORKS)
def test_rise_is_the_loop_of_the_paper(case: Case) -> None:
    method = explain.RISE(samples=10, centred=False)
    masks = torch.from_numpy(oracles.rise_masks(method, case.pixels.shape[-1])).float()
    with torch.no_grad():
        scores = torch.cat([case.target(case.model(case.pixels * mask)) for mask in masks])
    expected = (scores[:, None, None] * masks).sum(0) / (10 * method.keep)
    agree(explain.run(case.model, case.trace, method, case.target, batch=1).values, expected)
