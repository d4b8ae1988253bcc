"""The pooling demonstration in a browser: window, numbers, keys, shift, and for everyone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations

if TYPE_CHECKING:
    from browser.conftest import Screen


def show(screen: Screen, query: str = "") -> None:
    screen.open(f"learn?demo=pooling{query}")
    screen.page.wait_for_selector(".sheets[data-ready]")


def readout(screen: Screen) -> str:
    return screen.page.locator(".sheets .readout").first.inner_text()


def test_pointing_at_a_number_shows_its_window_and_arrow_keys_move_it(screen: Screen) -> None:
    show(screen)
    pooled = screen.page.locator(".sheets canvas").nth(1)
    shape = pooled.bounding_box()
    assert shape is not None
    pooled.hover(position={"x": (4 + 0.5) * shape["width"] / 32, "y": (2 + 0.5) * shape["height"] / 32})
    assert readout(screen).startswith("Row 2, column 4")
    heads = screen.page.locator(".sheets .numbers th").all_inner_texts()
    assert heads == ["8", "9", "4", "5"]
    cells = [float(text) for text in screen.page.locator(".numbers td:not(:empty)").all_inner_texts()]
    found = re.search(r"the largest of 4 numbers is ([0-9.]+)", readout(screen))
    assert found is not None
    assert float(found[1]) == max(cells)
    pooled.focus()
    pooled.press("ArrowRight")
    pooled.press("ArrowDown")
    assert readout(screen).startswith("Row 3, column 5")


def test_a_click_keeps_the_number_in_the_address(screen: Screen) -> None:
    show(screen)
    pooled = screen.page.locator(".sheets canvas").nth(1)
    shape = pooled.bounding_box()
    assert shape is not None
    pooled.click(position={"x": (4 + 0.5) * shape["width"] / 32, "y": (2 + 0.5) * shape["height"] / 32})
    screen.page.wait_for_url("**pooling-place=2-4**")


def test_a_larger_shift_moves_more(screen: Screen) -> None:
    show(screen)
    slider = screen.page.get_by_role("slider", name="Shift in pixels")
    table = screen.page.locator("table", has_text="what changes")
    before = table.locator("tr").nth(1).inner_text()
    slider.press("ArrowRight")
    screen.page.locator("caption", has_text="Moved by 2 pixels").wait_for()
    assert table.locator("tr").nth(1).inner_text() != before
    screen.page.wait_for_url("**pooling-shift=2**")


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
def test_it_has_no_axe_violation_and_does_not_scroll_sideways(screen: Screen) -> None:
    show(screen)
    screen.settle()
    assert violations(screen) == []
    assert screen.page.evaluate("document.querySelector('.stMain').scrollWidth <= window.innerWidth")
