"""What every check of a map promises; runs over the registry, so a new check is covered on the day it is added."""

import dataclasses
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import explain
import models
import toy
from explain.control_maps import CONTROLS
from explain.params import Range, check, params_of
from explain.target import ClassLogit, ClassProbability, Contrast
from models.errors import ConvLensError, ParameterError, TargetError, UnsuitableError

METRICS = dict(explain.METRICS)
SIDE = 32
#: Smaller settings where the defaults take long, and what a check cannot do without.
QUICK: dict[str, dict[str, Any]] = {
    "Deletion": {"steps": 6},
    "Insertion": {"steps": 6},
    "Localisation": {"box": (4, 6, 20, 30)},
    "MaxSensitivity": {"samples": 3},
    "Pointing": {"box": (4, 6, 20, 30)},
    "RandomisationCascade": {"stages": 3},
    "ROAD": {"steps": 3},
}
#: Checks whose figure would mean nothing for a map that knows nothing of the network.
WITHOUT_CONTROLS = {"Completeness"}
#: Checks that must know which method made the map.
OF_A_METHOD = {"Completeness", *(name for name, metric in METRICS.items() if metric.asks_again)}
FIRST = ClassLogit(1)


def make(name: str) -> explain.Metric:
    return METRICS[name](**QUICK.get(name, {}))


