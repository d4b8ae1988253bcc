"""What every method promises; runs over the registry, so a new method is covered on the day it is added."""

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import explain
import models
import toy
from explain.params import Range, check, params_of
from explain.target import ClassLogit, ClassProbability, Contrast
from models.errors import ConvLensError, DeviceError, ParameterError, TargetError, UnsuitableError
from oracles import same

METHODS = dict(explain.METHODS)
#: Smaller settings where the defaults take long; everything else runs with its defaults.
QUICK = {
    "ActivationMaximisation": {"steps": 6},
    "IntegratedGradients": {"steps": 12},
    "Occlusion": {"window": 10, "stride": 6},
    "APGD": {"steps": 6},
    "AttackEnsemble": {"steps": 4, "queries": 6},
    "BlurIG": {"steps": 16},
    "CarliniWagner": {"searches": 2, "steps": 6},
    "DeepFool": {"steps": 4},
    "ExtremalPerturbation": {"steps": 10},
    "FeatureFactorization": {"iterations": 20},
    "GradientSHAP": {"samples": 16},
    "GuidedIG": {"steps": 8},
    "KernelSHAP": {"samples": 20, "segments": 6},
    "LIME": {"samples": 20, "segments": 6},
    "RISE": {"samples": 20},
    "PGD": {"steps": 3},
    "Square": {"queries": 8},
    "XRAI": {"steps": 8},
}


FIRST = ClassLogit(1)


def make(name: str) -> explain.Method:
    return METHODS[name](**QUICK.get(name, {}))


def arrays(answer: explain.Explanation) -> list[np.ndarray]:
    return [value for value in vars(answer).values() if isinstance(value, np.ndarray)]


def ask(model: models.LoadedModel, name: str, target: Any = FIRST, **more: Any) -> explain.Explanation:
    """Ask, and pass over a method that says why it does not suit the network."""
    reason = explain.unsuitable(model, METHODS[name])
    if reason is not None:
        assert len(reason) > 20 and reason.endswith(".")
        pytest.skip(f"{name} refuses this network: {reason}")
    side = model.card.pixels.side
    return explain.run(model, toy.picture(side), make(name), target, **more)


