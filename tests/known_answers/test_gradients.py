"""The gradient methods: identities, networks solvable by hand, and captum and PAIR's saliency as oracles."""

import itertools
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from PIL import Image
from saliency.core import blur_ig, gradients, guided_ig, integrated_gradients, xrai
from scipy import ndimage
from torch import Tensor, nn

import explain
import models
import toy
from explain import many_gradients, regions
from explain.agreement import spearman
from explain.averaging import Moments
from explain.methods.blur_ig import blurred
from explain.target import ClassLogit, ClassProbability, Contrast
from oracles import answered, called, drawn, numpy_before_2_4, picture_of, same, with_the_same_noise

TARGETS = [ClassLogit(2), ClassProbability(1), Contrast(0, 3)]
NOISY = [explain.SmoothGrad, explain.SmoothGradSquared, explain.VarGrad]
COMPLETE = [explain.IntegratedGradients, explain.GradientSHAP, explain.BlurIG, explain.GuidedIG]


@pytest.fixture
def trained(request: pytest.FixtureRequest, test_data: Path, monkeypatch: pytest.MonkeyPatch) -> models.LoadedModel:
    """A network of ImageNet: `key` with its trained weights, or `key random` with seeded ones."""
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(test_data / "weights"))
    key, _, kind = request.param.partition(" ")
    return models.load(key, weights=kind or None, device="cpu")


# Input x Gradient and Saliency


@pytest.mark.parametrize("target", TARGETS)
def test_input_x_gradient_is_captums(pooled: models.LoadedModel, target: Any) -> None:
    pixels = toy.picture(32)
    expected = captum.attr.InputXGradient(answered(pooled, target)).attribute(pixels.clone().requires_grad_())
    found = explain.run(pooled, pixels, explain.InputXGradient(), target)
    assert found.signed and (found.values < 0).any() and (found.values > 0).any()
    np.testing.assert_allclose(found.values, expected[0].sum(0).detach().numpy(), rtol=1e-4, atol=1e-7)


def test_input_x_gradient_of_a_linear_network_is_weights_times_picture_and_adds_up_to_the_score() -> None:
    network, pixels = toy.seeded(toy.Linear()), toy.picture()
    found = explain.run(toy.loaded(network, 3), pixels, explain.InputXGradient(), 1)
    weights = network.fc.weight[1].reshape(3, 16, 16)
    np.testing.assert_allclose(found.values, (weights * pixels[0]).sum(0).numpy(), atol=1e-6)
    score = float(network(pixels)[0, 1] - network.fc.bias[1])
    assert float(found.values.sum()) == pytest.approx(score, abs=1e-4)


def test_saliency_is_that_of_pair(everyday: models.LoadedModel, photograph: Image.Image) -> None:
    trace, target = explain.trace(everyday, photograph), ClassLogit(3)
    expected = gradients.GradientSaliency().GetMask(picture_of(trace.pixels), called(everyday, target))
    assert same(explain.run(everyday, trace, explain.Saliency(), target).values, np.abs(expected).max(-1)) > 0.9999


# SmoothGrad, SmoothGrad-Squared, VarGrad


@pytest.mark.parametrize("target", TARGETS)
def test_smoothgrad_without_noise_is_the_gradient(everyday: models.LoadedModel, target: Any) -> None:
    trace = explain.trace(everyday, toy.picture(64))
    plain = explain.run(everyday, trace, explain.Saliency(), target).values
    np.testing.assert_array_equal(explain.run(everyday, trace, explain.SmoothGrad(noise=0), target).values, plain)
    squared = explain.run(everyday, trace, explain.SmoothGradSquared(noise=0), target).values
    np.testing.assert_allclose(squared, plain.astype(float) ** 2, rtol=1e-6)
    varied = explain.run(everyday, trace, explain.VarGrad(noise=0), target)
    assert varied.empty and (varied.values == 0).all() and "no evidence" in varied.notes[0]


def test_a_picture_of_one_colour_has_no_range_and_so_no_noise(pooled: models.LoadedModel) -> None:
    grey = torch.full((1, 3, 32, 32), 0.5)
    plain = explain.run(pooled, grey, explain.Saliency(), 1).values
    np.testing.assert_array_equal(explain.run(pooled, grey, explain.SmoothGrad(), 1).values, plain)


