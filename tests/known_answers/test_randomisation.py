"""The randomisation cascade and the map of another class: plain loops, networks known by hand, and what papers say."""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import nn

import explain
import models
import toy
from benchmarks import metrics as beside
from explain.asking_again import another_map
from explain.metrics.random_logit import another
from explain.randomising import Randomising, weighted
from explain.target import ClassLogit, ClassProbability, Contrast
from models.errors import ConvLensError, ParameterError, UnsuitableError


@dataclass(frozen=True)
class Blind(explain.Method):
    """Draws the picture's brightness, whatever the network."""

    label: ClassVar = "Blind"

    def __call__(self, trace: explain.Trace, target: Any) -> explain.Heatmap:
        return explain.Heatmap(values=trace.pixels[0].mean(0).numpy(), signed=False)


@dataclass(frozen=True)
class Choosy(explain.Method):
    """Refuses networks whose first convolution is not the one it knows."""

    label: ClassVar = "Choosy"
    known: ClassVar[torch.Tensor]

    def __call__(self, trace: explain.Trace, target: Any) -> explain.Heatmap:
        weight = trace.model.network.get_parameter("conv1.weight")
        if not torch.equal(weight, self.known):
            raise UnsuitableError("Nothing to see.")
        return explain.Heatmap(values=trace.input_gradient(target)[0].sum(0).numpy(), signed=True)


@pytest.fixture
def lemon(request: pytest.FixtureRequest) -> Image.Image:
    return Image.open(request.config.rootpath / "assets" / "samples" / "lemon.jpg").convert("RGB")


def cascade(trace: explain.Trace, method: explain.Method, **settings: Any) -> explain.Curve:
    found = explain.run(trace.model, trace, method, 1)
    assert isinstance(found, explain.Heatmap)
    curve = explain.measure(trace, explain.RandomisationCascade(**settings), found)
    assert isinstance(curve, explain.Curve)
    return curve


def ranks(one: np.ndarray, other: np.ndarray) -> float:
    return float(spearmanr(np.abs(one).ravel(), np.abs(other).ravel()).statistic)


def test_layers_go_from_the_output_down_and_norms_with_their_convolution(everyday: models.LoadedModel) -> None:
    assert weighted(toy.loaded(toy.Pooled(), 4)) == (("fc",), ("conv2",), ("conv1", "bn1"))
    groups = weighted(everyday)
    assert groups[0] == ("fc",) and groups[-1] == ("conv1", "bn1")
    held = {name for name, module in everyday.network.named_modules() if list(module.parameters(recurse=False))}
    assert sorted(name for group in groups for name in group) == sorted(held)