@pytest.fixture(scope="module")
def device(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--device"))


@pytest.fixture(scope="module", params=["pooled", "in place", "without a graph", "one output"])
def model(request: pytest.FixtureRequest, device: str) -> models.LoadedModel:
    networks: dict[str, tuple[Callable[[], torch.nn.Module], int]] = {
        "pooled": (toy.Pooled, 4),
        "in place": (toy.InPlace, 3),
        "without a graph": (toy.Branching, 3),
        "one output": (toy.SingleLogit, 1),
    }
    network, classes = networks[request.param]
    return toy.loaded(toy.seeded(network()), classes, side=32, plain=False, device=device)


@pytest.fixture(params=sorted(METHODS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("target", [ClassLogit(0), ClassProbability(1), Contrast(1, 0)])
def test_answers_are_finite_and_know_their_origin(model: models.LoadedModel, name: str, target: Any) -> None:
    try:
        answer = ask(model, name, target)
    except UnsuitableError as error:
        # A method may say that a kind of question has no meaning for it, but not of every kind.
        assert isinstance(target, ClassProbability) and error.message.endswith(".")
        return
    assert arrays(answer) and all(np.isfinite(values).all() for values in arrays(answer))
    assert all(values.dtype == np.float32 for values in arrays(answer) if values.dtype.kind == "f")
    assert (answer.method, answer.target, answer.model) == (make(name), target, "toy")
    assert answer.seconds > 0
    if isinstance(answer, explain.Heatmap):
        assert answer.values.shape == (32, 32)
        assert answer.signed or (answer.values >= 0).all()


def test_the_same_question_gets_the_same_answer(model: models.LoadedModel, name: str) -> None:
    for one, other in zip(arrays(ask(model, name)), arrays(ask(model, name)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_batch_size_does_not_change_the_answer(model: models.LoadedModel, name: str) -> None:
    alone = arrays(ask(model, name, batch=1))
    for batch in (3, 8):
        for one, other in zip(alone, arrays(ask(model, name, batch=batch)), strict=True):
            if one.any():
                cosine = np.dot(one.ravel(), other.ravel()) / (np.linalg.norm(one) * np.linalg.norm(other))
                assert cosine >= 0.99999


def test_the_network_is_left_as_it_was(model: models.LoadedModel, name: str) -> None:
    before = toy.state(model)
    ask(model, name)
    assert toy.state(model) == before


def test_the_network_is_left_as_it_was_after_a_cancel(model: models.LoadedModel, name: str) -> None:
    class Cancelled(BaseException):
        pass

    def cancel(progress: explain.Progress) -> None:
        if progress.done >= progress.total / 2:
            raise Cancelled

    before = toy.state(model)
    heard: list[explain.Progress] = []
    with explain.heard_by(heard.append):
        ask(model, name, batch=2)
    if heard:
        with explain.heard_by(cancel), pytest.raises(Cancelled):
            ask(model, name, batch=2)
    assert toy.state(model) == before
    assert model.lock.acquire(blocking=False)
    model.lock.release()


def test_the_network_is_left_as_it_was_after_an_error(
    model: models.LoadedModel, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = toy.state(model)
    ask(model, name)
    calls = {"left": 1}
    whole = type(model.network).__call__

    def fail(*args: Any, **kwargs: Any) -> Any:
        calls["left"] -= 1
        if calls["left"] < 0:
            raise ValueError("planted")
        return whole(*args, **kwargs)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", fail)
    with pytest.raises((ValueError, TypeError)):
        calls["left"] = 0
        explain.run(model, toy.picture(32, seed=3), make(name), 1)
    monkeypatch.undo()
    assert toy.state(model) == before
    np.testing.assert_array_equal(*(arrays(ask(model, name))[0] for _ in range(2)))


def test_answers_survive_pickling(model: models.LoadedModel, name: str) -> None:
    answer = ask(model, name)
    again = pickle.loads(pickle.dumps(answer))
    for one, other in zip(arrays(answer), arrays(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (again.method, again.target, again.notes, again.checks) == (
        answer.method,
        answer.target,
        answer.notes,
        answer.checks,
    )


@pytest.mark.parametrize("target", [99, -1, ClassProbability(4), Contrast(0, 77), True, 1.5, "tabby"])
def test_a_class_that_is_not_there_is_refused(model: models.LoadedModel, name: str, target: Any) -> None:
    with pytest.raises(TargetError):
        ask(model, name, target)


def test_alone_and_beside_another_job_are_the_same(model: models.LoadedModel, name: str) -> None:
    expected = arrays(ask(model, name))[0]
    found: list[np.ndarray] = []
    failed: list[BaseException] = []
    # Each method meets the next three by name, and so, over all tests, six others.
    place = sorted(METHODS).index(name)
    following = [*sorted(METHODS), *sorted(METHODS)][place + 1 : place + 4]
    others = [other for other in following if explain.unsuitable(model, METHODS[other]) is None]

    def work(mine: str) -> None:
        try:
            for _ in range(3):
                answer = arrays(explain.run(model, toy.picture(32), make(mine), ClassLogit(1)))[0]
                if mine == name:
                    found.append(answer)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in (name, *others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(found) >= 3
    for answer in found:
        np.testing.assert_array_equal(answer, expected)


def test_memory_that_runs_out_halves_the_batch_then_says_so(
    model: models.LoadedModel, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = arrays(ask(model, name, batch=1))[0]
    sizes: list[int] = []
    whole = models.LoadedModel.__call__

    def small(self: models.LoadedModel, pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("planted")
        return whole(self, pixels)

    monkeypatch.setattr(models.LoadedModel, "__call__", small)
    np.testing.assert_allclose(arrays(ask(model, name, batch=8))[0], expected, rtol=1e-3, atol=1e-5)

    def none(self: models.LoadedModel, pixels: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("planted")

    monkeypatch.setattr(models.LoadedModel, "__call__", none)
    if sizes and model.device.type == "cpu":
        with pytest.raises(DeviceError, match="not enough memory"):
            ask(model, name, batch=8)
    monkeypatch.undo()
    np.testing.assert_allclose(arrays(ask(model, name))[0], expected, rtol=1e-3, atol=1e-5)


def test_every_parameter_has_a_range_a_default_that_fits_and_a_help(name: str) -> None:
    method = METHODS[name]
    for param in params_of(method):
        assert param.help and param.help[0].isupper()
        if isinstance(param.kind, Range):
            for wrong in (param.kind.low - 1, param.kind.high + 1, float("nan"), "5", None):
                with pytest.raises(ParameterError):
                    method(**{param.name: wrong})
            assert getattr(method(**{param.name: param.type(param.kind.high)}), param.name) == param.kind.high
    check(method())
    assert method() == method() and hash(method()) == hash(method())


def test_every_method_says_who_made_it_and_what_it_shows(name: str) -> None:
    method = METHODS[name]
    assert "arXiv:" in method.paper and method.label and method.caption and method.family
    assert method.__doc__ is not None and method.__doc__.splitlines()[0].endswith(".")


def test_a_network_that_does_not_suit_gets_a_reason(name: str) -> None:
    model = toy.loaded(toy.seeded(toy.Linear()), 3)
    reason = explain.unsuitable(model, METHODS[name])
    if reason is None:
        assert np.isfinite(arrays(explain.run(model, toy.picture(), make(name)))[0]).all()
    else:
        with pytest.raises(UnsuitableError, match="network"):
            explain.run(model, toy.picture(), make(name))


@pytest.mark.parametrize("name", [name for name in METHODS if "layer" in {p.name for p in params_of(METHODS[name])}])
def test_an_unknown_layer_is_a_sentence(name: str) -> None:
    method = METHODS[name]
    with pytest.raises(ConvLensError, match="no layer named 'nowhere'"):
        explain.run(toy.loaded(toy.seeded(toy.Pooled()), 4), toy.picture(), method(layer="nowhere"))


@pytest.mark.parametrize("network", [toy.Pooled, toy.Branching])
def test_a_network_in_double_precision_gets_the_map_of_single_precision(
    network: Callable[[], torch.nn.Module], name: str, device: str
) -> None:
    if device == "mps":
        pytest.skip("MPS has no double precision")
    classes = 4 if network is toy.Pooled else 3
    single, double = (
        toy.loaded(toy.seeded(network()).to(kind), classes, side=32, plain=False, device=device)
        for kind in (torch.float32, torch.float64)
    )
    expected, found = arrays(ask(single, name)), arrays(ask(double, name))
    for one, other in zip(expected, found, strict=True):
        assert one.dtype == other.dtype
        assert same(one, other) >= 0.999


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("short", ["Saliency", "GradCAM", "EigenCAM", "ScoreCAM", "Occlusion", "PGD", "DeepFool"])
def test_a_network_in_half_precision_is_asked_in_its_own_numbers(short: str, kind: torch.dtype) -> None:
    maps = []
    for numbers in (torch.float32, kind):
        maps.append(arrays(ask(toy.loaded(toy.seeded(toy.Pooled()).to(numbers), 4, side=32, plain=False), short))[0])
    assert maps[1].dtype == np.float32
    assert same(*maps) >= 0.99


def test_on_another_device_the_map_is_the_cpus(name: str, device: str) -> None:
    if device == "cpu":
        pytest.skip("--device is cpu: nothing to compare with")
    maps = []
    for place in ("cpu", device):
        model = toy.loaded(toy.seeded(toy.Pooled()), 4, side=32, plain=False, device=place)
        maps.append(arrays(ask(model, name))[0].ravel())
    ranks = [values.argsort().argsort() for values in maps]
    assert np.corrcoef(*ranks)[0, 1] >= 0.999


@pytest.mark.parametrize("target", [ClassLogit(1), ClassProbability(2), Contrast(1, 2)])
def test_targets_are_values(target: Any) -> None:
    assert pickle.loads(pickle.dumps(target)) == target
    assert len({target, type(target)(**vars(target))}) == 1


def test_a_class_against_itself_is_refused() -> None:
    with pytest.raises(TargetError, match="with itself"):
        Contrast(3, 3)


def test_a_trace_of_another_model_is_refused() -> None:
    one, other = (toy.loaded(toy.seeded(toy.Pooled()), 4) for _ in range(2))
    with pytest.raises(ConvLensError, match="another model"):
        explain.run(one, explain.trace(other, toy.picture()), explain.Saliency())


@pytest.mark.parametrize("wrong", [explain.Saliency, "Saliency", None])
def test_what_is_not_a_method_is_refused(wrong: Any) -> None:
    with pytest.raises(ParameterError, match="instance of a method"):
        explain.run(toy.loaded(toy.seeded(toy.Pooled()), 4), toy.picture(), wrong)


def test_two_hundred_interleaved_runs_each_equal_their_lone_result() -> None:
    """Two sessions, two pictures, one network: what one does never shows in what the other gets."""
    model = models.load("everyday_resnet", device="cpu")
    methods = [explain.IntegratedGradients(steps=4), explain.GradCAM(), explain.Saliency()]
    pictures = [toy.picture(64, seed=seed) for seed in (1, 2)]
    lone = [[arrays(explain.run(model, picture, method, 7))[0] for method in methods] for picture in pictures]
    wrong: list[tuple[int, int]] = []
    failed: list[BaseException] = []

    def session(place: int) -> None:
        try:
            for count in range(100):
                which = (count + place) % len(methods)
                found = arrays(explain.run(model, pictures[place], methods[which], 7))[0]
                if not np.array_equal(found, lone[place][which]):
                    wrong.append((place, which))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=session, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and not wrong