def test_noise_changes_nothing_about_a_linear_network() -> None:
    network, pixels = toy.seeded(toy.Linear()), toy.picture()
    model, weights = toy.loaded(network, 3), network.fc.weight[1].reshape(3, 16, 16).abs().amax(0).numpy()
    smooth = explain.run(model, pixels, explain.SmoothGrad(), 1)
    np.testing.assert_allclose(smooth.values, weights, rtol=1e-5)
    assert smooth.checks["standard_error"] < 1e-6
    assert explain.run(model, pixels, explain.VarGrad(), 1).values.max() < 1e-9 * weights.max() ** 2


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("method", "kind"),
    [(explain.SmoothGrad, "smoothgrad"), (explain.SmoothGradSquared, "smoothgrad_sq"), (explain.VarGrad, "vargrad")],
)
def test_averages_over_noise_are_captums_with_the_same_noise(
    everyday: models.LoadedModel,
    photograph: Image.Image,
    method: Any,
    kind: str,
    target: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """captum's width is absolute, ours a share of the picture's range; captum keeps the colours and the sign."""
    trace = explain.trace(everyday, photograph)
    width = 0.2 * float(trace.pixels.max() - trace.pixels.min())
    with_the_same_noise(monkeypatch, drawn(trace.pixels, 20))
    oracle = captum.attr.NoiseTunnel(captum.attr.Saliency(answered(everyday, target)))
    expected = oracle.attribute(trace.pixels, nt_type=kind, nt_samples=20, stdevs=width, abs=False)[0]
    found = explain.run(everyday, trace, method(samples=20, noise=0.2), target)
    assert same(found.values, expected.abs().amax(0).numpy()) > 0.9999


@pytest.mark.parametrize("squares", [False, True])
def test_averages_over_noise_are_those_of_pair_on_a_picture_of_little_contrast(
    pooled: models.LoadedModel, squares: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PAIR, as the paper, measures the noise by the picture's own range, and so do we."""
    pixels, target = 0.3 + 0.2 * toy.picture(32), ClassLogit(2)
    with_the_same_noise(monkeypatch, drawn(pixels, 30, seed=4))
    expected = gradients.GradientSaliency().GetSmoothedMask(
        picture_of(pixels), called(pooled, target), stdev_spread=0.15, nsamples=30, magnitude=squares
    )
    method = explain.SmoothGradSquared if squares else explain.SmoothGrad
    found = explain.run(pooled, pixels, method(samples=30, seed=4), target)
    assert same(found.values, np.abs(expected).max(-1)) > 0.9999


def test_moments_and_their_errors_are_numpys() -> None:
    draws = torch.randn((40, 3, 5, 5), generator=torch.Generator().manual_seed(0)) + 2
    moments = Moments((3, 5, 5), powers=4)
    for part in draws.split([1, 7, 32]):
        moments.add(part)
    exact = draws.double().numpy()
    for power in (1, 2):
        np.testing.assert_allclose(moments.mean(power), (exact**power).mean(0), rtol=1e-12)
        expected = (exact**power).var(0, ddof=1) / 40
        np.testing.assert_allclose(moments.error_of_mean(power), expected, rtol=1e-9)
    variance, squared_error = explain.VarGrad().average(moments)
    np.testing.assert_allclose(variance, exact.var(0), rtol=1e-9)
    np.testing.assert_allclose(squared_error, ((exact - exact.mean(0)) ** 2).var(0, ddof=1) / 40, rtol=1e-9)


@pytest.mark.parametrize("method", NOISY)
def test_the_standard_error_is_how_far_maps_of_other_noise_lie_apart(pooled: models.LoadedModel, method: Any) -> None:
    """Two averages lie sqrt(2) standard errors apart; the map keeps one of three colours, hence the slack."""
    pixels = toy.picture(32)
    found = [explain.run(pooled, pixels, method(samples=64, noise=0.3, seed=seed), 2) for seed in range(6)]
    size = np.mean([np.linalg.norm(each.values) for each in found])
    apart = [np.linalg.norm(one.values - other.values) for one, other in itertools.combinations(found, 2)]
    stated = np.mean([each.checks["standard_error"] for each in found])
    assert np.mean(apart) / size / 2**0.5 == pytest.approx(stated, rel=0.4)


@pytest.mark.parametrize("method", [*NOISY, explain.GradientSHAP])
def test_partial_results_are_the_running_mean_and_its_error(pooled: models.LoadedModel, method: Any) -> None:
    heard: list[explain.Progress] = []
    with explain.heard_by(heard.append):
        whole = explain.run(pooled, toy.picture(32), method(samples=24), 1, batch=8)
    first, second = (progress.partial for progress in heard if progress.partial is not None)
    assert [progress.done for progress in heard] == [0, 8, 16, 24]
    assert first.values.shape == second.values.shape == (32, 32)
    assert same(second.values, whole.values) > same(first.values, whole.values) > 0.5
    assert first.checks["standard_error"] > second.checks["standard_error"] > 0
    assert "completeness" not in first.checks


def test_the_noise_is_that_of_the_seed(pooled: models.LoadedModel) -> None:
    one, again, other = (explain.run(pooled, toy.picture(32), explain.SmoothGrad(seed=seed), 1) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.values, again.values)
    assert (one.values != other.values).any()


def test_one_copy_has_no_standard_error(pooled: models.LoadedModel) -> None:
    assert explain.run(pooled, toy.picture(32), explain.SmoothGrad(samples=1), 1).checks == {}


# Paths


@pytest.mark.parametrize("method", COMPLETE)
@pytest.mark.parametrize("target", [ClassLogit(1), Contrast(0, 2)])
def test_the_shares_of_a_linear_network_add_up_exactly(method: Any, target: Any) -> None:
    found = explain.run(toy.loaded(toy.seeded(toy.Linear()), 3), toy.picture(), method(), target)
    assert found.signed and found.checks["completeness"] < 1e-4 and not found.notes


@pytest.mark.parametrize("method", COMPLETE)
def test_the_shares_of_a_linear_network_are_weights_times_difference(method: Any) -> None:
    network, pixels = toy.seeded(toy.Linear()), toy.picture()
    found = explain.run(toy.loaded(network, 3), pixels, method(), 1)
    if method is explain.BlurIG:
        start = blurred(pixels, torch.tensor([50.0]))
    elif method is explain.GradientSHAP:
        start = explain.baselines.random_baselines(pixels, 10, 0).mean(0, keepdim=True)
    else:
        start = torch.zeros_like(pixels)
    expected = (network.fc.weight[1].reshape(3, 16, 16) * (pixels - start)[0]).sum(0)
    np.testing.assert_allclose(found.values, expected.numpy(), atol=2e-5)


@pytest.mark.parametrize(
    "method",
    [explain.BlurIG(steps=2), explain.GuidedIG(steps=2), explain.GradientSHAP(samples=2), explain.XRAI(steps=2)],
)
def test_shares_that_do_not_add_up_are_noted(everyday: models.LoadedModel, method: Any) -> None:
    found = explain.run(everyday, toy.picture(64), method, 3)
    trace = explain.trace(everyday, toy.picture(64))
    if isinstance(method, explain.GuidedIG):
        difference = float(trace.logits[0, 3] - everyday(torch.zeros(1, 3, 64, 64))[0, 3])
        missing = abs(float(found.values.sum()) - difference) / abs(difference)
        assert found.checks["completeness"] == pytest.approx(missing, rel=1e-3)
    assert found.checks["completeness"] > 0.01 and "miss" in found.notes[0]


def test_integrated_gradients_are_those_of_pair(pooled: models.LoadedModel) -> None:
    """PAIR takes the ends of the path in; with as many points as it needs, both are the same integral."""
    pixels, target = toy.picture(32), Contrast(3, 1)
    expected = integrated_gradients.IntegratedGradients().GetMask(
        picture_of(pixels), called(pooled, target), x_steps=600, batch_size=50
    )
    found = explain.run(pooled, pixels, explain.IntegratedGradients(steps=200), target)
    assert same(found.values, expected.sum(-1)) > 0.9999


def test_gradient_shap_is_captums_with_the_same_draws(
    pooled: models.LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """captum draws a baseline and a point for each sample; ours come in turn and spread evenly, to the same mean."""
    pixels, target, count = toy.picture(32), Contrast(0, 3), 40
    starts = explain.baselines.random_baselines(pixels, 10, 5)
    generator = torch.Generator().manual_seed(5)
    along = (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)) / count
    assert sorted((along * count).int().tolist()) == list(range(count))
    monkeypatch.setattr(np.random, "uniform", lambda low, high, size: along.numpy())
    choices = np.random.choice
    monkeypatch.setattr(np.random, "choice", lambda given, size: np.arange(size) % given)
    oracle = captum.attr.GradientShap(answered(pooled, target))
    expected = oracle.attribute(pixels, starts, n_samples=count, stdevs=0.0)
    monkeypatch.setattr(np.random, "choice", choices)
    found = explain.run(pooled, pixels, explain.GradientSHAP(samples=count, seed=5), target)
    assert same(found.values, expected[0].sum(0).detach().numpy()) > 0.9999


@pytest.mark.parametrize("kind", ["black", "mean"])
def test_gradient_shap_tends_to_integrated_gradients(pooled: models.LoadedModel, kind: str) -> None:
    """Both are the same mean over points and baselines; the distance is that of chance."""
    whole = explain.run(pooled, toy.picture(32), explain.IntegratedGradients(steps=200, baseline=kind), 2)
    for samples in (100, 500):
        found = explain.run(pooled, toy.picture(32), explain.GradientSHAP(samples=samples, baseline=kind), 2)
        apart = np.linalg.norm(found.values - whole.values) / np.linalg.norm(found.values)
        assert apart < 1.5 * found.checks["standard_error"]


@pytest.mark.parametrize("width", [0.0, 0.05, 0.4, 1.0, 7.3, 50.0])
def test_the_blur_is_scipys(width: float) -> None:
    pixels = torch.rand((1, 3, 20, 33), generator=torch.Generator().manual_seed(0))
    expected = ndimage.gaussian_filter(pixels.numpy(), (0, 0, width, width), mode="constant") if width else pixels
    np.testing.assert_allclose(blurred(pixels, torch.tensor([width, 3.0]))[:1], expected, atol=1e-6)


def test_blur_ig_is_that_of_pair(pooled: models.LoadedModel) -> None:
    """PAIR's points lie evenly, with the gradient before each step; it needs many, where ours lie closer to focus."""
    pixels, target = toy.picture(32), ClassLogit(2)
    expected = blur_ig.BlurIG().GetMask(
        picture_of(pixels), called(pooled, target), steps=3000, grad_step=1e-3, batch_size=50
    )
    found = explain.run(pooled, pixels, explain.BlurIG(steps=500), target)
    assert found.checks["completeness"] < 0.01
    assert same(found.values, expected.sum(-1)) > 0.9999
    coarse = blur_ig.BlurIG().GetMask(picture_of(pixels), called(pooled, target), batch_size=50)
    difference = float(pooled(pixels)[0, 2] - pooled(blurred(pixels, torch.tensor([50.0])))[0, 2])
    ours = explain.run(pooled, pixels, explain.BlurIG(), target)
    assert abs(ours.values.sum() - difference) < abs(coarse.sum() - difference)


@pytest.mark.parametrize(("fraction", "max_dist"), [(0.25, 0.02), (0.25, 0.0), (0.1, 0.3), (1.0, 1.0)])
def test_guided_ig_is_that_of_pair(
    everyday: models.LoadedModel, photograph: Image.Image, fraction: float, max_dist: float
) -> None:
    trace, target = explain.trace(everyday, photograph), ClassLogit(3)
    with numpy_before_2_4():
        expected = guided_ig.GuidedIG().GetMask(
            *(picture_of(trace.pixels), called(everyday, target)), x_steps=25, fraction=fraction, max_dist=max_dist
        )
    method = explain.GuidedIG(steps=25, fraction=fraction, max_dist=max_dist)
    assert same(explain.run(everyday, trace, method, target).values, expected.sum(-1)) > 0.9999


def test_guided_ig_on_the_straight_path_tends_to_integrated_gradients(pooled: models.LoadedModel) -> None:
    straight = explain.run(pooled, toy.picture(32), explain.GuidedIG(steps=400, max_dist=0.0), 1)
    whole = explain.run(pooled, toy.picture(32), explain.IntegratedGradients(steps=200), 1)
    assert same(straight.values, whole.values) > 0.999


def test_guided_ig_ends_where_the_picture_is_the_baseline_or_the_gradient_no_number(pooled: models.LoadedModel) -> None:
    assert explain.run(pooled, torch.zeros(1, 3, 32, 32), explain.GuidedIG(steps=5), 1).empty

    class Rooted(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return (pixels - pixels.detach()).mean((2, 3)).sqrt()

    with pytest.raises(explain.ConvLensError, match="not finite"):
        explain.run(toy.loaded(Rooted(), 3), toy.picture(), explain.GuidedIG(steps=5), 1)


# XRAI


def test_regions_are_those_of_pair_at_its_own_size(photograph: Image.Image) -> None:
    pixels = np.asarray(photograph.resize((224, 224)), np.float64) / 255
    np.testing.assert_array_equal(regions.regions(pixels), xrai._get_segments_felzenszwalb(pixels))


def test_a_picture_of_one_colour_is_one_region() -> None:
    masks = regions.regions(np.full((40, 40, 3), 0.25))
    assert masks.all() and len(masks) == len(regions.SCALES)


@pytest.mark.parametrize("side", [64, 224])
def test_regions_are_ranked_as_by_pair(side: int) -> None:
    """On pictures smaller than 224 pixels fewer pixels count as few: PAIR's limit is told."""
    random = np.random.default_rng(0)
    shares = ndimage.gaussian_filter(random.standard_normal((side, side)), side / 30)
    fields = [ndimage.gaussian_filter(random.standard_normal((side, side)), side / 12) for _ in range(40)]
    levels = np.linspace(1.2, 2.2, 40)
    masks = np.stack([field > level * field.std() for field, level in zip(fields, levels, strict=True)])
    fewest = int(np.ceil(regions.ADDS * (side / 224) ** 2))
    expected, _ = xrai.XRAI._xrai(shares, list(masks), min_pixel_diff=fewest)
    assert not masks.any(0).all()
    np.testing.assert_allclose(regions.ranked(shares, masks), expected, rtol=1e-5, atol=1e-9)


def test_xrai_ranks_the_region_first_that_counts() -> None:
    class Square(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return torch.stack([pixels[:, 0, 20:40, 8:28].mean((1, 2)) * 5, pixels[:, 1].mean((1, 2)) * 0], 1)

    pixels = torch.zeros(1, 3, 64, 64)
    pixels[:, :, 20:40, 8:28] = torch.tensor([1.0, 0.6, 0.1])[None, :, None, None]
    pixels[:, :, 40:60, 40:60] = torch.tensor([0.1, 0.6, 1.0])[None, :, None, None]
    found = explain.run(toy.loaded(Square(), 2, side=64), pixels, explain.XRAI(), 0)
    assert (found.values[22:38, 10:26] == found.values.max()).all()
    assert found.values[42:58, 42:58].max() <= 0.1 * found.values.max()
    assert found.checks["completeness"] < 1e-4


def test_xrai_ranks_regions_by_the_gradients_over_black_and_white(
    everyday: models.LoadedModel, photograph: Image.Image
) -> None:
    """captum's Integrated Gradients, ranked by PAIR; the regions are ours, PAIR's being wider on so small a picture."""
    trace, target = explain.trace(everyday, photograph), Contrast(3, 5)
    oracle = captum.attr.IntegratedGradients(answered(everyday, target))
    both = [oracle.attribute(trace.pixels, baselines=start, n_steps=20, internal_batch_size=8) for start in (0.0, 1.0)]
    shares = torch.stack(both).mean(0)[0].permute(1, 2, 0).detach().numpy()
    masks = regions.regions(picture_of(trace.pixels))
    expected, _ = xrai.XRAI._xrai(shares.max(-1), list(masks), min_pixel_diff=int(np.ceil(50 * (64 / 224) ** 2)))
    assert same(explain.run(everyday, trace, explain.XRAI(steps=20), target).values, expected) > 0.9999


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["squeezenet1_1"], indirect=True)
def test_xrai_is_that_of_pair(trained: models.LoadedModel, photograph: Image.Image) -> None:
    """PAIR's baselines are the picture's least and largest value, here black and white."""
    trace = explain.trace(trained, photograph)
    target = ClassLogit(int(trace.logits.argmax()))
    picture = picture_of(trace.pixels)
    assert (picture.min(), picture.max()) == (0, 1)
    expected = xrai.XRAI().GetMask(picture, called(trained, target), batch_size=8)
    assert same(explain.run(trained, trace, explain.XRAI(), target).values, expected) > 0.9999


SHARED_OUT = [explain.IntegratedGradients, explain.BlurIG, explain.GuidedIG, explain.GradientSHAP]


@pytest.mark.parametrize("method", SHARED_OUT)
def test_what_is_missing_is_a_share_of_the_difference_however_small_that_is(method: type[explain.Method]) -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    with torch.no_grad():
        model.network.fc.weight *= 25
    trace = explain.trace(model, toy.picture())
    target = min((ClassProbability(index) for index in range(4)), key=lambda target: float(target(trace.logits)))
    probability = float(target(trace.logits))
    assert 0 < probability < 1e-9
    found = explain.run(model, trace, method(), target)
    black = float(target(model(torch.zeros_like(trace.pixels))))
    if method is explain.IntegratedGradients:
        rise = probability - black
        missing = abs(float(found.values.sum(dtype=np.float64)) - rise) / abs(rise)
        assert found.checks["completeness"] == pytest.approx(missing, rel=1e-3)
    assert (found.checks["completeness"] < 0.01) == (not found.notes)


# Folding


@pytest.mark.parametrize("method", [*NOISY, explain.IntegratedGradients, explain.BlurIG])
def test_the_folded_network_gives_the_same_ranks(
    everyday: models.LoadedModel, photograph: Image.Image, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = explain.trace(everyday, photograph)
    assert many_gradients.folded(everyday, trace.pixels) is not everyday
    asked = method(steps=16) if method in COMPLETE else method(samples=16)
    quick = explain.run(everyday, trace, asked, 3).values
    monkeypatch.setattr(many_gradients, "folded", lambda model, pixels: model)
    exact = explain.run(everyday, trace, asked, 3).values
    assert same(quick, exact) > 0.9999 and (spearman(quick, exact) or 0) > 0.999


def test_a_network_that_cannot_be_folded_is_asked_itself(pooled: models.LoadedModel) -> None:
    pixels = toy.picture(32)
    for network in (toy.Branching(), toy.SingleLogit()):
        model = toy.loaded(toy.seeded(network), 3, side=32)
        assert many_gradients.folded(model, pixels) is model

    class TwoNorms(nn.Module):
        """One convolution before two norms, and one norm after two convolutions: neither can be folded."""

        def __init__(self) -> None:
            super().__init__()
            self.once, self.twice = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
            self.first, self.second = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

        def forward(self, pixels: Tensor) -> Tensor:
            both = self.once(pixels)
            return (self.first(both) + self.second(both) + self.second(self.twice(pixels))).mean((2, 3))

    model = toy.loaded(toy.seeded(TwoNorms()), 4, side=32)
    assert many_gradients.folded(model, pixels) is model
    assert many_gradients.folded(pooled, pixels) is not pooled


def test_a_network_without_norms_that_is_made_of_convolutions_is_asked_with_channels_last() -> None:
    class Layers(nn.Sequential):
        """Two convolutions, of which each channel of the second may be one alone."""

        def __init__(self, groups: int) -> None:
            super().__init__(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=groups), nn.AdaptiveAvgPool2d(1))
            self.append(nn.Flatten())

    pictures = torch.cat([toy.picture(32, seed=seed) for seed in range(3)])
    dense, alone = (toy.loaded(toy.seeded(Layers(groups)), 4, side=32) for groups in (1, 4))
    assert many_gradients.folded(alone, pictures[:1]) is alone
    quick = many_gradients.folded(dense, pictures[:1])
    orders = []

    def note(module: nn.Module, _: Any, output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            orders.append(output.is_contiguous(memory_format=torch.channels_last))

    hook = nn.modules.module.register_module_forward_hook(note)
    try:
        torch.testing.assert_close(quick(pictures), dense(pictures), atol=1e-5, rtol=1e-4)
    finally:
        hook.remove()
    assert orders == [True, True, False, False]


def test_folding_traces_nothing_and_so_disturbs_no_other_thread(
    pooled: models.LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.fx changes nn.Module for all threads while it traces; the graph was read when the network was loaded."""
    explain.trace(pooled, toy.picture(32))

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("traced")

    monkeypatch.setattr(torch.fx.Tracer, "trace", fail)
    assert many_gradients.folded(pooled, toy.picture(32)) is not pooled
    assert explain.run(pooled, toy.picture(32), explain.SmoothGrad(), 1).values.any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "trained",
    [
        *("mobilenet_v2", "squeezenet1_1", "resnet18 random", "densenet121 random"),
        *("efficientnet_b0 random", "swin_t random"),
    ],
    indirect=True,
)
def test_averages_over_noise_are_captums_on_networks_of_imagenet(
    trained: models.LoadedModel, photograph: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = explain.trace(trained, photograph)
    target = Contrast(int(trace.logits.argmax()), 1)
    with_the_same_noise(monkeypatch, drawn(trace.pixels, 16))
    width = 0.15 * float(trace.pixels.max() - trace.pixels.min())
    oracle = captum.attr.NoiseTunnel(captum.attr.Saliency(answered(trained, target)))
    expected = oracle.attribute(
        trace.pixels, nt_samples=16, nt_samples_batch_size=4, stdevs=width, abs=False
    )[0].abs().amax(0)
    found = explain.run(trained, trace, explain.SmoothGrad(samples=16), target)
    assert same(found.values, expected.numpy()) > 0.9999
    assert (spearman(found.values, expected.numpy()) or 0) > 0.999
