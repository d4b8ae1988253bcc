"""Perturbation, and the class activation maps that perturb: networks solvable by hand, literal loops, libraries."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from PIL import Image
from sklearn.linear_model import Ridge
from torch import Tensor, nn

import explain
import models
import toy
from explain.baselines import baseline
from explain.results import share_of_area
from explain.suitability import default_layer
from explain.superpixels import superpixels
from explain.target import ClassLogit, ClassProbability, Contrast
from oracles import channel_weights, rise_masks, same

SAMPLES = Path(explain.__file__).parents[1] / "assets" / "samples"
TARGETS = [ClassLogit(2), ClassProbability(1), Contrast(0, 3)]


def patches(side: int = 32, across: int = 4, seed: int = 0) -> Tensor:
    """Draw a picture of even squares, which superpixels follow."""
    colours = 0.2 + 0.8 * torch.rand((1, 3, across, across), generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(colours, (side, side), mode="nearest")


def cut_of(pixels: Tensor, method: Any) -> np.ndarray:
    return superpixels(pixels[0].permute(1, 2, 0).numpy(), method.segments)


def values_of(heatmap: Any, cut: np.ndarray) -> np.ndarray:
    """Read the one value of each superpixel; it is the same at each of its pixels."""
    found = np.array([heatmap.values[cut == number][0] for number in range(cut.max() + 1)])
    np.testing.assert_array_equal(heatmap.values, found[cut])
    return found


class Shown(nn.Module):
    """Measures which superpixels of a picture are shown against black, 1 or 0, and scores that: (N, count) -> (N,)."""

    def __init__(self, pixels: Tensor, cut: np.ndarray, score: Any) -> None:
        super().__init__()
        masks = torch.stack([torch.from_numpy(cut == number) for number in range(cut.max() + 1)])
        weights = masks[:, None] * pixels.new_ones(1, 3, 1, 1)
        self.register_buffer("weights", weights / (weights * pixels).sum((1, 2, 3), keepdim=True))
        self.score = score

    def forward(self, pixels: Tensor) -> Tensor:
        shown = torch.einsum("nchw,kchw->nk", pixels, self.weights)
        score = self.score(shown)
        return torch.stack([score, -score], 1)


def shapley(value: Any, count: int) -> np.ndarray:
    """Add up what each player adds, over all sets of the others: the definition."""
    found = np.zeros(count)
    for player in range(count):
        others = [other for other in range(count) if other != player]
        for size in range(count):
            share = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for chosen in itertools.combinations(others, size):
                without = np.isin(range(count), chosen)
                with_player = without.copy()
                with_player[player] = True
                found[player] += share * (value(with_player) - value(without))
    return found


@pytest.mark.parametrize("method", [explain.LIME(segments=16, samples=1500), explain.KernelSHAP(segments=16)])
def test_a_sum_over_superpixels_gets_its_weights_back(method: Any) -> None:
    """LIME's ridge keeps them a little smaller; KernelSHAP has them exactly."""
    pixels = patches()
    cut = cut_of(pixels, method)
    weights = torch.linspace(-1, 2, int(cut.max()) + 1)
    assert len(weights) > 10
    found = explain.run(toy.loaded(Shown(pixels, cut, lambda shown: shown @ weights), 2, side=32), pixels, method, 0)
    tolerance = 0.02 if isinstance(method, explain.LIME) else 1e-5
    np.testing.assert_allclose(values_of(found, cut), weights.numpy(), atol=tolerance)
    assert found.signed and found.checks["fit"] > 0.999 and np.array_equal(found.segments, cut)
    assert found.notes == (f"The picture is cut into {len(weights)} superpixels; each has one value.",)


def together(shown: Tensor) -> Tensor:
    return 3 * shown[:, 0] * shown[:, 1] - 2 * shown[:, 2] * shown[:, 3] * shown[:, 4] + shown[:, 5] + 0.5


def test_kernel_shap_of_few_superpixels_is_exactly_shapley() -> None:
    """With a sample for every subset; drawn subsets come close, and add up to the difference all the same."""
    pixels = patches(across=3)
    exact, drawn = explain.KernelSHAP(segments=9, samples=1024), explain.KernelSHAP(segments=9, samples=200)
    cut = cut_of(pixels, exact)
    count = int(cut.max()) + 1
    assert 6 < count <= 10
    model = toy.loaded(Shown(pixels, cut, together), 2, side=32)
    expected = shapley(lambda shown: float(together(torch.tensor(shown[None], dtype=torch.float32))[0]), count)
    np.testing.assert_allclose(values_of(explain.run(model, pixels, exact, 0), cut), expected, atol=1e-5)
    rough = values_of(explain.run(model, pixels, drawn, 0), cut)
    assert 1e-4 < np.abs(rough - expected).max() < 0.3
    assert rough.sum() == pytest.approx(expected.sum(), abs=1e-5)


