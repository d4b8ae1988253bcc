"""The demonstration of activation functions in a browser: the curve, its marker, the learning rate, for everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations

if TYPE_CHECKING:
    from browser.conftest import Screen


def show(screen: Screen, query: str = "") -> None:
    screen.open(f"learn?demo=activations{query}")
    screen.page.wait_for_selector(".curves[data-ready]")
    screen.page.wait_for_selector(".sheets[data-ready]")


def readout(screen: Screen) -> str:
    return screen.page.locator(".curves .readout").first.inner_text()


def test_a_click_on_the_curve_moves_the_point(screen: Screen) -> None:
    show(screen, "&activations-function=sigmoid")
    chart = screen.page.locator(".curves svg[role=application]").first
    shape = chart.bounding_box()
    assert shape is not None
    left, right = 52, 14
    wide = shape["width"] - left - right
    chart.click(position={"x": left + wide * (3 + 6) / 12, "y": shape["height"] / 2})
    screen.page.get_by_text("the value is 0.953").wait_for()
    screen.page.wait_for_url("**activations-x=3**")


def test_arrow_keys_read_the_curve(screen: Screen) -> None:
    show(screen, "&activations-function=tanh")
    chart = screen.page.locator(".curves svg[role=application]").first
    assert readout(screen).startswith("x 1:")
    chart.focus()
    chart.press("ArrowLeft")
    assert readout(screen) == "x 0.9: value f(x) 0.716 · derivative f'(x) 0.487"


def test_a_smaller_learning_rate_keeps_the_relu_alive(screen: Screen) -> None:
    show(screen, "&activations-rate=0.7")
    screen.page.get_by_text("The ReLU dies in step 1.").wait_for()
    slider = screen.page.get_by_role("slider", name="Learning rate")
    for _ in range(4):
        slider.press("ArrowLeft")
        screen.settle()
    screen.page.get_by_text("ReLU lives").wait_for()
    assert screen.page.get_by_text("The ReLU dies").count() == 0


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
def test_it_has_no_axe_violation_and_does_not_scroll_sideways(screen: Screen) -> None:
    show(screen)
    screen.unfold("The numbers of each layer")
    assert violations(screen) == []
    assert screen.page.evaluate("document.querySelector('.stMain').scrollWidth <= window.innerWidth")