def test_the_curve_is_that_of_a_plain_loop(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    network, generator = copy.deepcopy(pooled.network), torch.Generator().manual_seed(3)
    assert isinstance(network, toy.Pooled)

    def gradient() -> np.ndarray:
        leaf = trace.pixels.clone().requires_grad_()
        (found,) = torch.autograd.grad(network(pooled.normalise(leaf))[0, 1], leaf)
        return np.asarray((found * leaf).sum((0, 1)).detach())

    original, expected = gradient(), [1.0]
    for layer in (network.fc, network.conv2, network.conv1):
        shape = layer.weight.shape
        layer.weight.copy_(torch.randn(shape, generator=generator) * (2 / shape[1:].numel()) ** 0.5)
        assert layer.bias is not None
        layer.bias.zero_()
        if layer is network.conv1:
            network.bn1 = nn.BatchNorm2d(8).eval()
        expected.append(ranks(gradient(), original))
    found = cascade(trace, explain.InputXGradient(), seed=3)
    np.testing.assert_allclose(found.y, expected, atol=1e-5)
    np.testing.assert_allclose(found.x, np.arange(4) / 3, atol=1e-6)
    assert found.stages == ("as trained", "fc", "conv2", "conv1")
    assert found.area == pytest.approx(np.trapezoid(expected, np.arange(4) / 3), abs=1e-5)


def test_each_stage_lies_within_the_spread_of_ten_draws_of_quantus(request: pytest.FixtureRequest) -> None:
    path = request.config.rootpath / "tests" / "known_answers" / "metric_reference.json"
    expected = np.array(list(json.loads(path.read_text(encoding="utf-8"))["figures"]["MPRT"].values()))
    trace = explain.trace(beside.network(), beside.picture())
    found = np.array([cascade(trace, explain.Saliency(), seed=seed).y for seed in range(10)]).T
    assert found.shape == expected.shape == (4, 10)
    np.testing.assert_allclose(found[0], expected[0])
    # Quantus draws from another distribution, so the means of ten draws are compared: within the spread of both.
    spread = np.hypot(found.std(1, ddof=1), expected.std(1, ddof=1))
    assert (np.abs(found.mean(1) - expected.mean(1))[1:] < spread[1:]).all()
    assert expected.mean(1)[1] > 3 * expected.mean(1)[3]


def test_fewer_stages_are_points_of_the_same_cascade(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    every, two = (cascade(trace, explain.Saliency(), stages=count) for count in (3, 2))
    assert two.stages[-1] == "conv1" and len(two.y) == 3
    assert two.y[-1] == pytest.approx(every.y[-1], abs=1e-6)
    assert cascade(trace, explain.Saliency(), stages=3, seed=1).y[-1] != every.y[-1]


@pytest.mark.parametrize("network", [toy.Pooled(), toy.Branching()])
def test_the_network_stays_bit_for_bit_as_it_was(network: nn.Module) -> None:
    model = toy.loaded(toy.seeded(network), 3, side=32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    written = {name: dict(vars(module)) for name, module in network.named_modules()}
    found = cascade(explain.trace(model, toy.picture(32)), explain.InputXGradient())
    assert found.y[0] == 1 and np.isfinite(found.y).all() and (found.y[1:] < 1).all()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert {name: dict(vars(module)) for name, module in network.named_modules()} == written
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_each_stage_costs_one_gradient_and_nothing_is_traced_again(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    heatmap = explain.run(pooled, trace, explain.Saliency(), 1)
    assert isinstance(heatmap, explain.Heatmap)
    with toy.Counting() as counting:
        explain.measure(trace, explain.RandomisationCascade(stages=3), heatmap)
    assert (counting.forward, counting.backward) == (2 * 3, 2 * 3)


def test_what_ignores_the_network_gets_the_worst_figure_and_so_do_the_control_maps(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    blind = cascade(trace, Blind())
    assert blind.area == pytest.approx(1) and (blind.y == 1).all()
    assert blind.baselines == {"random": 1, "centre": 1, "edges": 1}
    assert abs(cascade(trace, explain.Saliency()).y[-1]) < 0.4


def test_on_a_trained_network_gradients_and_gradcam_fall_and_guided_backprop_does_not(
    everyday: models.LoadedModel, lemon: Image.Image
) -> None:
    trace = explain.trace(everyday, lemon)
    falling = [cascade(trace, method()) for method in (explain.GradCAM, explain.Saliency)]
    staying = cascade(trace, explain.GuidedBackprop())
    # With half of the layers random.
    assert all(curve.y[4] < 0.4 for curve in falling) and staying.y[4] > 0.6
    assert all(curve.area < staying.area - 0.2 for curve in falling)
    assert staying.checks["edges_before"] > 0.3


def test_a_stage_without_a_map_is_left_out_and_said(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    Choosy.known = pooled.network.get_parameter("conv1.weight").clone()
    heatmap = dataclasses.replace(Choosy()(trace, ClassLogit(1)), method=Choosy())
    found = explain.measure(trace, explain.RandomisationCascade(), heatmap, 1)
    assert isinstance(found, explain.Curve)
    np.testing.assert_allclose(found.x, [0, 1 / 3, 2 / 3], atol=1e-6)
    assert found.notes == ("At 1 of 3 stages there is no map: Nothing to see.",)
    assert found.area == pytest.approx(np.trapezoid(found.y, [0, 0.5, 1]), abs=1e-5)
    with pytest.raises(UnsuitableError, match="Choosy gives no map once layers are random: Nothing to see"):
        explain.measure(trace, explain.RandomisationCascade(stages=1), heatmap, 1)


@pytest.mark.parametrize("method", [explain.Saliency(), explain.SmoothGrad(samples=4)])
def test_the_cascade_can_be_stopped_at_every_step_and_tells_how_far_it_is(
    pooled: models.LoadedModel, method: explain.Method
) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    heatmap = explain.run(pooled, trace, method, 1)
    assert isinstance(heatmap, explain.Heatmap)
    heard: list[explain.Progress] = []
    with explain.heard_by(heard.append):
        explain.measure(trace, explain.RandomisationCascade(), heatmap)
    assert {(step.done, step.total) for step in heard} == {(0, 3), (1, 3), (2, 3), (3, 3)}
    assert heard[0].partial is None and all(isinstance(step.partial, explain.Curve) for step in heard if step.done == 2)
    for last in range(1, len(heard) + 1):
        stopped: list[explain.Progress] = []

        def stop(progress: explain.Progress, stopped: list[explain.Progress] = stopped, last: int = last) -> None:
            stopped.append(progress)
            if len(stopped) == last:
                raise KeyboardInterrupt

        with explain.heard_by(stop), pytest.raises(KeyboardInterrupt):
            explain.measure(trace, explain.RandomisationCascade(), heatmap)
        assert len(stopped) == last


def test_the_copy_reads_the_layer_that_the_original_reads() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4, side=32)
    copied = Randomising(model, 0)
    copied.go_on(3)
    assert copied.model.card.default_layer == "relu_1"
    assert copied.model.graph.layers == model.graph.layers
    assert copied.model.graph.operations is not None and model.graph.operations is not None
    assert copied.model.graph.operations.modules["conv1"] is copied.model.network.get_submodule("conv1")
    assert not torch.equal(copied.model(toy.picture(32)), model(toy.picture(32)))


def test_another_class_is_compared_by_rank_or_structure(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    heatmap = explain.run(pooled, trace, explain.InputXGradient(), 1)
    assert isinstance(heatmap, explain.Heatmap)
    found = explain.measure(trace, explain.RandomLogit(), heatmap)
    other = another(ClassLogit(1), 4, 0)
    second = explain.run(pooled, trace, explain.InputXGradient(), other)
    assert isinstance(second, explain.Heatmap)
    expected = spearmanr(heatmap.values.ravel(), second.values.ravel()).statistic
    assert found.value == pytest.approx(expected, abs=1e-5)
    assert found.notes == (f"The other class is “class {other.index}”.",)
    by_structure = explain.measure(trace, explain.RandomLogit(by="ssim"), heatmap)
    assert by_structure.value == pytest.approx(explain.agreement.ssim(heatmap.values, second.values))
    assert found.better == "lower" and found.baselines == {"random": 1, "centre": 1, "edges": 1}


def test_the_other_class_is_drawn_among_the_rest() -> None:
    drawn = {another(ClassProbability(2), 4, seed).index for seed in range(30)}
    assert drawn == {0, 1, 3}
    assert isinstance(another(ClassProbability(2), 4, 0), ClassProbability)
    assert {another(Contrast(0, 3), 4, seed) for seed in range(30)} == {Contrast(1, 3), Contrast(2, 3)}
    assert another(Contrast(0, 1), 2, 0) == Contrast(1, 0)


def test_two_classes_that_are_opposites_get_the_best_figure_and_a_blind_map_the_worst() -> None:
    model = toy.loaded(toy.seeded(toy.SingleLogit()), 2, side=32)
    trace = explain.trace(model, toy.picture(32))
    figures = {}
    for method in (explain.InputXGradient(), Blind()):
        heatmap = explain.run(model, trace, method, 1)
        assert isinstance(heatmap, explain.Heatmap)
        figures[method.label] = explain.measure(trace, explain.RandomLogit(), heatmap).value
    assert figures["Blind"] == pytest.approx(1)
    assert figures[explain.InputXGradient.label] == pytest.approx(-1)


def test_what_gives_no_map_and_maps_that_fit_nothing_are_refused(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    with pytest.raises(ParameterError, match="compares maps"):
        another_map(explain.LayerActivations(), trace, ClassLogit(0), lambda: None)
    blank = explain.Heatmap(values=np.zeros((32, 32), np.float32), signed=True, method=explain.Saliency())
    for metric in (explain.RandomisationCascade(), explain.RandomLogit()):
        with pytest.raises(UnsuitableError, match="no evidence"):
            metric(trace, blank, ClassLogit(0))
        anonymous = dataclasses.replace(blank, values=np.ones((32, 32), np.float32), method=None)
        with pytest.raises(ConvLensError, match="does not say which it came from"):
            metric(trace, anonymous, ClassLogit(0))
