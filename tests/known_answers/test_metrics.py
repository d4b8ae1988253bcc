"""Checks of maps: networks known by hand, plain loops, and what Quantus, captum and pytorch-grad-cam say."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import captum.attr
import numpy as np
import pytest
import torch
from captum.metrics import infidelity, sensitivity_max
from PIL import Image
from pytorch_grad_cam.metrics.road import (
    NoisyLinearImputer,
    ROADLeastRelevantFirst,
    ROADMostRelevantFirst,
)
from torch import Tensor, nn

import explain
import models
import toy
from benchmarks import metrics as beside
from explain import imputing
from explain.control_maps import CONTROLS, control_maps
from explain.hiding import filled
from explain.imputing import imputed
from explain.target import ClassLogit, ClassProbability, Contrast, confidence
from models.errors import ParameterError, UnsuitableError
from oracles import OfPixels, answered

Map = np.ndarray[Any, np.dtype[np.float32]]
SIDE = 32
BOX = (0, 0, SIDE // 2, SIDE // 2)
TARGET = ClassLogit(1)


def made(values: Any, signed: bool = True) -> explain.Heatmap:
    return explain.Heatmap(values=np.asarray(values, np.float32), signed=signed)


def noise_map(seed: int = 0, side: int = SIDE) -> explain.Heatmap:
    return made(np.random.default_rng(seed).normal(size=(side, side)))


@pytest.fixture
def trace(pooled: models.LoadedModel) -> explain.Trace:
    return explain.trace(pooled, toy.picture(SIDE))


# A network that looks at one quadrant only, and adds up what it sees there


class Quadrant(nn.Module):
    """Class 1: the brightness of the upper left quadrant, summed and scaled; class 0 is always 0."""

    def __init__(self) -> None:
        super().__init__()
        self.grey = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.constant_(self.grey.weight, 1 / 3)

    def forward(self, pixels: Tensor) -> Tensor:
        seen = self.grey(pixels)[:, :, : SIDE // 2, : SIDE // 2].relu()
        score = 0.05 * seen.sum((1, 2, 3))[:, None] - 4
        return torch.cat([torch.zeros_like(score), score], 1)


@pytest.fixture(scope="module")
def quadrant() -> models.LoadedModel:
    return toy.loaded(Quadrant(), 2, side=SIDE)


@pytest.fixture
def bright(quadrant: models.LoadedModel) -> explain.Trace:
    """A picture whose upper left quadrant is bright, unevenly so, and the rest of which is dim."""
    pixels = 0.1 + 0.1 * toy.picture(SIDE)
    pixels[..., : SIDE // 2, : SIDE // 2] += 0.7
    return explain.trace(quadrant, pixels)


def perfect(trace: explain.Trace) -> Map:
    """What each pixel adds to the score, to the last digit: all else is black."""
    product = trace.pixels * trace.input_gradient(TARGET)
    return product[0].sum(0).numpy()


def others(trace: explain.Trace) -> Iterator[Map]:
    yield from control_maps(trace).values()
    yield from (np.random.default_rng(seed).random((SIDE, SIDE), np.float32) for seed in range(6))


SETTINGS: dict[str, dict[str, Any]] = {
    "Deletion": {"fill": "black", "steps": 16},
    "Insertion": {"fill": "black", "steps": 16},
    "ROAD": {"noise": 0.0},
    "Infidelity": {"radius": 0.1, "samples": 20},
    "Localisation": {"box": BOX},
    "Pointing": {"box": BOX},
    "Agreement": {},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_perfect_map_gets_the_best_figure_of_all_and_the_inverted_one_the_worst(
    bright: explain.Trace, name: str
) -> None:
    metric = explain.METRICS[name](**SETTINGS[name])
    values = perfect(bright)

    def figure(candidate: Map) -> float:
        found = explain.measure(bright, metric, made(candidate), TARGET).value
        return found if metric.better == "higher" else -found

    best, worst = figure(values), figure(values.max() - values)
    between = [figure(candidate) for candidate in others(bright)]
    # Pointing knows two figures only.
    assert best > max(between) or (name == "Pointing" and best == 1)
    assert worst < min(between) or (name == "Pointing" and worst == 0)
    if metric.family != "Localisation":
        assert figure(-values) <= min(between)


def test_a_perfect_map_misses_nothing_and_one_twice_as_large_all_over_again(bright: explain.Trace) -> None:
    values = perfect(bright)
    for factor, missed in ((1, 0), (2, 1), (0.5, 0.5), (-1, 2)):
        found = explain.measure(bright, explain.Completeness(), made(factor * values), TARGET, explain.DeepLift())
        assert found.value == pytest.approx(missed, abs=1e-4) and found.baselines == {}


def test_both_orders_of_road_are_half_of_their_difference(bright: explain.Trace) -> None:
    of = explain.METRICS["ROAD"]
    heatmap, turned = made(perfect(bright)), made(-perfect(bright))
    most, least, both = (
        of(noise=0.0, order=order)(bright, each, TARGET)
        for order, each in (("most", heatmap), ("most", turned), ("both", heatmap))
    )
    np.testing.assert_allclose(both.y, (most.y - least.y) / 2, atol=1e-5)
    assert both.y[0] == 0 and both.value < min(both.baselines.values())


# Deletion and insertion


@pytest.mark.parametrize("target", [ClassLogit(2), ClassProbability(2), Contrast(2, 0)])
def test_deletion_begins_and_insertion_ends_with_the_probability(trace: explain.Trace, target: Any) -> None:
    whole = trace.logits.softmax(1)[0].tolist()
    wanted = whole[2] / (whole[2] + whole[0]) if isinstance(target, Contrast) else whole[2]
    for name, point in (("Deletion", 0), ("Insertion", -1)):
        found = explain.measure(trace, explain.METRICS[name](), noise_map(), target)
        assert found.y[point] == pytest.approx(wanted, rel=1e-6)
        assert all(y[point] == found.y[point] for y in found.others.values())
        assert (found.x[0], found.x[-1], len(found.x)) == (0, 1, 50)


@pytest.mark.parametrize("name", ["Deletion", "Insertion"])
@pytest.mark.parametrize("fill", ["black", "white", "mean", "grey"])
def test_the_curve_is_that_of_a_plain_loop(trace: explain.Trace, name: str, fill: Any) -> None:
    heatmap, count = noise_map(3), 12
    found = explain.measure(trace, explain.METRICS[name](steps=count, fill=fill), heatmap, TARGET)
    instead = filled(trace.pixels, fill)
    order = np.argsort(-heatmap.values.ravel())
    wanted = []
    for step in range(count + 1):
        picture, other = (trace.pixels, instead) if name == "Deletion" else (instead, trace.pixels)
        picture = picture.clone()
        for place in order[: round(step / count * order.size)]:
            row, column = divmod(int(place), SIDE)
            picture[0, :, row, column] = other[0, :, row, column]
        wanted.append(float(confidence(trace.model(picture), TARGET)[0]))
    np.testing.assert_allclose(found.y, wanted, atol=1e-5)
    assert found.value == pytest.approx(float(np.trapezoid(wanted, dx=1 / count)), abs=1e-5)


def test_what_the_control_maps_say_is_measured_once_for_a_picture_and_target(pooled: models.LoadedModel) -> None:
    for name, steps in (("Deletion", 8), ("Insertion", 8), ("ROAD", 4)):
        trace = explain.trace(pooled, toy.picture(SIDE, seed=5))
        metric = explain.METRICS[name](steps=steps)
        asked = steps if name == "ROAD" else steps - 1
        ends = 0 if name == "ROAD" else 1

        def forwards(metric: Any, target: Any, trace: explain.Trace = trace, name: str = name) -> int:
            with toy.Counting() as count:
                explain.measure(trace, metric, noise_map(), target, batch=1)
            # Two convolutions in each; blurring the picture, once in each direction, counts as two more.
            return count.forward // 2 - (name == "Insertion")

        assert forwards(metric, TARGET) == ends + asked * (1 + len(CONTROLS))
        assert forwards(metric, TARGET) == ends + asked
        assert forwards(metric, ClassLogit(2)) == ends + asked * (1 + len(CONTROLS))


def test_many_steps_run_folded_and_give_the_same_curve(everyday: models.LoadedModel, photograph: Any) -> None:
    """From sixteen pictures on, batch norms are folded: the same figure in less time."""
    trace = explain.trace(everyday, photograph)
    heatmap = explain.run(everyday, trace, explain.GradCAM())
    found = explain.measure(trace, explain.METRICS["Deletion"](steps=24), heatmap)
    instead, ranks = filled(trace.pixels, "mean"), np.argsort(np.argsort(-heatmap.values.ravel(), kind="stable"))
    for step in (3, 9, 20):
        hidden = torch.from_numpy((ranks < round(step / 24 * ranks.size)).reshape(1, 1, *heatmap.values.shape))
        plain = confidence(everyday(torch.where(hidden, instead, trace.pixels)), heatmap.target)
        assert found.y[step] == pytest.approx(float(plain[0]), abs=1e-3)


# ROAD


def test_a_removed_pixel_is_the_weighted_mean_of_its_neighbours() -> None:
    pixels = np.random.default_rng(0).random((3, 5, 6))
    removed = np.zeros((5, 6), bool)
    removed[2, 3] = removed[0, 0] = True
    found = imputed(pixels, removed)
    sides = pixels[:, 1, 3] + pixels[:, 3, 3] + pixels[:, 2, 2] + pixels[:, 2, 4]
    corners = pixels[:, 1, 2] + pixels[:, 1, 4] + pixels[:, 3, 2] + pixels[:, 3, 4]
    np.testing.assert_allclose(found[:, 2, 3], sides / 6 + corners / 12)
    # In a corner of the picture three neighbours are left: 1/6, 1/6 and 1/12 become 2/5, 2/5 and 1/5.
    np.testing.assert_allclose(found[:, 0, 0], 0.4 * pixels[:, 0, 1] + 0.4 * pixels[:, 1, 0] + 0.2 * pixels[:, 1, 1])
    np.testing.assert_array_equal(found[:, ~removed], pixels[:, ~removed])


def test_an_even_picture_stays_as_it_is_whatever_is_removed() -> None:
    pixels = np.full((3, 9, 9), 0.3)
    removed = np.ones((9, 9), bool)
    removed[4, 4] = False
    np.testing.assert_allclose(imputed(pixels, removed), pixels)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_holes_are_filled_as_pytorch_grad_cam_fills_them(share: float) -> None:
    pixels = toy.picture(24, seed=2)[0]
    removed = np.random.default_rng(1).random((24, 24)) < share
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs = NoisyLinearImputer(noise=0)(pixels, torch.from_numpy(~removed).float())
    np.testing.assert_allclose(imputed(pixels.double().numpy(), removed), theirs.numpy(), atol=1e-5)


def library(road: Any, trace: explain.Trace, values: Any, target: Any, noise: float = 0) -> float:
    """What pytorch-grad-cam's ROAD says: how much the target rises when pixels are removed."""
    road.perturbation.imputer.noise = noise
    with warnings.catch_warnings():
        # It hands a tensor to numpy.
        warnings.simplefilter("ignore", DeprecationWarning)
        return float(
            road(trace.pixels, values[None], [lambda logits: target(logits[None])[0]], OfPixels(trace.model))[0]
        )


