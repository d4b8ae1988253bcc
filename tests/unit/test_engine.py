"""The door to an explanation: what it takes, what it refuses, and what happens without memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import explain
import models
import toy
from explain import ClassLogit, ClassProbability, Contrast, Occlusion, Saliency
from explain.target import confidence
from explain.tracing import Trace
from models.device import free_memory
from models.errors import DeviceError, ModelError, ParameterError, PictureError, TargetError, UnsuitableError
from toy import Linear, loaded, picture


def test_a_class_that_predict_found_can_be_asked_for() -> None:
    model = loaded(Linear(), classes=3)
    found = explain.predict(model, picture()).indices
    asked = ClassLogit(found[0]), ClassProbability(found[0]), Contrast(found[0], found[1])
    assert all(type(target.index) is int for target in asked)
    assert explain.run(model, picture(), Saliency(), asked[0], batch=np.int64(2)).target == ClassLogit(int(found[0]))
    with pytest.raises(TargetError, match="itself"):
        Contrast(1, torch.tensor(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "forward", "backward"),
    [
        *[(name, 2, 2) for name in ("Saliency", "InputXGradient", "GuidedBackprop")],
        *[("DeepLift", 4, 2), ("GradCAM", 2, 0), ("EigenCAM", 2, 0)],
    ],
)
def test_a_fresh_picture_runs_no_more_convolutions_than_the_method_needs(
    name: str, forward: int, backward: int
) -> None:
    model, method = loaded(toy.seeded(toy.Pooled()), classes=4), explain.METHODS[name]
    explain.run(model, picture(seed=1), method(), 2)  # what is asked of a network once
    with toy.Counting() as counted:
        explain.run(model, picture(), method(), 2)
    assert (counted.forward, counted.backward) == (forward, backward)


class Narrowing(nn.Module):
    """Needs a picture of 16 x 16: what its pool leaves of a smaller one is less than its second kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 5, 3, stride=2), nn.Conv2d(5, 7, 3)
        self.pool, self.fc = nn.MaxPool2d(3, 2, ceil_mode=True), nn.Linear(7, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(self.second(self.pool(self.first(pixels).relu())).relu().mean((2, 3)))


class Demanding(Narrowing):
    """Says itself what it wants, as vision transformers do."""

    def forward(self, pixels: Tensor) -> Tensor:
        assert pixels.shape[-1] == 16, "not what it was trained on"
        return super().forward(pixels)


@pytest.mark.parametrize("network", [Narrowing, Demanding])
@pytest.mark.parametrize("name", sorted(explain.METHODS))
def test_pixels_that_are_too_few_are_refused_in_one_sentence_by_every_method(
    network: type[nn.Module], name: str
) -> None:
    model, method = loaded(toy.seeded(network()), classes=3), explain.METHODS[name]
    if explain.unsuitable(model, method) is not None or name == "ActivationMaximisation":
        pytest.skip("does not suit the network, or makes a picture of its own")
    with pytest.raises(PictureError, match="This network wants 16 x 16 pixels, not 9 x 9"):
        explain.run(model, picture(9), method(), ClassLogit(1))


def test_an_error_of_a_method_of_its_own_is_not_the_pictures() -> None:
    class Failing(Saliency):
        def __call__(self, trace: Trace, target: object) -> explain.Heatmap:
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        explain.run(loaded(toy.seeded(toy.Pooled()), classes=4), picture(9), Failing(), 1)


def test_predict_refuses_what_run_refuses() -> None:
    model, other = loaded(Linear(), classes=3), loaded(Linear(), classes=3)
    with pytest.raises(ModelError, match="another model"):
        explain.predict(other, Trace(model, picture()))
    with pytest.raises(ParameterError, match="at least one class, not 0"):
        explain.predict(model, picture(), 0)


@pytest.mark.parametrize("image", [np.zeros((1, 3, 16, 16), np.float32), "a picture", None])
def test_what_is_no_picture_is_refused_by_its_kind(image: Any) -> None:
    with pytest.raises(PictureError, match=f"not {type(image).__name__}"):
        explain.run(loaded(Linear(), classes=3), image, Saliency())


def test_a_trace_does_not_change_with_the_callers_pixels() -> None:
    pixels = picture()
    trace = explain.trace(loaded(Linear(), classes=3), pixels)
    pixels.zero_()
    assert torch.equal(trace.pixels, picture())


def test_the_quick_check_refuses_a_map_of_another_crop() -> None:
    model = loaded(Linear(), classes=3)
    heatmap = explain.Heatmap(values=np.ones((8, 8), np.float32), signed=False)
    with pytest.raises(ParameterError, match=r"A map of \(8, 8\) belongs to another crop"):
        explain.quick_check(explain.trace(model, picture()), heatmap, ClassLogit(0))


def test_how_sure_a_network_is_of_one_class_rather_than_another_is_finite_far_behind_the_best() -> None:
    logits = torch.tensor([[500.0, 1.0, 0.0]])
    assert float(confidence(logits, Contrast(1, 2))[0]) == pytest.approx(1 / (1 + np.exp(-1)))
    with pytest.raises(TargetError, match="no class 3"):
        confidence(logits, ClassLogit(3))


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
    ids=["CUDA", "CPU"],
)
@pytest.mark.parametrize("target", [0, None])
def test_without_memory_the_batch_is_halved_and_then_a_sentence_says_so(
    error: Exception, target: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, most = loaded(Linear(), classes=3), [4]
    whole = explain.run(model, picture(), Occlusion(window=8, stride=4), target)
    forward = model.network.forward

    def short(pixels: torch.Tensor) -> Any:
        if len(pixels) > most[0]:
            raise error
        return forward(pixels)

    monkeypatch.setattr(model.network, "forward", short)
    halved = explain.run(model, picture(), Occlusion(window=8, stride=4), target, batch=9)
    assert isinstance(halved, explain.Heatmap) and isinstance(whole, explain.Heatmap)
    assert np.allclose(halved.values, whole.values, atol=1e-6)
    most[0] = 0
    with pytest.raises(DeviceError, match="not enough memory"):
        explain.run(loaded(model.network, classes=3), picture(), Occlusion(window=8, stride=4), target)
    most[0] = 4
    explain.run(model, picture(), Saliency(), target)


ASKED_FIRST: dict[str, Callable[[models.LoadedModel], object]] = {
    "predict": lambda model: explain.predict(model, picture()).probabilities,
    "trace": lambda model: explain.trace(model, picture()).logits.numpy(),
    "layers": lambda model: len(model.layers()),
    "quick_check": lambda model: _quick(model).hidden,
}


def _quick(model: models.LoadedModel) -> explain.QuickCheck:
    values = np.arange(256, dtype=np.float32).reshape(16, 16)
    heatmap = explain.Heatmap(values=values, signed=False)
    return explain.quick_check(Trace(model, picture()), heatmap, 0)


@pytest.mark.parametrize("ask", ASKED_FIRST.values(), ids=ASKED_FIRST)
def test_whatever_is_asked_first_says_so_where_memory_runs_out(
    ask: Callable[[models.LoadedModel], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, short = loaded(toy.seeded(toy.Pooled()), classes=4), [True]
    forward = nn.Conv2d.forward

    def without(self: nn.Conv2d, given: Tensor) -> Tensor:
        if short[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, given)

    monkeypatch.setattr(nn.Conv2d, "forward", without)
    with pytest.raises(DeviceError, match="not enough memory"):
        ask(model)
    short[0] = False
    assert np.array_equal(ask(model), ask(loaded(toy.seeded(toy.Pooled()), classes=4)))  # type: ignore[arg-type]


INSIDE: dict[str, dict[str, int]] = {
    **{name: {} for name in ("Saliency", "GradCAM", "GuidedBackprop", "DeepLift", "LRP")},
    **{"IntegratedGradients": {"steps": 8}, "PGD": {"steps": 3}, "RISE": {"samples": 16}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", INSIDE)
def test_what_is_asked_in_inference_mode_is_answered_as_elsewhere(name: str) -> None:
    method = explain.METHODS[name](**INSIDE[name])

    def answered(inside: bool) -> list[np.ndarray]:
        with torch.inference_mode(inside):
            model = models.load("everyday_resnet", device="cpu")
            trace = explain.trace(model, picture(64))
        with torch.inference_mode(inside):
            found = [explain.run(model, one, method, 3) for one in (trace, picture(64))]
        found.append(explain.run(model, trace, method, 3))
        return [one.pixels if isinstance(one, explain.Adversarial) else one.values for one in found]

    for one, other in zip(answered(inside=True), answered(inside=False), strict=True):
        assert one.any()
        assert np.allclose(one, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


class Enough(DeviceError):
    """What a listener ends the work with."""


@pytest.mark.parametrize("error", [Enough("enough"), MemoryError("enough"), RuntimeError("CUDA out of memory, enough")])
def test_what_a_listener_raises_comes_out_unchanged_and_is_not_remembered(error: Exception) -> None:
    def end(_: models.Progress) -> None:
        raise error

    model, trace = loaded(toy.seeded(toy.Pooled()), classes=4), Trace(loaded(toy.seeded(toy.Pooled()), 4), picture())
    heatmap = explain.run(trace.model, trace, explain.METHODS["SmoothGrad"](samples=3), 1)
    assert isinstance(heatmap, explain.Heatmap)
    asked: list[Callable[[], object]] = [
        lambda: explain.run(model, picture(), explain.METHODS["DeepLift"](), 1),
        lambda: explain.run(model, picture(), Occlusion(window=8, stride=4), 1),
        lambda: explain.measure(trace, explain.METRICS["RandomisationCascade"](), heatmap),
        lambda: explain.quick_check(trace, heatmap, 1, patience=float("inf")),
    ]
    for ask in asked:
        with pytest.raises(type(error), match="enough") as raised, models.heard_by(end):
            ask()
        assert raised.value is error
    assert explain.unsuitable(model, explain.METHODS["DeepLift"]) is None


def test_a_network_that_overwrites_what_its_gradient_needs_says_so() -> None:
    class Overwriting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            squashed = torch.sigmoid(self.conv(pixels))
            squashed.mul_(2)
            return squashed.mean((2, 3))

    model = toy.loaded(toy.seeded(Overwriting()), 3)
    with pytest.raises(UnsuitableError, match="overwrites what its own gradient needs"):
        explain.run(model, toy.picture(), explain.IntegratedGradients(), 0)
    assert explain.run(model, toy.picture(), explain.Occlusion(window=4), 0).values.any()


def test_a_map_without_evidence_has_nothing_to_hide() -> None:
    trace = explain.trace(toy.loaded(toy.seeded(toy.Linear()), 3), toy.picture())
    empty = explain.Heatmap(values=np.zeros((16, 16), np.float32), signed=False)
    with pytest.raises(UnsuitableError, match="no evidence"):
        explain.quick_check(trace, empty, explain.ClassLogit(0))


def test_feature_maps_of_a_layer_without_places_say_so() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    found = explain.run(model, toy.picture(), explain.LayerActivations(layer="fc"))
    assert found.maps.shape == (4, 1, 1) and "without height and width" in found.notes[0]


def test_a_method_that_cannot_be_tried_for_want_of_memory_is_refused_in_words_and_tried_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, short = loaded(toy.seeded(toy.Pooled()), classes=4), [True]
    own = explain.METHODS["LRP"].unsuitable

    def unsuitable(model: Any) -> str | None:
        if short[0]:
            raise MemoryError
        return own(model)

    monkeypatch.setattr(explain.METHODS["LRP"], "unsuitable", unsuitable)
    assert "not enough memory" in str(explain.unsuitable(model, explain.METHODS["LRP"]))
    short[0] = False
    assert explain.unsuitable(model, explain.METHODS["LRP"]) is None


def test_deep_lift_is_refused_before_it_takes_the_machines_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for free, refused in [(10_000, True), (1_000_000, False)]:
        model = loaded(toy.seeded(toy.Pooled()), classes=4)
        monkeypatch.setattr("explain.slopes.free_memory", lambda free=free: free)
        reason = explain.unsuitable(model, explain.METHODS["DeepLift"])
        assert ("memory" in str(reason)) == refused == (reason is not None)


def test_free_memory_is_more_than_this_program_needs_and_no_more_than_the_machine_has() -> None:
    assert 2**26 < free_memory() < 2**45


def test_numbers_of_numpys_are_parameters_like_any_other() -> None:
    asked = explain.METHODS["SmoothGrad"](samples=np.int64(5), noise=np.float32(0.5))
    assert asked == explain.METHODS["SmoothGrad"](samples=5, noise=0.5)
    assert repr(asked) == repr(explain.METHODS["SmoothGrad"](samples=5, noise=0.5))
    assert explain.METHODS["PGD"](goal=np.int64(2)).goal == 2
    with pytest.raises(ParameterError, match="a whole number from 1 to 256"):
        explain.METHODS["SmoothGrad"](samples=np.float64(5))


def test_a_trace_takes_a_class_index_for_its_logit() -> None:
    trace = Trace(loaded(toy.seeded(toy.Pooled()), 4), picture())
    assert torch.equal(trace.gradient(3, "conv2")[0], trace.gradient(ClassLogit(3), "conv2")[0])
    assert torch.equal(trace.input_gradient(np.int64(3)), trace.input_gradient(ClassLogit(3)))
