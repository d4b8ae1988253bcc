"""The demonstration of activation functions without a browser: each control moves the number that it must move."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.layers.numbers import short
from dashboard.learn import real
from drawn_sheets import drawn
from explain.teaching import dying
from explain.teaching.activations import ACTIVATIONS

Open = Callable[..., AppTest]


@pytest.fixture
def opened(open_view: Open) -> Open:
    """Open the demonstration; names stand in the address behind its own."""

    def opening(hide: str = "", **query: str) -> AppTest:
        asked = {f"activations-{name}": value for name, value in query.items()} | ({"hide": hide} if hide else {})
        return partial(open_view, "learn")(demo="activations", **asked)

    return opening


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown)


@pytest.mark.parametrize("key", ACTIVATIONS)
def test_value_and_derivative_stand_beside_the_curve(opened: Open, key: str) -> None:
    said = texts(opened(function=key, x="-1.5"))
    at: Any = np.array([-1.5])
    assert f"the value is **{short(float(ACTIVATIONS[key].value(at)[0]))}**" in said
    assert f"the derivative **{short(float(ACTIVATIONS[key].slope(at)[0]))}**" in said


def test_moving_the_point_moves_the_numbers(opened: Open) -> None:
    app = opened(function="sigmoid")
    assert "At x = **1** the value is **0.731**" in texts(app)
    app.slider(key="activations-x").set_value(3.0).run()
    assert "At x = **3** the value is **0.953**" in texts(app)


def test_relu_leaves_zeros_on_the_real_map_and_leaky_relu_none(opened: Open) -> None:
    before = real.first_maps(real.PLAIN, "coffee")[4]
    zeros = f"**{100 * float((before <= 0).mean()):.0f}\N{NO-BREAK SPACE}%** are exactly 0"
    app = opened(sample="coffee", channel="4")
    assert zeros in texts(app)
    _, (shown, after, slopes) = drawn(app, "activations-map")
    np.testing.assert_array_equal(shown, before)
    np.testing.assert_array_equal(after, np.maximum(before, 0))
    np.testing.assert_array_equal(slopes, before > 0)
    assert "**0\N{NO-BREAK SPACE}%** are exactly 0" in texts(opened(sample="coffee", channel="4", function="leaky"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"initialisation": "naive"}, "vanishing gradient"),
        ({"initialisation": "he"}, "The first layers can learn about as fast as the last"),
        ({"initialisation": "large"}, "explodes"),
        ({"initialisation": "xavier", "function": "sigmoid"}, "vanishing gradient"),
        ({"initialisation": "he", "layers": "5"}, "At layer 5"),
    ],
)
def test_the_first_weights_decide_what_becomes_of_the_gradient(opened: Open, asked: dict[str, str], said: str) -> None:
    assert said in texts(opened(**asked))


def test_another_draw_of_the_weights_gives_other_numbers(opened: Open) -> None:
    first, second = (texts(opened(initialisation="he", seed=seed)) for seed in ("0", "1"))
    assert first != second


def test_a_large_learning_rate_kills_the_relu_and_a_small_one_does_not(opened: Open) -> None:
    app = opened()
    life = dying.train(*dying.data(), 0.8, 0.1)
    assert "**The ReLU dies in step 1.**" in texts(app)
    assert f"in step **{life.came_back}** an input switches it on again" in texts(app)
    app.slider(key="activations-rate").set_value(0.3).run()
    assert "**ReLU lives**" in texts(app)


def test_a_small_leak_does_not_come_back_in_time(opened: Open) -> None:
    assert "not enough to come back" in texts(opened(leak="0.01"))


def test_hidden_controls_hold_the_value_of_the_address(opened: Open) -> None:
    app = opened(hide="x,rate,function", x="-2.0", rate="0.3", function="tanh")
    assert {"The point x", "Learning rate"}.isdisjoint(slider.label for slider in app.slider)
    assert "At x = **\N{MINUS SIGN}2** the value is **\N{MINUS SIGN}0.964**" in texts(app)
    assert "**ReLU lives**" in texts(app)


@pytest.mark.parametrize("asked", [{"function": "swish"}, {"x": "77"}, {"initialisation": "zero"}, {"rate": "fast"}])
def test_a_wrong_link_gets_a_notice(opened: Open, asked: dict[str, str]) -> None:
    app = opened(**asked)
    assert not app.exception
    (value,) = asked.values()
    assert any(value in str(text.value) for text in app.text)


@pytest.mark.parametrize("key", ACTIVATIONS)
def test_the_sheet_of_slopes_holds_every_slope_on_its_scale_and_gives_the_real_range(opened: Open, key: str) -> None:
    header, (_, _, slopes) = drawn(opened(function=key), "activations-map")
    sheet = header["sheets"][2]
    assert np.abs(slopes).max() <= sheet["top"]
    assert sheet["signed"] or slopes.min() >= 0
    assert sheet["below"].startswith(f"{short(float(slopes.min()))} to {short(float(slopes.max()))} (")
    assert short(sheet["top"]) in sheet["below"]


def test_the_slope_of_gelu_has_two_signs_and_goes_beyond_one(opened: Open) -> None:
    header, _ = drawn(opened(function="gelu"), "activations-map")
    assert header["sheets"][2]["signed"]
    assert header["sheets"][2]["top"] == 1.13