@pytest.mark.parametrize("target", [ClassLogit(2), ClassProbability(1), Contrast(0, 3)])
@pytest.mark.parametrize("side", [16, 33, 64])
def test_road_without_noise_is_pytorch_grad_cams(target: Any, side: int) -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4, side=side, plain=False)
    trace, heatmap = explain.trace(model, toy.picture(side)), noise_map(4, side)
    found = explain.measure(trace, explain.METRICS["ROAD"](noise=0.0), heatmap, target)
    whole = float(target(trace.logits)[0])
    falls = [
        library(ROADMostRelevantFirst(100 - percent), trace, heatmap.values, target) for percent in range(10, 100, 10)
    ]
    np.testing.assert_allclose(found.y, [whole, *(whole + fall for fall in falls)], atol=1e-4)
    assert np.ptp(falls) > 1e-2


def test_road_of_a_real_map_with_plateaus_is_pytorch_grad_cams(
    test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the outermost cells' middles an upsampled map is flat: equal values go together, however many."""
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(test_data / "weights"))
    model = models.load("mobilenet_v2", device="cpu")
    with Image.open(test_data / "images" / "cat_720p.jpg") as picture:
        trace = explain.trace(model, picture.convert("RGB"))
    heatmap = explain.run(model, trace, explain.GradCAM())
    assert isinstance(heatmap, explain.Heatmap) and heatmap.target is not None
    found = explain.measure(trace, explain.ROAD(noise=0.0), heatmap)
    compared = 0
    for point in range(1, 10):
        threshold = np.percentile(heatmap.values, 100 - 10 * point)
        # Where its threshold is the lowest value of all, its program has nothing left to fill the holes from.
        if threshold > heatmap.values.min():
            fall = library(ROADMostRelevantFirst(100 - 10 * point), trace, heatmap.values, heatmap.target)
            assert found.y[point] - found.y[0] == pytest.approx(fall, abs=1e-3)
            compared += 1
    assert compared > 3 and len(np.unique(heatmap.values)) < heatmap.values.size
    assert np.isfinite(found.y).all()