@pytest.mark.parametrize("fill", ["black", "white", "grey", "blur"])
@pytest.mark.parametrize("target", TARGETS)
def test_kernel_shap_adds_up_to_the_difference(pooled: models.LoadedModel, target: Any, fill: str) -> None:
    pixels, method = toy.picture(32), explain.KernelSHAP(segments=12, samples=60, fill=fill)
    with torch.no_grad():
        difference = float((target(pooled(pixels)) - target(pooled(baseline(pixels, fill))))[0])
    found = explain.run(pooled, pixels, method, target)
    assert values_of(found, cut_of(pixels, method)).sum() == pytest.approx(difference, rel=1e-3, abs=1e-6)
    assert found.checks["completeness"] < 1e-3


def oracle(way: Any, pixels: Tensor, cut: np.ndarray, **more: Any) -> np.ndarray:
    """Ask captum with the same samples: what each superpixel adds."""
    found = way.attribute(
        pixels, baselines=0.0, feature_mask=torch.from_numpy(cut)[None, None].long(), return_input_shape=False, **more
    )
    return np.ravel(found)


def test_kernel_shap_is_captums_on_the_same_samples(everyday: models.LoadedModel) -> None:
    """captum gives all and none a weight of a million where we have a condition."""
    pixels, target = patches(64, 6), ClassLogit(3)
    method = explain.KernelSHAP(segments=20, samples=80)
    cut = cut_of(pixels, method)
    ways = method.draw(int(cut.max()) + 1)

    def samples(original: Any, **kwargs: Any) -> Any:
        yield from ways.long()[:, None]

    way = captum.attr.KernelShap(lambda pictures: target(everyday(pictures)))
    way.perturb_func = samples
    expected = oracle(way, pixels, cut, n_samples=len(ways), perturbations_per_eval=8)
    assert same(values_of(explain.run(everyday, pixels, method, target), cut), expected) > 0.9999


def test_lime_is_captums_and_scikit_learns_on_the_same_samples(everyday: models.LoadedModel) -> None:
    """captum weighs by the distance of pictures, unless told otherwise; the authors' program by what is shown."""
    pixels, target = patches(64, 6), Contrast(3, 5)
    method = explain.LIME(segments=20, samples=80)
    cut = cut_of(pixels, method)
    ways = method.draw(int(cut.max()) + 1)
    found = values_of(explain.run(everyday, pixels, method, target), cut)

    weights = np.exp(-((1 - np.sqrt(ways.float().mean(1).numpy())) ** 2) / (2 * 0.25**2))
    masks = ways[:, torch.from_numpy(cut).long()][:, None]
    with torch.no_grad():
        scores = torch.cat([target(everyday(mask * pixels)) for mask in masks]).numpy()
    literal = Ridge(alpha=1.0).fit(ways.numpy().astype(float), scores, sample_weight=weights)
    np.testing.assert_allclose(found, literal.coef_, atol=1e-4 * np.abs(found).max())

    def samples(original: Any, **kwargs: Any) -> Any:
        yield from ways.long()[:, None]

    def similarity(original: Any, picture: Any, way: Tensor, **kwargs: Any) -> float:
        return float(np.exp(-((1 - float(way.float().mean()) ** 0.5) ** 2) / (2 * 0.25**2)))

    way = captum.attr.Lime(
        lambda pictures: target(everyday(pictures)), SkLearnRidge(alpha=1.0), similarity_func=similarity
    )
    way.perturb_func = samples
    assert same(found, oracle(way, pixels, cut, n_samples=len(ways))) > 0.9999


def test_where_superpixels_act_only_together_the_map_says_so() -> None:
    def parity(shown: Tensor) -> Tensor:
        return 1 - 2 * ((shown.round() @ torch.ones(shown.shape[1])) % 2)

    pixels, method = patches(), explain.LIME(segments=16)
    model = toy.loaded(Shown(pixels, cut_of(pixels, method), parity), 2, side=32)
    found = explain.run(model, pixels, method, 0)
    assert found.checks["fit"] < 0.3
    assert "what they do together is not in the map" in found.notes[1]


