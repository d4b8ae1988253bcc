"""The softmax demonstration without a browser: each control moves the number that it must move."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import samples, shipped
from dashboard.layers.numbers import short
from dashboard.learn import bars, real
from dashboard.learn import softmax as demonstration
from dashboard.learn.bars import Bar
from explain.teaching.softmax import cross_entropy, softmax

Open = Callable[..., AppTest]


@pytest.fixture
def opened(open_view: Open) -> Open:
    """Open the demonstration; names stand in the address behind its own."""

    def opening(hide: str = "", **query: str) -> AppTest:
        asked = {f"softmax-{name}": value for name, value in query.items()} | ({"hide": hide} if hide else {})
        return partial(open_view, "learn")(demo="softmax", **asked)

    return opening


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown)


def logits(sample: str) -> np.ndarray:
    return real.logits(real.RESIDUAL, sample).astype(np.float64)


def bits(app: AppTest) -> float:
    found = re.search(r"\*\*([0-9.]+) bits\*\*", texts(app))
    assert found is not None
    return float(found[1])


@pytest.mark.parametrize("sample", demonstration.PICTURES)
def test_the_logits_are_those_of_the_first_screen(sample: str) -> None:
    checksum = samples.SAMPLES[sample].picture().sha256
    (answer,) = [answer for key, answer in shipped.answers().items() if checksum in key]
    by_class = np.empty(len(answer.prediction.logits))
    by_class[answer.prediction.indices] = answer.prediction.logits
    np.testing.assert_allclose(real.logits(real.RESIDUAL, sample), by_class, atol=1e-4)


@pytest.mark.parametrize("sample", demonstration.PICTURES)
def test_the_network_names_each_picture_right(sample: str) -> None:
    classes = real.network(real.RESIDUAL).classes
    assert classes[int(logits(sample).argmax())] == samples.SAMPLES[sample].everyday_class


def test_the_temperature_moves_the_entropy_and_leaves_the_order(opened: Open) -> None:
    cold, warm, hot = (opened(temperature=value) for value in ("0.1", "1.0", "10.0"))
    assert bits(cold) == 0.0 < bits(warm) < bits(hot) < np.log2(50)
    for app in (cold, warm, hot):
        assert "in the same order as at T = 1" in texts(app)


def test_a_constant_changes_no_probability(opened: Open) -> None:
    said = texts(opened(constant="50.0"))
    found = re.search(r"moved no probability by more than ([^:]+): only", said)
    assert found is not None
    assert "10⁻" in found[1] or found[1] == "0"


def test_pushing_one_logit_multiplies_all_other_probabilities_by_one_factor(opened: Open) -> None:
    values = logits("chelsea")
    pushed = values.copy()
    second = int(np.argsort(-values)[1])
    pushed[second] += 5
    before, after = softmax(values), softmax(pushed)
    said = texts(opened(**{"class": "2", "push": "5.0"}))
    assert f"**{100 * after[second]:.0f}\N{NO-BREAK SPACE}%**" in said
    best = int(values.argmax())
    assert f"multiplied by **{after[best] / before[best]:.3g}**" in said


def test_the_loss_is_that_of_the_moved_logits_at_the_temperature(opened: Open) -> None:
    values = logits("chelsea")
    pushed = values.copy()
    true = int(values.argmax())
    pushed[true] -= 6
    app = opened(push="-6.0", temperature="2.0")
    assert f"**{cross_entropy(pushed, true, 2.0):.4f}**" in texts(app)
    (table,) = [str(each.proto.body) for each in app.get("html") if "class by class" in str(each.proto.body)]
    gradient = (softmax(pushed, 2.0)[true] - 1) / 2
    assert f"\N{MINUS SIGN}{abs(gradient):.3g}" in table


def test_another_picture_has_another_true_class(opened: Open) -> None:
    assert "The picture really shows **tabby**" in texts(opened())
    assert "The picture really shows **military uniform**" in texts(opened(sample="grace_hopper"))


def test_hidden_controls_hold_the_value_of_the_address(opened: Open) -> None:
    app = opened(hide="temperature,constant", temperature="10.0", constant="3.0")
    assert [slider.label for slider in app.slider] == ["Add to its logit alone"]
    assert "at T = 10" in texts(app)
    assert "Adding **+3** to all logits" in texts(app)


@pytest.mark.parametrize("asked", [{"sample": "rocket"}, {"temperature": "0"}, {"class": "9"}, {"push": "much"}])
def test_a_wrong_link_gets_a_notice(opened: Open, asked: dict[str, str]) -> None:
    app = opened(**asked)
    assert not app.exception
    (value,) = asked.values()
    assert any(f"“{value}”" in str(text.value) for text in app.text)


def test_the_longer_the_share_the_longer_the_bar_to_take_along() -> None:
    made = Image.open(io.BytesIO(bars.png("Shares", [Bar("a", "", 0.9), Bar("b", "", 0.1)]))).convert("RGB")
    filled = (np.asarray(made) == bars.FILL).all(-1).sum(1)
    first, second = filled[int(1.5 * bars.LINE)], filled[int(2.5 * bars.LINE)]
    assert 0 < second < first / 5


def test_a_small_probability_is_a_power_of_ten_in_the_loss_and_in_the_table(opened: Open) -> None:
    values = logits("chelsea")
    true = int(values.argmax())
    values[true] -= 10
    held = float(softmax(values, 0.1)[true])
    app = opened(push="-10.0", temperature="0.1")
    assert 0 < held < 1e-20
    assert f"\N{MINUS SIGN}ln({short(held)}) = **{cross_entropy(values, true, 0.1):.4f}**" in texts(app)
    (table,) = [str(each.proto.body) for each in app.get("html") if "class by class" in str(each.proto.body)]
    assert short(held) in table
    assert "0.0000" not in table
