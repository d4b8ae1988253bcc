"""The softmax demonstration in a browser: the temperature by slider and by the curve, and for everyone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations

if TYPE_CHECKING:
    from browser.conftest import Screen


def show(screen: Screen, query: str = "") -> None:
    screen.open(f"learn?demo=softmax{query}")
    screen.page.wait_for_selector(".curves[data-ready]")


def bits(screen: Screen) -> float:
    found = re.search(r"entropy is ([0-9.]+) bits", screen.page.locator(".stMain").inner_text())
    assert found is not None
    return float(found[1])


def test_a_higher_temperature_raises_the_entropy(screen: Screen) -> None:
    show(screen)
    before = bits(screen)
    slider = screen.page.get_by_role("slider", name="Temperature")
    slider.press("ArrowRight")
    screen.page.locator("caption", has_text="T = 1.1").wait_for()
    screen.settle()
    assert bits(screen) > before


def test_a_click_on_the_curve_sets_the_temperature(screen: Screen) -> None:
    show(screen)
    chart = screen.page.locator(".curves svg[role=application]").first
    shape = chart.bounding_box()
    assert shape is not None
    chart.click(position={"x": shape["width"] - 14, "y": shape["height"] / 2})
    screen.page.locator("caption", has_text="T = 10").wait_for()
    screen.settle()
    assert bits(screen) > 4


def test_pushing_the_true_class_down_raises_the_loss(screen: Screen) -> None:
    show(screen, "&softmax-push=-8")
    loss = screen.page.get_by_text("asks only what probability").inner_text()
    found = re.search(r"= ([0-9.]+), with", loss)
    assert found is not None
    assert float(found[1]) > 4


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
def test_it_has_no_axe_violation_and_does_not_scroll_sideways(screen: Screen) -> None:
    show(screen)
    screen.settle()
    assert violations(screen) == []
    assert screen.page.evaluate("document.querySelector('.stMain').scrollWidth <= window.innerWidth")