def test_road_leaves_the_lowest_value_and_refuses_a_map_that_is_the_same_everywhere(trace: explain.Trace) -> None:
    few = np.zeros((SIDE, SIDE))
    few[3:6, 3:6] = 1
    found = explain.measure(trace, explain.ROAD(noise=0.0), made(few), TARGET)
    # Nine pixels are all that can be removed.
    assert isinstance(found, explain.Curve) and np.ptp(found.y[1:]) < 1e-5 and abs(found.y[1] - found.y[0]) > 1e-3
    assert found.notes == (
        "Only 1 % of the picture could be removed, not 90 %: the rest has the map's lowest value.",
    )
    assert not explain.measure(trace, explain.ROAD(noise=0.0), noise_map(), TARGET).notes
    with pytest.raises(UnsuitableError, match="same everywhere"):
        explain.measure(trace, explain.ROAD(), made(np.ones((SIDE, SIDE))), TARGET)


def test_a_picture_of_one_colour_can_be_checked_by_road(pooled: models.LoadedModel) -> None:
    """Its edges are zero everywhere, so that control map removes nothing."""
    trace = explain.trace(pooled, torch.full((1, 3, SIDE, SIDE), 0.5))
    found = explain.measure(trace, explain.ROAD(noise=0.0), noise_map(), TARGET)
    assert isinstance(found, explain.Curve) and np.ptp(found.others["edges"]) < 1e-5