@pytest.mark.parametrize("method", [explain.LIME(), explain.KernelSHAP(), explain.RISE(samples=20, centred=True)])
def test_a_picture_without_anything_in_it_gets_a_map_of_zeros(pooled: models.LoadedModel, method: Any) -> None:
    found = explain.run(pooled, torch.zeros(1, 3, 32, 32), method, 1)
    np.testing.assert_allclose(found.values, 0, atol=1e-5)


class Dead(nn.Module):
    """Says the same of every picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.fc = nn.Linear(4, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc((self.conv(pixels) * 0 - 1).relu().mean((2, 3))) + 0.3


@pytest.mark.parametrize("target", [ClassLogit(1), ClassProbability(1), Contrast(0, 1)])
def test_of_scores_that_never_change_rise_shows_nothing_or_says_what_it_shows(target: Any) -> None:
    """Centred, that is zero everywhere, not rounding; as the paper has it, how often each pixel was shown."""
    model = toy.loaded(toy.seeded(Dead()), 3, side=32)
    for batch in (1, 3, 8):
        found = explain.run(model, toy.picture(32), explain.RISE(samples=50, centred=True), target, batch=batch)
        assert found.empty and "zero everywhere" in found.notes[0]
        assert "standard_error" not in found.checks
    method = explain.RISE(samples=50, centred=False)
    shown = explain.run(model, toy.picture(32), method, target)
    score = float(target(model(toy.picture(32)))[0])
    np.testing.assert_allclose(shown.values, score * rise_masks(method, 32).mean(0) / 0.5, rtol=1e-5)
    assert "only shows how often each pixel was shown" in shown.notes[0]


@pytest.mark.parametrize("name", ["RISE", "LIME", "KernelSHAP"])
def test_another_seed_draws_others_and_nobody_elses_draws_change(pooled: models.LoadedModel, name: str) -> None:
    before, maps = torch.get_rng_state(), []
    for seed in (0, 1):
        method = explain.METHODS[name](samples=30, seed=seed)
        maps.append(explain.run(pooled, toy.picture(32), method, 1).values)
    assert torch.equal(torch.get_rng_state(), before)
    assert not np.allclose(*maps)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("cells", "keep"), [(7, 0.5), (5, 0.3)])
def test_rise_is_the_loop_of_the_paper(pooled: models.LoadedModel, target: Any, cells: int, keep: float) -> None:
    """And what centring takes away is the mean score times how often a pixel was shown."""
    pixels = toy.picture(32)
    method = explain.RISE(samples=60, cells=cells, keep=keep, seed=3, centred=False)
    masks = rise_masks(method, 32)
    total, scores = np.zeros((32, 32)), []
    for mask in masks:
        with torch.no_grad():
            scores.append(float(target(pooled(pixels * torch.from_numpy(mask).float()))[0]))
        total += scores[-1] * mask
    expected = total / (60 * keep)
    found = explain.run(pooled, pixels, method, target)
    np.testing.assert_allclose(found.values, expected, atol=1e-4 * np.abs(expected).max())
    assert "lies under the whole map" in found.notes[0]
    centred = explain.run(pooled, pixels, replace(method, centred=True), target)
    left = expected - np.mean(scores) * masks.mean(0) / keep
    np.testing.assert_allclose(centred.values, left, atol=1e-3 * np.abs(left).max())
    assert "count from their mean" in centred.notes[0]
    assert centred.checks["mean_score"] == pytest.approx(np.mean(scores), rel=1e-4)


class Corners(nn.Module):
    """Counts the top left corner three times, the bottom right once, and the top right minus once."""

    def forward(self, pixels: Tensor) -> Tensor:
        corner = [pixels[:, :, :8, :8], pixels[:, :, 24:, 24:], pixels[:, :, :8, 24:]]
        first, second, third = (each.mean((1, 2, 3)) for each in corner)
        return torch.stack([3 * first + second - third + 20, pixels[:, 0, 0, 0]], 1)


def test_rise_ranks_what_counts_and_its_error_is_what_other_draws_show() -> None:
    """On a score of 20 and more, the map without centring is mostly how often each pixel happened to be shown."""
    model, pixels = toy.loaded(Corners(), 2, side=32), torch.ones(1, 3, 32, 32)
    maps = [explain.run(model, pixels, explain.RISE(samples=800, seed=seed, centred=True), 0) for seed in range(8)]
    values = np.stack([found.values for found in maps])
    first, second, third = (values[:, part, other].mean((1, 2)) for part, other in (
        (slice(8), slice(8)), (slice(24, 32), slice(24, 32)), (slice(8), slice(24, 32)))
    )
    assert (first > second).all() and (second > 0).all() and (third < 0).all()
    spread = float(np.sqrt(values.var(0, ddof=1).sum()) / np.mean([np.linalg.norm(each) for each in values]))
    assert maps[0].checks["standard_error"] == pytest.approx(spread, rel=0.25)
    raw = explain.run(model, pixels, explain.RISE(samples=800, centred=False), 0).values
    assert np.corrcoef(raw.ravel(), values.mean(0).ravel())[0, 1] < 0.8 < np.corrcoef(
        values[0].ravel(), values[1:].mean(0).ravel()
    )[0, 1]


def test_partial_results_end_in_the_map(pooled: models.LoadedModel) -> None:
    for method in (
        explain.RISE(samples=40), explain.LIME(samples=40), explain.KernelSHAP(samples=40),
        explain.ExtremalPerturbation(steps=40), explain.ScoreCAM(layer="conv2"), explain.AblationCAM(layer="conv2"),
    ):
        heard: list[Any] = []
        with explain.heard_by(heard.append):
            found = explain.run(pooled, toy.picture(32), method, 1, batch=2)
        partial = [progress.partial for progress in heard if progress.partial is not None]
        assert heard[-1].done == heard[-1].total and len(partial) > 3
        assert all(each.values.shape == (32, 32) for each in partial)
        assert same(partial[-1].values, found.values) > same(partial[0].values, found.values)


@pytest.mark.parametrize("target", TARGETS)
def test_score_cam_is_the_literal_loop(pooled: models.LoadedModel, target: Any) -> None:
    """The softmax is over channels, each behind its own mask, on black."""
    pixels = toy.picture(32)
    trace = explain.trace(pooled, pixels)
    activation = trace.activation("conv2")[0]
    scores = []
    for channel in activation:
        large = nn.functional.interpolate(channel[None, None], (32, 32), mode="bilinear", align_corners=False)
        mask = (large - large.min()) / (large.max() - large.min())
        with torch.no_grad():
            scores.append(target(pooled(pixels * mask)))
    expected = (torch.cat(scores).softmax(0)[:, None, None] * activation).sum(0)
    found = explain.run(pooled, trace, explain.ScoreCAM(layer="conv2"), target)
    np.testing.assert_allclose(found.grid, expected.numpy(), atol=1e-5)
    assert (found.values >= 0).all() and found.layer == "conv2"


def test_score_cam_counts_an_even_channel_as_showing_nothing() -> None:
    class Even(toy.Pooled):
        def forward(self, pixels: Tensor) -> Tensor:
            self.pool(pixels)
            first = self.conv2(self.conv1(pixels))
            return self.fc(torch.flatten(self.pool(first * torch.tensor([0.0] + [1.0] * 11)[:, None, None]), 1))

    model = toy.loaded(toy.seeded(Even()), 4, side=32)
    found = explain.run(model, toy.picture(32), explain.ScoreCAM(layer="mul"), 1)
    assert np.isfinite(found.grid).all() and found.grid.any()


@pytest.mark.parametrize("target", [ClassLogit(2), ClassProbability(1), Contrast(0, 3), Contrast(3, 0), ClassLogit(0)])
def test_ablation_cam_of_a_pooled_network_follows_from_its_weights(pooled: models.LoadedModel, target: Any) -> None:
    """Without a channel a logit falls by its weight times its mean; as a share where there is one, else noted."""
    trace = explain.trace(pooled, toy.picture(32))
    activation, network = trace.activation("relu_1")[0], pooled.network
    means = activation.mean((1, 2))
    without = network.fc(means * (1 - torch.eye(len(means))))
    score = float(target(trace.logits)[0])
    weights = score - target(without)
    shares = score > 0 and not isinstance(target, Contrast)
    expected = ((weights / score if shares else weights)[:, None, None] * activation).sum(0)
    found = explain.run(pooled, trace, explain.AblationCAM(layer="relu_1"), target)
    np.testing.assert_allclose(found.grid, expected.numpy(), atol=2e-5 * np.abs(expected.numpy()).max())
    assert shares != any("not a share of it" in note for note in found.notes)
    with toy.Counting() as counted:
        explain.run(pooled, trace, explain.AblationCAM(layer="relu_1"), target)
    assert counted.forward == 0


@pytest.mark.parametrize(("layer", "said"), [("relu_1", False), ("conv2", True)])
def test_ablation_cam_says_where_activations_below_zero_turn_its_sign(
    pooled: models.LoadedModel, layer: str, said: bool
) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    assert bool((trace.activation(layer).mean((0, 2, 3)) < 0).any()) == said
    found = explain.run(pooled, trace, explain.AblationCAM(layer=layer), 1)
    assert any("counts with the wrong sign" in note for note in found.notes) == said


@pytest.mark.parametrize("name", ["ScoreCAM", "AblationCAM"])
def test_score_and_ablation_cam_are_the_librarys(everyday: models.LoadedModel, name: str) -> None:
    """Of the last layer, a ReLU's: there pytorch-grad-cam's Ablation-CAM sets a silenced channel to zero, too."""
    trace, layer = explain.trace(everyday, toy.picture(64)), default_layer(everyday)
    target, activation = ClassLogit(int(trace.logits.argmax())), trace.activation(layer)
    weights = channel_weights(everyday, name, layer, trace.pixels, target, activation)
    expected = np.tensordot(weights, activation[0], 1)
    assert same(explain.run(everyday, trace, explain.METHODS[name](layer=layer), target).grid, expected) > 0.9999


class Patch(nn.Module):
    """Looks at one square of ten pixels only; `scale` is its unit."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, pixels: Tensor) -> Tensor:
        square = pixels[:, :, 16:26, 4:14].mean((1, 2, 3))
        return torch.stack([square, -square], 1) * self.scale