@pytest.fixture(params=sorted(METRICS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["pooled", "without a graph", "one output"])
def model(request: pytest.FixtureRequest) -> models.LoadedModel:
    networks: dict[str, tuple[Callable[[], torch.nn.Module], int]] = {
        "pooled": (toy.Pooled, 4),
        "without a graph": (toy.Branching, 3),
        "one output": (toy.SingleLogit, 1),
    }
    network, classes = networks[request.param]
    device = str(request.config.getoption("--device"))
    return toy.loaded(toy.seeded(network()), classes, side=SIDE, plain=False, device=device)


def traced(model: models.LoadedModel) -> explain.Trace:
    return explain.trace(model, toy.picture(SIDE))


def mapped(trace: explain.Trace, target: Any = FIRST) -> explain.Heatmap:
    """A signed map whose values add up, by a method that suits every network."""
    found = explain.run(trace.model, trace, explain.IntegratedGradients(steps=6), target)
    assert isinstance(found, explain.Heatmap)
    return found


def figures(found: Any) -> list[float]:
    """All numbers of an answer."""
    lists = [*found.x.tolist(), *found.y.tolist()] if isinstance(found, explain.Curve) else []
    return [found.value, *found.baselines.values(), *found.checks.values(), *lists]


def test_a_network_in_double_precision_gets_the_figure_of_single_precision(name: str) -> None:
    found = []
    for kind in (torch.float32, torch.float64):
        trace = traced(toy.loaded(toy.seeded(toy.Pooled()).to(kind), 4, side=SIDE, plain=False))
        heatmap = explain.run(trace.model, trace, explain.DeepLift(), FIRST)
        found.append(explain.measure(trace, make(name), heatmap))
    assert found[0].value == pytest.approx(found[1].value, rel=1e-3, abs=1e-4)
    assert all(value.dtype == np.float32 for value in vars(found[1]).values() if isinstance(value, np.ndarray))


@pytest.mark.parametrize("target", [ClassLogit(0), ClassProbability(1), Contrast(1, 0)])
def test_the_figure_is_finite_knows_its_origin_and_stands_beside_the_controls(
    model: models.LoadedModel, name: str, target: Any
) -> None:
    trace = traced(model)
    heatmap = mapped(trace, target)
    found = explain.measure(trace, make(name), heatmap)
    assert math.isfinite(found.value)
    assert (found.metric, found.method, found.target) == (make(name), heatmap.method, target)
    assert found.better == METRICS[name].better and found.model == "toy" and found.seconds > 0
    assert set(CONTROLS) <= set(found.baselines) or name in WITHOUT_CONTROLS
    assert all(math.isfinite(value) for value in found.baselines.values())
    if isinstance(found, explain.Curve):
        assert found.x.dtype == found.y.dtype == np.float32 and np.isfinite(found.y).all()
        assert set(found.others) == set(found.baselines) and all(len(y) == len(found.x) for y in found.others.values())


def test_a_map_made_by_hand_can_be_checked_without_the_door(model: models.LoadedModel, name: str) -> None:
    trace = traced(model)
    values = np.random.default_rng(1).normal(size=(SIDE, SIDE)).astype(np.float32)
    drawn = explain.Heatmap(values=values, signed=True)
    if name in OF_A_METHOD:
        with pytest.raises(ParameterError, match="does not say which"):
            make(name)(trace, drawn, ClassLogit(1))
    method = explain.IntegratedGradients(steps=4) if name in OF_A_METHOD else None
    found = make(name)(trace, drawn, ClassLogit(1), method)
    assert math.isfinite(found.value) and found.better == METRICS[name].better


def test_the_same_question_gets_the_same_answer_of_a_new_trace_too(model: models.LoadedModel, name: str) -> None:
    trace = traced(model)
    heatmap = mapped(trace)
    first = explain.measure(trace, make(name), heatmap)
    assert figures(first) == figures(explain.measure(traced(model), make(name), heatmap))
    # What the trace remembers leaves other pictures in a step: rounding.
    assert figures(first) == pytest.approx(figures(explain.measure(trace, make(name), heatmap)), rel=1e-6)


def test_the_batch_size_does_not_change_the_answer(model: models.LoadedModel, name: str) -> None:
    heatmap = mapped(traced(model))
    alone, *others = (explain.measure(traced(model), make(name), heatmap, batch=batch) for batch in (1, 3, 8))
    for other in others:
        # Rounding alone, of a few falls of the score of a hundredth or less.
        assert other.value == pytest.approx(alone.value, rel=2e-3, abs=1e-5)
        assert other.baselines == pytest.approx(alone.baselines, rel=2e-3, abs=1e-5)


def test_the_network_is_left_as_it_was_however_the_check_ends(model: models.LoadedModel, name: str) -> None:
    class Stopped(BaseException):
        pass

    heatmap = mapped(traced(model))
    before = toy.state(model)
    heard: list[explain.Progress] = []
    with explain.heard_by(heard.append):
        explain.measure(traced(model), make(name), heatmap, batch=2)
    assert toy.state(model) == before
    assert heard and (heard[-1].done, heard[-1].total) == (heard[0].total, heard[0].total)
    assert [progress.done for progress in heard] == sorted(progress.done for progress in heard)
    for stop in {0, len(heard) // 3, len(heard) // 2, len(heard) - 1}:
        left = iter(range(stop))

        def hear(progress: explain.Progress, left: Any = left) -> None:
            if next(left, None) is None:
                raise Stopped

        with explain.heard_by(hear), pytest.raises(Stopped):
            explain.measure(traced(model), make(name), heatmap, batch=2)
        assert toy.state(model) == before
        assert model.lock.acquire(blocking=False)
        model.lock.release()


def test_what_is_heard_on_the_way_is_of_the_kind_that_comes(model: models.LoadedModel, name: str) -> None:
    trace, heard = traced(model), []
    with explain.heard_by(heard.append):
        found = explain.measure(trace, make(name), mapped(trace), batch=1)
    partial = [progress.partial for progress in heard if isinstance(progress.partial, explain.results.Measured)]
    assert all(type(each) is type(found) and each.better == found.better for each in partial)
    assert partial or METRICS[name].cost < 10 or name == "Agreement"


def test_the_answer_survives_pickling(model: models.LoadedModel, name: str) -> None:
    trace = traced(model)
    found = explain.measure(trace, make(name), mapped(trace))
    again = pickle.loads(pickle.dumps(found))
    assert figures(again) == figures(found)
    assert (again.metric, again.method, again.target, again.notes) == (
        found.metric,
        found.method,
        found.target,
        found.notes,
    )


def test_a_map_of_another_crop_and_one_without_evidence_are_refused(model: models.LoadedModel, name: str) -> None:
    trace = traced(model)
    wrong = explain.Heatmap(values=np.ones((SIDE, SIDE - 1), np.float32), signed=True, method=explain.Saliency())
    with pytest.raises(ParameterError, match="another crop"):
        explain.measure(trace, make(name), wrong)
    for signed, value in ((True, 0), (False, 0), (False, -1)):
        empty = np.full((SIDE, SIDE), value, np.float32)
        with pytest.raises(UnsuitableError, match=r"no evidence.*\.$"):
            explain.measure(trace, make(name), explain.Heatmap(values=empty, signed=signed, method=explain.Saliency()))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_map_with_values_that_are_no_numbers_is_refused(model: models.LoadedModel, name: str, value: float) -> None:
    trace = traced(model)
    heatmap = mapped(trace)
    values = heatmap.values.copy()
    values[3, 4] = value
    with pytest.raises(ParameterError, match="not finite numbers"):
        explain.measure(trace, make(name), dataclasses.replace(heatmap, values=values))
    with pytest.raises(ParameterError, match="not finite numbers"):
        explain.quick_check(trace, dataclasses.replace(heatmap, values=values), FIRST)


def test_a_check_that_is_called_directly_takes_a_class_index_too(model: models.LoadedModel, name: str) -> None:
    trace = traced(model)
    heatmap = mapped(trace)
    assert figures(make(name)(trace, heatmap, 1)) == pytest.approx(figures(make(name)(trace, heatmap, FIRST)), rel=1e-6)
    for wrong in (99, -1, "tabby"):
        with pytest.raises(TargetError):
            make(name)(trace, heatmap, wrong)


@pytest.mark.parametrize("target", [99, -1, Contrast(0, 77), "tabby"])
def test_a_class_that_is_not_there_is_refused(model: models.LoadedModel, name: str, target: Any) -> None:
    trace = traced(model)
    with pytest.raises(TargetError):
        explain.measure(trace, make(name), mapped(trace), target)


def test_every_parameter_has_a_kind_a_default_that_fits_and_a_help(name: str) -> None:
    metric = METRICS[name]
    for param in params_of(metric):
        assert param.help and param.help[0].isupper()
        if isinstance(param.kind, Range):
            for wrong in (param.kind.low - 1, param.kind.high + 1, float("nan"), "5", None):
                with pytest.raises(ParameterError):
                    metric(**{param.name: wrong})
    check(metric())
    assert metric() == metric() and hash(metric()) == hash(metric())
    assert dataclasses.is_dataclass(metric)


def test_every_check_says_who_made_it_and_what_it_asks(name: str) -> None:
    metric = METRICS[name]
    assert "arXiv:" in metric.paper and metric.label and metric.caption and metric.family
    assert metric.better in ("higher", "lower") and metric.cost >= 0
    assert metric.__doc__ is not None
    first = metric.__doc__.splitlines()[0]
    assert first.endswith(f"{metric.better} is better.") and len(metric.__doc__.splitlines()) > 3


@pytest.mark.parametrize("wrong", [explain.METRICS["Deletion"], "Deletion", None])
def test_what_is_not_a_check_is_refused(wrong: Any) -> None:
    trace = traced(toy.loaded(toy.seeded(toy.Pooled()), 4, side=SIDE))
    with pytest.raises(ParameterError, match="instance of a metric"):
        explain.measure(trace, wrong, mapped(trace))


def test_a_class_activation_map_is_checked_by_all_that_need_no_sum(name: str) -> None:
    trace = traced(toy.loaded(toy.seeded(toy.Pooled()), 4, side=SIDE, plain=False))
    heatmap = explain.run(trace.model, trace, explain.GradCAM(), ClassLogit(2))
    try:
        assert math.isfinite(explain.measure(trace, make(name), heatmap).value)
    except ConvLensError as error:
        assert name == "Completeness" and error.message.startswith("The values of Grad-CAM do not claim")