def test_filling_large_holes_gives_signs_of_life_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, removed = np.random.default_rng(0).random((3, 9, 9)), np.zeros((9, 9), bool)
    removed[2:7, 2:7] = True
    wanted, solved = imputed(pixels, removed), imputing._solved

    def slowly(*given: Any) -> Any:
        time.sleep(3.5 * imputing.OFTEN)
        return solved(*given)

    monkeypatch.setattr(imputing, "_solved", slowly)
    signs: list[None] = []
    np.testing.assert_array_equal(imputed(pixels, removed, lambda: signs.append(None)), wanted)
    assert len(signs) >= 2

    def stop() -> None:
        raise KeyboardInterrupt

    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        imputed(pixels, removed, stop)
    assert time.perf_counter() - began < 3 * imputing.OFTEN


def test_road_in_both_orders_is_pytorch_grad_cams_turned_round(trace: explain.Trace) -> None:
    heatmap = noise_map(4)
    found = explain.measure(trace, explain.METRICS["ROAD"](noise=0.0, order="both"), heatmap, TARGET)
    # With all digits, since 1 less the map rounds small differences away.
    values = heatmap.values.astype(np.float64)
    least, most = (
        np.array([library(kind(100 - percent), trace, values, TARGET) for percent in range(10, 100, 10)])
        for kind in (ROADLeastRelevantFirst, ROADMostRelevantFirst)
    )
    np.testing.assert_allclose(found.y[1:], (most - least) / 2, atol=1e-4)


def test_road_with_noise_lies_within_the_spread_of_ten_seeds(everyday: models.LoadedModel, photograph: Any) -> None:
    trace = explain.trace(everyday, photograph)
    heatmap = explain.run(everyday, trace, explain.Saliency())
    whole = float(heatmap.target(trace.logits)[0])
    ours = [
        float(explain.measure(trace, explain.METRICS["ROAD"](seed=seed, steps=1), heatmap).y[1]) - whole
        for seed in range(10)
    ]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # Its noise is added to the pixels, as ours is: the network here takes them as they are.
        road = ROADMostRelevantFirst(50)
        theirs = [library(road, trace, heatmap.values, heatmap.target, 0.01) for _ in range(10)]
    assert min(theirs) < np.mean(ours) < max(theirs) and min(ours) < np.mean(theirs) < max(ours)
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=1)


# Infidelity