@pytest.mark.parametrize("target", [ClassLogit(0), ClassProbability(0), Contrast(0, 1)])
def test_extremal_perturbation_keeps_the_only_patch_that_counts(target: Any) -> None:
    found = explain.run(
        toy.loaded(Patch(), 2, side=32), torch.ones(1, 3, 32, 32),
        explain.ExtremalPerturbation(area=0.15, steps=120, fill="black"), target,
    )
    assert found.values[16:26, 4:14].mean() > 0.9 > 0.3 > found.values.mean()
    outside = found.values.copy()
    outside[12:30, :18] = 0
    assert outside.mean() < 0.02
    assert found.checks["kept"] == pytest.approx(found.checks["whole"], rel=0.1)
    assert found.values.min() >= 0 and found.values.max() <= 1 and not found.signed


@pytest.mark.parametrize("area", [0.05, 0.3])
def test_extremal_perturbation_keeps_as_much_as_asked(pooled: models.LoadedModel, area: float) -> None:
    found = explain.run(pooled, patches(), explain.ExtremalPerturbation(area=area, steps=100), 1)
    assert found.checks["area"] == pytest.approx(area, rel=0.25)
    assert found.checks["area"] == pytest.approx(float(found.values.mean()), rel=1e-4)


def test_the_unit_of_the_score_does_not_move_the_area() -> None:
    maps = [
        explain.run(toy.loaded(Patch(scale), 2, side=32), patches(), explain.ExtremalPerturbation(steps=60), 0).values
        for scale in (1.0, 500.0)
    ]
    assert same(*maps) > 0.999


