"""What a unit sees and what goes on inside a step, driven as a person would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from browser.conftest import Screen

SECTION = ".st-key-unit-fields"


def open_unit(screen: Screen, query: str) -> str:
    """Open the section of fields; return what tells its contents from others."""
    screen.open(f"layers?section=unit&{query}")
    return shown(screen)


def shown(screen: Screen, before: str = "") -> str:
    screen.page.wait_for_selector(f'{SECTION} .unit[data-ready]:not([data-ready="{before}"])')
    screen.settle()
    return str(screen.page.locator(f"{SECTION} .unit").get_attribute("data-ready"))


def canvas(screen: Screen, part: str) -> Locator:
    return screen.page.locator(f'{SECTION} [data-part="{part}"]')


def pixels(screen: Screen, part: str) -> str:
    return str(canvas(screen, part).evaluate("canvas => canvas.toDataURL()"))


def readout(screen: Screen) -> str:
    return canvas(screen, "readout").inner_text()


def at(screen: Screen, part: str, across: float, down: float) -> dict[str, float]:
    shape = canvas(screen, part).bounding_box()
    assert shape is not None
    return {"x": across * shape["width"], "y": down * shape["height"]}


def body(screen: Screen) -> str:
    return screen.page.locator(".st-key-body").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def test_the_section_says_both_sizes(screen: Screen) -> None:
    open_unit(screen, "layer=layer2&channel=123&unit=6-5")
    assert "The unit in row 6, column 5 of channel 123 can see 47 x 47 pixels: its theoretical" in body(screen)
    moved = r"What moves it on this picture is less: \d+ % of the energy .* within \d+ x \d+ pixels"
    assert re.search(moved, body(screen))


def test_pointing_at_a_unit_moves_the_box_at_once(screen: Screen) -> None:
    ready = open_unit(screen, "layer=layer3&channel=3&unit=4-4")
    before = pixels(screen, "picture")
    canvas(screen, "map").hover(position=at(screen, "map", 0.06, 0.06))
    assert readout(screen).startswith("Row 0, column 0 answers about")
    assert "can see 52 x 52 pixels (x 0 to 51, y 0 to 51)" in readout(screen)
    assert pixels(screen, "picture") != before
    assert shown(screen) == ready
    assert "unit=4-4" in screen.page.url


def test_a_click_measures_what_moves_the_unit_and_stands_in_the_link(screen: Screen) -> None:
    first = open_unit(screen, "layer=layer2&channel=123&unit=6-5")
    canvas(screen, "map").click(position=at(screen, "map", 0.28, 0.28))
    screen.page.wait_for_url("**unit=4-4**")
    second = shown(screen, first)
    assert "The unit in row 4, column 4 of channel 123" in body(screen)
    screen.page.reload()
    assert shown(screen) == second


def test_a_click_on_the_picture_marks_the_units_that_see_the_pixel(screen: Screen) -> None:
    first = open_unit(screen, "layer=layer1.0&channel=5&unit=3-3")
    before = pixels(screen, "map")
    canvas(screen, "picture").click(position=at(screen, "picture", 40.5 / 64, 20.5 / 64))
    screen.page.wait_for_url("**pixel=40-20**")
    shown(screen, first)
    screen.page.mouse.move(2, 2)
    seen = "seen by 25 of 1024 units: rows 8 to 12, columns 18 to 22"
    assert readout(screen) == f"Pixel x 40, y 20 of the network's 64 x 64 · {seen}"
    assert pixels(screen, "map") != before
    canvas(screen, "picture").press("Escape")
    screen.page.wait_for_function("() => !location.search.includes('pixel=')")


def test_the_keyboard_moves_over_units_and_picks_one(screen: Screen) -> None:
    first = open_unit(screen, "layer=layer3&channel=3&unit=4-4")
    canvas(screen, "map").press("ArrowRight")
    assert readout(screen).startswith("Row 4, column 5")
    canvas(screen, "map").press("ArrowUp")
    canvas(screen, "map").press("Enter")
    screen.page.wait_for_url("**unit=3-5**")
    shown(screen, first)


def test_the_heat_can_be_put_away(screen: Screen) -> None:
    open_unit(screen, "layer=layer2&channel=123&unit=6-5")
    before = pixels(screen, "picture")
    screen.page.get_by_label("Heat: what moves it").uncheck()
    assert pixels(screen, "picture") != before


def test_what_moves_a_value_of_the_last_layer_is_laid_over_the_picture(screen: Screen) -> None:
    screen.open("layers?section=unit&layer=fc&channel=12")
    screen.page.wait_for_selector(".lens[data-ready]")
    assert "value 12 (tabby) of fc can see the whole picture. What moves it on this picture" in body(screen)


def test_a_step_shows_where_on_the_picture_it_looks(screen: Screen) -> None:
    screen.open("layers?section=step&layer=layer2.0.conv1&channel=31&unit=8-8")
    picture = screen.page.locator(".stImage", has_text="What it can see: 23 x 23 pixels").locator("img")
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    in_the_middle = picture.get_attribute("src")
    screen.open("layers?section=step&layer=layer2.0.conv1&channel=31&unit=2-2")
    picture = screen.page.locator(".stImage", has_text="What it can see").locator("img")
    picture.wait_for()
    assert picture.get_attribute("src") != in_the_middle


def test_inside_a_convolution_any_input_channel_can_be_looked_at(screen: Screen) -> None:
    screen.open("layers?section=step&layer=layer2.0.conv1&channel=31&unit=8-8")
    screen.page.wait_for_selector(".st-key-step-bars button")
    assert "It reads 576 numbers of layer1.1.relu_1" in body(screen)
    tables = screen.page.locator(".stHtml table")
    assert tables.count() == 3
    cells = [tables.nth(number).locator("td[style]").all_inner_texts() for number in range(3)]
    patch, kernel, products = ([float(cell.replace("\N{MINUS SIGN}", "-")) for cell in table] for table in cells)
    for one, weight, product in zip(patch, kernel, products, strict=True):
        assert one * weight == pytest.approx(product, rel=0.02, abs=1e-4)
    name = screen.page.locator(".st-key-step-bars button").nth(1).inner_text().split("\n")[0]
    screen.page.locator(".st-key-step-bars button").nth(1).click()
    screen.page.get_by_text(f"Patch of {name}").wait_for()


def test_inside_a_step_the_unit_is_picked_by_numbers_and_the_way_leads_back(screen: Screen) -> None:
    screen.open("layers?section=step&layer=layer2.0.add&channel=41&unit=8-8")
    row = screen.page.locator(".st-key-step-row input")
    row.fill("3")
    row.press("Enter")
    screen.page.wait_for_url("**unit=3-8**")
    screen.page.get_by_text("at channel 41, row 3, column 8").wait_for()
    screen.settle()
    screen.page.get_by_role("button", name="Go to layer2.0.bn2").click()
    screen.page.wait_for_url("**layer=layer2.0.bn2**")
    screen.page.get_by_text("It shifts and scales one number").wait_for()
    assert "layer2.0.bn2 (BatchNorm2d) gives" in body(screen)


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
@pytest.mark.parametrize("query", ["section=unit&layer=layer1.0&pixel=9-9", "section=step&layer=layer2.0.conv1"])
def test_both_sections_are_for_everyone(screen: Screen, query: str) -> None:
    screen.open(f"layers?{query}")
    screen.page.wait_for_selector(f"{SECTION} .unit[data-ready]" if "unit" in query else ".st-key-step-bars button")
    screen.settle()
    assert violations(screen) == []
