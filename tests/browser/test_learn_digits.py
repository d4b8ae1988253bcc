"""The demonstration of a whole network in the browser: pick, draw, point, and read the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations
from browser.test_learn_page import WIDEST

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from browser.conftest import Screen


def opened(screen: Screen, query: str = "") -> str:
    screen.open(f"learn?demo=digits&{query}")
    return ready(screen)


def ready(screen: Screen, before: str = "") -> str:
    screen.page.wait_for_selector(f'.stages[data-ready]:not([data-ready="{before}"])')
    screen.settle()
    return str(screen.page.locator(".stages").get_attribute("data-ready"))


def stage(screen: Screen, name: str) -> Locator:
    return screen.page.locator(f'.stage[data-stage="{name}"] canvas')


def readout(screen: Screen) -> str:
    return screen.page.locator('.stages [data-part="readout"]').inner_text()


def answer(screen: Screen) -> str:
    return screen.page.get_by_text("The network says").inner_text()


def sheet(screen: Screen) -> Locator:
    return screen.page.locator('.drawing [data-part="sheet"]')


def stroke(screen: Screen, *places: tuple[float, float]) -> None:
    """Draw a line through places on the sheet, as shares of its side."""
    shape = sheet(screen).bounding_box()
    assert shape is not None
    at = [(shape["x"] + x * shape["width"], shape["y"] + y * shape["height"]) for x, y in places]
    screen.page.mouse.move(*at[0])
    screen.page.mouse.down()
    for x, y in at[1:]:
        screen.page.mouse.move(x, y, steps=6)
    screen.page.mouse.up()


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
@pytest.mark.parametrize("query", ["", "digits-source=own"])
def test_it_has_no_axe_violation_and_does_not_scroll_sideways(screen: Screen, query: str) -> None:
    opened(screen, query)
    screen.unfold("All numbers of")
    assert violations(screen) == []
    assert screen.page.evaluate(WIDEST) <= screen.page.viewport_size["width"] + 1


def test_a_drawn_seven_is_read_as_a_seven_and_stands_in_the_link(screen: Screen) -> None:
    blank = opened(screen, "digits-source=own&digits-trained=shifted")
    assert "The sheet is blank" in screen.page.locator(".st-key-learn").inner_text()
    stroke(screen, (0.25, 0.2), (0.7, 0.2), (0.42, 0.8))
    drawn = ready(screen, blank)
    assert answer(screen).startswith("The network says 7")
    screen.page.reload()
    assert ready(screen) == drawn


def test_a_scribble_is_named_and_a_blank_sheet_brings_the_first_answer_back(screen: Screen) -> None:
    blank = opened(screen, "digits-source=own")
    screen.page.get_by_role("button", name="Scribble").click()
    ready(screen, blank)
    assert answer(screen).startswith("The network says")
    assert "digits-drawing=" in screen.page.url
    screen.page.get_by_role("button", name="Blank sheet").click()
    screen.page.wait_for_selector(f'.stages[data-ready="{blank}"]')
    assert "digits-drawing=" not in screen.page.url


def test_a_digit_is_drawn_with_the_keyboard(screen: Screen) -> None:
    blank = opened(screen, "digits-source=own")
    sheet(screen).focus()
    for key in ("Shift+ArrowUp", "Shift+ArrowUp", " ", *["Shift+ArrowDown"] * 4, " "):
        screen.page.keyboard.press(key)
    ready(screen, blank)
    assert answer(screen).startswith("The network says 1")
    first = screen.page.url
    screen.page.get_by_role("button", name="Undo").click()
    screen.page.wait_for_function("() => !location.search.includes('digits-drawing=')")
    assert screen.page.url != first


def test_picking_a_digit_changes_the_answer(screen: Screen) -> None:
    first = opened(screen, "digits-among=wrong")
    before = answer(screen), screen.page.locator(".st-key-learn").get_by_text("It is a").inner_text()
    maps = screen.page.locator('.maps [data-part="sheet"]')
    maps.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        screen.page.keyboard.press(key)
    ready(screen, first)
    assert "digits-digit=" in screen.page.url
    assert (answer(screen), screen.page.locator(".st-key-learn").get_by_text("It is a").inner_text()) != before


def test_shifting_the_digit_changes_the_probabilities(screen: Screen) -> None:
    first = opened(screen, "digits-digit=5")
    before = answer(screen)
    screen.page.get_by_role("slider", name="Shift to the right, pixels").focus()
    for _ in range(2):
        screen.page.keyboard.press("ArrowRight")
    ready(screen, first)
    screen.page.wait_for_url("**digits-right=2**")
    screen.settle()
    assert answer(screen) != before


def test_pointing_at_a_cell_tells_its_number_and_a_click_its_arithmetic(screen: Screen) -> None:
    first = opened(screen)
    canvas = stage(screen, "scores")
    canvas.scroll_into_view_if_needed()
    canvas.hover(position={"x": 12, "y": 12})
    assert readout(screen).startswith("Scores, digit 0:")
    canvas.click(position={"x": 12, "y": 12})
    ready(screen, first)
    assert "digits-unit=scores-0-0-0" in screen.page.url
    below = screen.page.locator(".st-key-digits-arithmetic").inner_text()
    assert "stands in the scores, digit 0." in below
    screen.page.get_by_role("button", name="See the arithmetic").click()
    screen.page.wait_for_function(
        "() => document.querySelector('.st-key-digits-arithmetic').getBoundingClientRect().top < innerHeight"
    )


def test_arrow_keys_walk_over_maps_and_enter_picks_a_unit(screen: Screen) -> None:
    first = opened(screen, "digits-unit=conv1-0-3-6")
    stage(screen, "conv1").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        screen.page.keyboard.press(key)
    assert readout(screen).startswith("First convolution, map 1, row 4, column 0:")
    screen.page.keyboard.press("Enter")
    ready(screen, first)
    assert "digits-unit=conv1-1-4-0" in screen.page.url