def test_extremal_perturbation_says_where_nothing_can_be_hidden(pooled: models.LoadedModel) -> None:
    found = explain.run(pooled, torch.zeros(1, 3, 32, 32), explain.ExtremalPerturbation(fill="black"), 1)
    assert found.empty and "Nothing can be hidden" in found.notes[0]


def test_extremal_perturbation_keeps_more_of_the_score_than_grad_cams_best_area(everyday: models.LoadedModel) -> None:
    """On a photograph, where the area that the search starts from would be as good as any."""
    picture = Image.open(SAMPLES / "chelsea.jpg").convert("RGB").resize((64, 64))
    pixels = torch.from_numpy(np.asarray(picture).transpose(2, 0, 1) / 255).float()[None]
    trace = explain.trace(everyday, pixels)
    target = ClassLogit(int(trace.logits.argmax()))
    found = explain.run(everyday, trace, explain.ExtremalPerturbation(area=0.15, steps=100), target)
    best = torch.from_numpy(share_of_area(explain.run(everyday, trace, explain.GradCAM(), target).values, 0.15)).float()
    with torch.no_grad():
        other = float(target(everyday(torch.lerp(baseline(pixels, "blur"), pixels, best))))
    assert found.checks["kept"] > other + 0.1 * abs(found.checks["whole"])


def test_pixels_that_no_window_hides_are_told_of() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    apart = explain.run(model, toy.picture(), explain.Occlusion(window=2, stride=4), 0)
    assert apart.notes == ("75 % of the pixels lie between the windows: never hidden, they stay at zero.",)
    assert not explain.run(model, toy.picture(), explain.Occlusion(window=4, stride=4), 0).notes