class Linear(nn.Module):
    """Linear in its pixels, whatever the size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, SIDE)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.conv(pixels).flatten(1)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("change", ["dim", "noise"])
def test_a_map_that_tells_all_of_a_linear_network_has_no_infidelity(change: Any, scaled: bool) -> None:
    model = toy.loaded(toy.seeded(Linear()), 2, side=SIDE)
    trace = explain.trace(model, toy.picture(SIDE))
    gradient = trace.input_gradient(TARGET)
    told = (gradient * trace.pixels if change == "dim" else gradient)[0].sum(0).numpy()
    metric = explain.METRICS["Infidelity"](change=change, scaled=scaled)
    found = explain.measure(trace, metric, made(told), TARGET)
    assert found.checks["share"] < 1e-6 and found.value < 1e-6 * min(found.baselines.values())
    half = explain.measure(trace, metric, made(told / 2), TARGET)
    assert half.checks["share"] == pytest.approx(0 if scaled else 0.25, abs=1e-5)
    # The best scale of a map that says the opposite is nothing at all.
    assert explain.measure(trace, metric, made(-told), TARGET).checks["share"] == pytest.approx(
        1 if scaled else 4, rel=1e-4
    )


@pytest.mark.parametrize("target", [ClassLogit(2), ClassProbability(2), Contrast(1, 2)])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("change", ["dim", "noise"])
def test_infidelity_with_the_same_draws_is_captums(
    trace: explain.Trace, target: Any, change: Any, scaled: bool
) -> None:
    """Where the best scale is not below nothing, which captum allows."""
    metric = explain.METRICS["Infidelity"](change=change, scaled=scaled, radius=0.2, seed=3)
    generator = torch.Generator().manual_seed(3)
    drawn = torch.stack([torch.rand((SIDE, SIDE), generator=generator) for _ in range(metric.samples)])
    numbers = (0.2 * (2 * drawn - 1))[:, None].expand(-1, 3, -1, -1)
    gradient = trace.input_gradient(target)
    coloured = gradient * trace.pixels if change == "dim" else gradient

    def moved(pixels: Tensor) -> tuple[Tensor, Tensor]:
        return numbers, pixels - numbers * (pixels if change == "dim" else 1)

    theirs = infidelity(answered(trace.model, target), moved, trace.pixels, coloured, normalize=scaled)
    ours = explain.measure(trace, metric, made(coloured[0].sum(0).numpy()), target)
    assert ours.value == pytest.approx(float(theirs), rel=1e-3)
    assert 0 < ours.error < ours.value


# Max-sensitivity


def drawn_noise(pixels: Tensor, radius: float, samples: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [radius * (2 * torch.rand(pixels.shape, generator=generator) - 1) for _ in range(samples)]


@pytest.mark.parametrize("radius", [0.02, 0.2])
@pytest.mark.parametrize("name", ["InputXGradient", "Saliency"])
def test_max_sensitivity_with_the_same_draws_is_captums(trace: explain.Trace, name: str, radius: float) -> None:
    noise = torch.cat(drawn_noise(trace.pixels, radius, 10))
    function = answered(trace.model, TARGET)

    def asked(given: Any) -> tuple[Tensor]:
        pixels = (given[0] if isinstance(given, tuple) else given).clone().requires_grad_()
        oracle = getattr(captum.attr, name)(function)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = oracle.attribute(pixels).detach()
        return (found.sum(1) if name == "InputXGradient" else found.amax(1),)

    theirs = sensitivity_max(asked, trace.pixels, lambda pixels: (pixels + noise).clamp(0, 1))
    heatmap = explain.run(trace.model, trace, explain.METHODS[name](), TARGET)
    ours = explain.measure(trace, explain.METRICS["MaxSensitivity"](radius=radius), heatmap)
    assert ours.value == pytest.approx(float(theirs), rel=1e-3)


def test_a_map_that_never_changes_is_as_steady_as_can_be_and_so_are_control_maps(trace: explain.Trace) -> None:
    model = toy.loaded(toy.seeded(Linear()), 2, side=SIDE)
    linear = explain.trace(model, toy.picture(SIDE))
    heatmap = explain.run(model, linear, explain.Saliency(), TARGET)
    found = explain.measure(linear, explain.METRICS["MaxSensitivity"](), heatmap)
    assert found.value == pytest.approx(0, abs=1e-6)
    assert (found.baselines["random"], found.baselines["centre"]) == (0, 0) and found.baselines["edges"] > 0.01


# Completeness


ADDING_UP: list[explain.Method] = [
    *(explain.IntegratedGradients(baseline=start) for start in ("black", "white", "grey", "blur", "mean", "random")),
    *(explain.GradientSHAP(baseline=start, samples=13) for start in ("black", "mean", "random")),
    *(explain.GuidedIG(steps=20), explain.BlurIG(steps=20), explain.DeepLift(), explain.DeepLift(baseline="white")),
    *(explain.KernelSHAP(segments=8), explain.KernelSHAP(segments=8, fill="grey")),
]


@pytest.mark.parametrize("method", ADDING_UP, ids=repr)
def test_what_the_values_miss_is_measured_of_the_values_that_are_there(
    trace: explain.Trace, method: explain.Method
) -> None:
    """And it is what the method itself has measured while it made them."""
    of, heatmap = explain.Completeness(), explain.run(trace.model, trace, method, TARGET)
    assert isinstance(heatmap, explain.Heatmap)
    own = explain.measure(trace, of, heatmap).value
    assert own == pytest.approx(heatmap.checks["completeness"], abs=2e-3)
    twice = explain.measure(trace, of, replace(heatmap, values=2 * heatmap.values)).value
    # Twice as much is all of it too much, give or take twice what was missing.
    assert twice == pytest.approx(1, abs=2 * own + 0.01) and twice > 0.5
    other = explain.measure(trace, of, heatmap, ClassLogit(3)).value
    assert abs(other - own) > 0.05


@pytest.mark.parametrize("name", ["FullGrad", "LRP"])
def test_where_parts_behind_the_map_add_up_only_the_methods_own_map_has_a_figure(
    trace: explain.Trace, name: str
) -> None:
    of, heatmap = explain.Completeness(), explain.run(trace.model, trace, explain.METHODS[name](), TARGET)
    assert isinstance(heatmap, explain.Heatmap)
    claim = heatmap.checks["conservation" if name == "LRP" else "completeness"]
    assert explain.measure(trace, of, heatmap).value == pytest.approx(claim, abs=1e-6)
    with pytest.raises(UnsuitableError, match="not the map that"):
        explain.measure(trace, of, replace(heatmap, values=2 * heatmap.values))
    with pytest.raises(UnsuitableError, match="not the map that"):
        explain.measure(trace, of, heatmap, ClassLogit(3))


def test_a_method_that_does_not_claim_to_add_up_is_refused(trace: explain.Trace) -> None:
    for method in (explain.GradCAM(), explain.XRAI(steps=4)):
        heatmap = explain.run(trace.model, trace, method, TARGET)
        with pytest.raises(UnsuitableError, match=f"values of {method.label} do not claim"):
            explain.measure(trace, explain.Completeness(), heatmap)


def test_a_map_that_names_no_method_adds_up_to_nothing_that_is_known(trace: explain.Trace) -> None:
    with pytest.raises(ParameterError, match="does not say which method made it"):
        explain.measure(trace, explain.Completeness(), noise_map(), TARGET)


# Maps that say nothing


@dataclass(frozen=True)
class Fixed(explain.Method):
    """Says the same whatever it is asked: it never looks at the network."""

    family: ClassVar = "Test"
    label: ClassVar = "Fixed"
    paper: ClassVar = ""
    flat: Annotated[bool, "Whether the map is the same everywhere"] = True

    def __call__(self, trace: explain.Trace, target: Any) -> explain.Heatmap:
        values = np.arange(SIDE**2, dtype=np.float32).reshape(SIDE, SIDE)
        return made(np.full_like(values, 0.3) if self.flat else values)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize(
    "metric", [explain.RandomLogit(), explain.RandomLogit(by="ssim"), explain.RandomisationCascade()], ids=repr
)
def test_a_method_that_always_says_the_same_changes_as_little_as_can_be(
    trace: explain.Trace, metric: explain.Metric, flat: bool
) -> None:
    method = Fixed(flat)
    found = explain.measure(trace, metric, method(trace, TARGET), TARGET, method)
    assert found.value == pytest.approx(1)
    assert isinstance(metric.passes, float) and found.value > metric.passes


def test_a_map_that_is_the_same_everywhere_agrees_with_none_and_the_sentence_is_about_that_map(
    trace: explain.Trace,
) -> None:
    with pytest.raises(UnsuitableError, match="The map is the same everywhere"):
        explain.measure(trace, explain.Agreement(), made(np.ones((SIDE, SIDE))), TARGET)


def test_the_quick_check_takes_the_same_map_for_another_class_as_the_same(trace: explain.Trace) -> None:
    heatmap = replace(Fixed()(trace, TARGET), method=Fixed(), seconds=0.0)
    assert explain.quick_check(trace, heatmap, TARGET).alike == 1


def test_the_quick_check_can_be_stopped_while_it_hides(trace: explain.Trace) -> None:
    class Stopped(BaseException):
        pass

    heard: list[explain.Progress] = []
    with explain.heard_by(heard.append):
        explain.quick_check(trace, noise_map(), TARGET)
    assert [progress.done for progress in heard] == [0, 2, 4, 6, 8]
    left = iter(range(2))

    def hear(_: explain.Progress) -> None:
        if next(left, None) is None:
            raise Stopped

    with explain.heard_by(hear), toy.Counting() as counting, pytest.raises(Stopped):
        explain.quick_check(trace, noise_map(), TARGET)
    # Two convolutions; only the first four of eight pictures were asked about.
    assert counting.forward == 2 * 2


def test_the_quick_check_says_why_another_class_has_no_map(trace: explain.Trace) -> None:
    @dataclass(frozen=True)
    class Choosy(Fixed):
        """Knows one class."""

        def __call__(self, trace: explain.Trace, target: Any) -> explain.Heatmap:
            if target != TARGET:
                raise UnsuitableError("Only one class has a map.")
            return super().__call__(trace, target)

    heatmap = replace(Choosy(False)(trace, TARGET), method=Choosy(False), seconds=0.0)
    found = explain.quick_check(trace, heatmap, TARGET)
    assert found.other is not None and found.alike is None and found.refusal == "Only one class has a map."


# Sparseness, localisation, pointing


def test_one_pixel_is_as_sparse_as_can_be_and_an_even_map_not_at_all(trace: explain.Trace) -> None:
    of, one = explain.METRICS["Sparseness"](), np.zeros((SIDE, SIDE))
    one[3, 4] = -2
    assert of(trace, made(one), TARGET).value == pytest.approx(1 - 1 / SIDE**2)
    assert of(trace, made(np.full((SIDE, SIDE), -0.5)), TARGET).value == pytest.approx(0, abs=1e-9)
    ramp = np.arange(SIDE**2).reshape(SIDE, SIDE)
    assert of(trace, made(ramp), TARGET).value == pytest.approx(1 / 3, abs=2e-3)


def test_only_evidence_for_the_class_counts_as_inside_the_box(trace: explain.Trace) -> None:
    values = np.zeros((SIDE, SIDE), np.float32)
    values[10, 20], values[0, 0], values[31, 31] = 3, 1, -9
    box = (20, 10, 21, 11)
    found = explain.METRICS["Localisation"](box=box)(trace, made(values), TARGET)
    assert found.value == pytest.approx(0.75)
    assert found.baselines["area"] == pytest.approx(1 / SIDE**2)
    assert explain.METRICS["Pointing"](box=box)(trace, made(values), TARGET).value == 1
    # Columns come first in a box: this one holds neither.
    turned = (10, 20, 11, 21)
    assert explain.METRICS["Localisation"](box=turned)(trace, made(values), TARGET).value == 0
    assert explain.METRICS["Pointing"](box=turned)(trace, made(values), TARGET).value == 0


def test_an_even_map_gets_the_boxs_share_of_the_area(trace: explain.Trace) -> None:
    found = explain.METRICS["Localisation"](box=(3, 5, 20, 9))(trace, made(np.ones((SIDE, SIDE))), TARGET)
    assert found.value == pytest.approx(17 * 4 / SIDE**2) == found.baselines["area"]


@pytest.mark.parametrize("name", ["Localisation", "Pointing"])
def test_without_a_box_beyond_the_crop_or_without_evidence_there_is_a_sentence(trace: explain.Trace, name: str) -> None:
    of = explain.METRICS[name]
    with pytest.raises(ParameterError, match="needs the box in which the object lies"):
        explain.measure(trace, of(), noise_map(), TARGET)
    with pytest.raises(ParameterError, match="reaches beyond the crop of 32 x 32 pixels"):
        explain.measure(trace, of(box=(0, 0, 5, 33)), noise_map(), TARGET)
    with pytest.raises(UnsuitableError, match="nothing that speaks for the class"):
        explain.measure(trace, of(box=(0, 0, 5, 5)), made(-np.ones((SIDE, SIDE))), TARGET)
    for wrong in ((5, 0, 5, 9), (0, 9, 3, 2), (-1, 0, 3, 3), (0, 0, 3), (0, 0, 3.0, 3), [0, 0, 3, 3], "0,0,3,3"):
        with pytest.raises(ParameterError, match="a box as four whole numbers"):
            of(box=wrong)


# Agreement


def test_agreement_is_the_mean_over_the_other_kinds_of_method(trace: explain.Trace) -> None:
    window = -(-SIDE // 7)
    methods = {
        "GradCAM": explain.GradCAM(),
        "InputXGradient": explain.InputXGradient(),
        "Occlusion": explain.Occlusion(window=window, stride=window),
    }
    maps = {name: explain.run(trace.model, trace, method, TARGET).values for name, method in methods.items()}
    for name in (*methods, None):
        heatmap = noise_map() if name is None else explain.run(trace.model, trace, methods[name], TARGET)
        found = explain.measure(trace, explain.METRICS["Agreement"](), heatmap, TARGET)
        wanted = {
            other: np.corrcoef(*(ranks(each) for each in (heatmap.values, values)))[0, 1]
            for other, values in maps.items()
            if other != name
        }
        assert found.checks == pytest.approx(wanted, abs=1e-6)
        assert found.value == pytest.approx(np.mean(list(wanted.values())), abs=1e-6)


def ranks(values: Map) -> Any:
    from scipy.stats import rankdata

    return rankdata(values.ravel())


def test_by_structure_a_map_is_the_same_in_any_unit(trace: explain.Trace) -> None:
    of = explain.METRICS["Agreement"](by="ssim")
    heatmap = explain.run(trace.model, trace, explain.Saliency(), TARGET)
    first, second = (explain.measure(trace, of, made(factor * heatmap.values), TARGET) for factor in (1, 1000))
    assert first.value == pytest.approx(second.value, rel=1e-4) and -1 <= first.value <= 1


def test_maps_that_are_alike_agree_alike_with_methods_of_other_families(trace: explain.Trace) -> None:
    """Where all places are averaged, HiResCAM and CAM are Grad-CAM: none of them may agree with itself."""
    maps = [explain.run(trace.model, trace, method, TARGET) for method in (explain.GradCAM(), explain.HiResCAM())]
    first, second = (explain.measure(trace, explain.Agreement(), heatmap, TARGET) for heatmap in maps)
    assert set(first.checks) == set(second.checks) == {"InputXGradient", "Occlusion"}
    assert first.value == pytest.approx(second.value, abs=1e-3)


def test_the_other_methods_are_asked_once_for_a_picture_and_target(pooled: models.LoadedModel) -> None:
    trace = explain.trace(pooled, toy.picture(SIDE, seed=9))
    counts = []
    for target in (TARGET, TARGET, ClassLogit(3)):
        with toy.Counting() as count:
            explain.measure(trace, explain.METRICS["Agreement"](), noise_map(), target)
        counts.append(count.forward)
    assert counts[0] > 8 and counts[1] == 0 and counts[2] > 8


def test_methods_that_do_not_suit_the_network_are_left_out() -> None:
    """A linear network has no layer with places, so there is no Grad-CAM."""
    model = toy.loaded(toy.seeded(toy.Linear(side=SIDE)), 3, side=SIDE)
    trace = explain.trace(model, toy.picture(SIDE))
    found = explain.measure(trace, explain.METRICS["Agreement"](), noise_map(), TARGET)
    assert set(found.checks) == {"InputXGradient", "Occlusion"}


# Quantus


@pytest.fixture(scope="module")
def quantus() -> dict[str, Any]:
    path = Path(__file__).with_name("metric_reference.json")
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return figures


@pytest.fixture(scope="module")
def two_classes() -> tuple[explain.Trace, explain.Heatmap]:
    trace = explain.trace(beside.network(), beside.picture())
    heatmap = explain.run(trace.model, trace, explain.InputXGradient(), beside.TARGET)
    assert isinstance(heatmap, explain.Heatmap)
    return trace, heatmap


def ask(two_classes: tuple[explain.Trace, explain.Heatmap], name: str, **settings: Any) -> Any:
    return explain.measure(two_classes[0], explain.METRICS[name](**settings), two_classes[1])


def test_deletion_towards_black_is_the_pixel_flipping_of_quantus(two_classes: Any, quantus: Any) -> None:
    found = ask(two_classes, "Deletion", steps=beside.STEPS, fill="black")
    np.testing.assert_allclose(found.y[1:], quantus["PixelFlipping"], atol=1e-4)
    assert np.ptp(quantus["PixelFlipping"]) > 0.05


@pytest.mark.parametrize(
    ("name", "theirs", "settings"),
    [
        ("Sparseness", "Sparseness", {}),
        ("Localisation", "RelevanceMassAccuracy", {"box": beside.BOX}),
        ("Pointing", "PointingGame", {"box": beside.BOX}),
        ("MaxSensitivity", "MaxSensitivity", {}),
        ("RandomLogit", "RandomLogit", {}),
    ],
)
def test_the_figure_is_that_of_quantus(
    two_classes: Any, quantus: Any, name: str, theirs: str, settings: dict[str, Any]
) -> None:
    assert ask(two_classes, name, **settings).value == pytest.approx(quantus[theirs], abs=1e-3)
