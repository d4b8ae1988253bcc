"""Answers that are known: identities, networks solvable by hand, and the libraries as oracles."""

import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import explain
import models
import toy
from explain.suitability import probe
from explain.target import ClassLogit, ClassProbability, Contrast, Target
from oracles import answered, same

TARGETS = [ClassLogit(2), ClassProbability(1), Contrast(0, 3)]


@pytest.fixture(scope="module")
def resnet() -> models.LoadedModel:
    return models.load("resnet18", weights="random", device="cpu")


@pytest.mark.parametrize("target", TARGETS)
def test_saliency_is_captums(pooled: models.LoadedModel, target: object) -> None:
    pixels = toy.picture(32)
    expected = captum.attr.Saliency(answered(pooled, target)).attribute(pixels.clone().requires_grad_())
    found = explain.run(pooled, pixels, explain.Saliency(), target)
    np.testing.assert_allclose(found.values, expected[0].amax(0).numpy(), rtol=1e-4, atol=1e-8)


def test_saliency_of_a_linear_network_is_its_weights() -> None:
    network = toy.seeded(toy.Linear())
    found = explain.run(toy.loaded(network, 3), toy.picture(), explain.Saliency(), 1)
    weights = network.fc.weight[1].reshape(3, 16, 16).abs().amax(0)
    np.testing.assert_allclose(found.values, weights.numpy(), rtol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("layer", ["layer4", "layer2.0.conv1", "layer3.1.relu_1"])
def test_grad_cam_is_captums_at_any_layer(resnet: models.LoadedModel, layer: str, target: object) -> None:
    pixels = toy.picture(224)
    found = explain.run(resnet, pixels, explain.GradCAM(layer=layer), target)
    module = dict(resnet.network.named_modules())[layer.removesuffix(".relu_1")]
    oracle = captum.attr.LayerGradCam(answered(resnet, target), module)
    expected = oracle.attribute(pixels.clone().requires_grad_(), relu_attributions=False)
    assert same(found.grid, expected.detach().numpy()) > 0.9999


def test_grad_cam_is_that_of_both_cam_libraries(resnet: models.LoadedModel) -> None:
    """Both give the map stretched to 0..1; so is ours here. torchcam keeps the layer's grid."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    from torchcam.methods import GradCAM as TorchCAM

    pixels = toy.picture(224)
    found = explain.run(resnet, pixels, explain.GradCAM(layer="layer4"), 5)
    network, normalised = resnet.network, resnet.normalise(pixels)
    with GradCAM(model=network, target_layers=[network.layer4]) as oracle:
        expected = oracle(input_tensor=normalised.clone().requires_grad_(), targets=[ClassifierOutputTarget(5)])[0]
    assert same(found.values, expected) > 0.99
    with TorchCAM(network, target_layer="layer4") as oracle:
        scores = network(normalised.clone().requires_grad_())
        small = oracle(5, scores)[0][0].detach().numpy()
    clipped = np.maximum(found.grid, 0)
    assert same(clipped / clipped.max(), small) > 0.9999
    network.requires_grad_(False)


def test_grad_cam_is_the_class_activation_map_of_a_pooled_network(pooled: models.LoadedModel) -> None:
    """Before its ReLU: sum_k w_k A_k / (h w); and it adds up to the logit without its bias."""
    trace = explain.trace(pooled, toy.picture(32))
    layer = "relu_1"
    found = explain.run(pooled, trace, explain.GradCAM(layer=layer), 3)
    activation = trace.activation(layer)[0]
    weights, bias = pooled.network.fc.weight[3], pooled.network.fc.bias[3]
    expected = (weights[:, None, None] * activation).sum(0) / activation[0].numel()
    np.testing.assert_allclose(found.grid, expected.numpy(), rtol=1e-4, atol=1e-6)
    assert found.grid.sum() + float(bias) == pytest.approx(float(trace.logits[0, 3]), abs=1e-5)


def test_grad_cam_is_upsampled_bilinearly_after_its_relu(pooled: models.LoadedModel) -> None:
    found = explain.run(pooled, toy.picture(32), explain.GradCAM(layer="relu_1"), 0)
    grid = torch.from_numpy(found.grid)[None, None]
    expected = functional.interpolate(grid.relu(), (32, 32), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(found.values, expected[0, 0].numpy(), atol=1e-7)
    assert (found.grid < 0).any() and (found.values >= 0).all()


@pytest.mark.parametrize("target", TARGETS)
def test_integrated_gradients_are_captums(pooled: models.LoadedModel, target: object) -> None:
    pixels = toy.picture(32)
    oracle = captum.attr.IntegratedGradients(answered(pooled, target))
    expected = oracle.attribute(pixels, baselines=torch.ones_like(pixels), n_steps=40).sum(1)[0]
    found = explain.run(pooled, pixels, explain.IntegratedGradients(steps=40, baseline="white"), target)
    assert same(found.values, expected.detach().numpy()) > 0.9999
    np.testing.assert_allclose(found.values, expected.detach().numpy(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("baseline", ["black", "white", "grey", "blur", "mean", "random"])
def test_integrated_gradients_add_up_to_the_difference(pooled: models.LoadedModel, baseline: str) -> None:
    method = explain.IntegratedGradients(steps=200, baseline=baseline)
    found = explain.run(pooled, toy.picture(32), method, Contrast(1, 2))
    assert found.checks["completeness"] < 0.02
    starts = method._starts(toy.picture(32))
    target = Contrast(1, 2)
    with torch.no_grad():
        difference = float((target(pooled(toy.picture(32))) - target(pooled(starts))).mean())
    assert float(found.values.sum()) == pytest.approx(difference, rel=0.02)


def test_integrated_gradients_of_a_linear_network_are_weights_times_difference() -> None:
    network = toy.seeded(toy.Linear())
    pixels = toy.picture()
    found = explain.run(toy.loaded(network, 3), pixels, explain.IntegratedGradients(steps=2, baseline="grey"), 2)
    expected = (network.fc.weight[2].reshape(3, 16, 16) * (pixels[0] - 0.5)).sum(0)
    np.testing.assert_allclose(found.values, expected.numpy(), atol=1e-5)


def test_adaptive_steps_rise_until_the_residual_is_small() -> None:
    class Steep(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            mean = pixels.mean((2, 3))
            return torch.sigmoid((mean - 0.3) * 60)

    model = toy.loaded(Steep(), 3)
    rough = explain.run(model, toy.picture(), explain.IntegratedGradients(steps=5), 0)
    fine = explain.run(model, toy.picture(), explain.IntegratedGradients(steps=5, adaptive=True), 0)
    assert rough.checks["completeness"] > 0.05 and rough.notes
    assert fine.checks["completeness"] < 0.01 and not fine.notes
    assert 5 < fine.checks["steps"] <= 40


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (5, 3), (7, 8), (32, 5), (50, 10)])
def test_occlusion_is_captums(pooled: models.LoadedModel, window: int, stride: int) -> None:
    """captum gives each colour the fall of the whole window; so do we, once for each pixel."""
    pixels, target = toy.picture(32), ClassLogit(1)
    side = min(window, 32)
    expected = captum.attr.Occlusion(answered(pooled, target)).attribute(
        pixels, (3, side, side), strides=(3, min(stride, side), min(stride, side)), baselines=0.5
    )
    method = explain.Occlusion(window=window, stride=min(stride, side), fill="grey")
    found = explain.run(pooled, pixels, method, target)
    np.testing.assert_allclose(found.values, expected[0, 0].numpy(), rtol=1e-3, atol=1e-5)


def test_occlusion_finds_the_only_pixel_that_counts() -> None:
    class OnePixel(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return torch.stack([pixels[:, 0, 5, 9] * 3, pixels[:, 1, 0, 0]], 1)

    pixels = toy.picture()
    found = explain.run(toy.loaded(OnePixel(), 2), pixels, explain.Occlusion(window=1, stride=1), 0)
    assert found.values[5, 9] == pytest.approx(3 * float(pixels[0, 0, 5, 9]), rel=1e-5)
    assert np.count_nonzero(found.values) == 1


def test_layer_activations_are_what_the_layer_gave(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    found = explain.run(pooled, trace, explain.LayerActivations(layer="conv2"))
    np.testing.assert_array_equal(found.maps, trace.activation("conv2")[0].numpy())
    flat = explain.run(pooled, trace, explain.LayerActivations(layer="fc"))
    assert flat.maps.shape == (4, 1, 1)


def test_a_single_output_explains_class_0_as_minus_the_logit() -> None:
    model = toy.loaded(toy.seeded(toy.SingleLogit()), 1)
    pixels = toy.picture()
    first = explain.run(model, pixels, explain.IntegratedGradients(), 0)
    second = explain.run(model, pixels, explain.IntegratedGradients(), 1)
    np.testing.assert_allclose(first.values, -second.values, atol=1e-6)
    assert explain.predict(model, pixels).probabilities.sum() == pytest.approx(1)


#: Methods whose values add up, and the check that holds what is missing; those that walk a path take more steps.
ADDING_UP = {
    "IntegratedGradients": ("completeness", {"steps": 200}),
    "GuidedIG": ("completeness", {"steps": 200}),
    "BlurIG": ("completeness", {"steps": 200}),
    "XRAI": ("completeness", {}),
    "GradientSHAP": ("completeness", {"samples": 500}),
    "DeepLift": ("completeness", {}),
    "FullGrad": ("completeness", {}),
    "KernelSHAP": ("completeness", {}),
    "LRP": ("conservation", {}),
}


@pytest.mark.parametrize("target", [ClassLogit(0), ClassLogit(1), Contrast(0, 1), Contrast(1, 0)])
@pytest.mark.parametrize("name", ADDING_UP)
def test_what_adds_up_adds_up_with_a_single_output_too(name: str, target: Target) -> None:
    check, settings = ADDING_UP[name]
    model = toy.loaded(toy.seeded(toy.SingleLogit()), 1, side=32, plain=False)
    method = explain.METHODS[name]
    assert explain.unsuitable(model, method) is None
    found = explain.run(model, probe(model), method(**settings), target)
    # GradientSHAP draws, so it misses something by chance.
    assert found.checks[check] < (0.05 if name == "GradientSHAP" else 0.01)
    other = explain.run(model, probe(model), method(**settings), ClassLogit(1))
    if found.signed and name != "XRAI" and target != ClassLogit(1):
        times = {ClassLogit(0): -1, Contrast(0, 1): -2, Contrast(1, 0): 2}[target]
        assert same(found.values, times * other.values) > 0.999


def test_a_constant_picture_gives_numbers_and_no_evidence() -> None:
    model = toy.loaded(toy.seeded(toy.Linear()), 3)
    found = explain.run(model, torch.zeros(1, 3, 16, 16), explain.IntegratedGradients(), 0)
    assert found.empty and found.notes and (found.values == 0).all()


def test_the_quick_check_hides_what_counts() -> None:
    class Corner(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return torch.stack([pixels[:, :, :4, :4].mean((1, 2, 3)) * 20, pixels[:, 0, 0, 0] * 0], 1)

    pixels = torch.zeros(1, 3, 16, 16)
    pixels[:, :, :4, :4] = 1
    model = toy.loaded(Corner(), 2)
    trace = explain.trace(model, pixels)
    heatmap = explain.run(model, trace, explain.Saliency(), 0)
    good = explain.quick_check(trace, heatmap, ClassLogit(0), share=16 / 256)
    assert good.before > 0.99 and good.hidden < 0.8 and good.elsewhere > 0.97 and good.passed
    upside_down = explain.Heatmap(values=heatmap.values.max() - heatmap.values, signed=False)
    assert not explain.quick_check(trace, upside_down, ClassLogit(0), share=16 / 256).passed


def test_the_quick_check_of_a_contrast_compares_two_classes() -> None:
    model = toy.loaded(toy.seeded(toy.Linear()), 3)
    trace = explain.trace(model, toy.picture())
    heatmap = explain.run(model, trace, explain.IntegratedGradients(), Contrast(0, 2))
    logits = trace.logits[0]
    expected = torch.sigmoid(logits[0] - logits[2])
    assert explain.quick_check(trace, heatmap, Contrast(0, 2)).before == pytest.approx(float(expected), abs=1e-5)
