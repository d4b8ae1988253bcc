"""The page for everyone: WCAG 2.2 AA by axe, in light and dark, wide and narrow, and no sideways scrolling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from browser.conftest import Screen

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
WINDOWS = [(1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]


def violations(screen: Screen) -> list[str]:
    found = Axe().run(screen.page, options=RULES).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("screen", WINDOWS, indirect=True)
def test_the_first_screen_has_no_axe_violation(screen: Screen) -> None:
    screen.open()
    screen.answered()
    assert violations(screen) == []


@pytest.mark.parametrize("screen", WINDOWS[:2], indirect=True)
def test_everything_opened_up_has_no_axe_violation(screen: Screen) -> None:
    screen.open("?method=Integrated+Gradients&view=spotlight-10&pixel=3-4&class=no+such+class&untrained=true")
    screen.answered()
    for summary in screen.page.locator(".stExpander summary").all():
        summary.click()
    screen.settle()
    assert violations(screen) == []


@pytest.mark.parametrize("screen", WINDOWS[2:3], indirect=True)
def test_a_narrow_screen_does_not_scroll_sideways(screen: Screen) -> None:
    screen.open()
    screen.answered()
    wide = screen.page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('.stMain *')].map(node => node.getBoundingClientRect().right))"
    )
    assert wide <= 391


@pytest.mark.parametrize("screen", WINDOWS[2:3], indirect=True)
def test_on_a_narrow_screen_the_picture_comes_before_the_fold(screen: Screen) -> None:
    screen.open()
    screen.answered()
    shape = screen.page.locator(".lens canvas").first.bounding_box()
    assert shape is not None
    assert shape["y"] < 420
