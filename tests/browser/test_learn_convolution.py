"""The convolution demonstration in the browser: the kernel on its way, the sums written out, own numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations
from browser.test_learn_page import WIDEST

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from browser.conftest import Screen


def part(screen: Screen, name: str) -> Locator:
    return screen.page.locator(f'.kernel [data-part="{name}"]')


def opened(screen: Screen, query: str = "") -> str:
    screen.open(f"learn?demo=convolution&{query}")
    return ready(screen)


def ready(screen: Screen, before: str = "") -> str:
    screen.page.wait_for_selector(f'.kernel[data-ready]:not([data-ready="{before}"])')
    screen.settle()
    return str(screen.page.locator(".kernel").get_attribute("data-ready"))


def figure(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def output(screen: Screen) -> float:
    """Read the value that Python computed."""
    return figure(part(screen, "readout").inner_text().rpartition(": ")[2])


def total(screen: Screen) -> float:
    """Read the sum of the products that the browser multiplied."""
    return figure(part(screen, "sum").inner_text())


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
@pytest.mark.parametrize("query", ["", "convolution-kind=separable&convolution-kernel=trained"])
def test_it_has_no_axe_violation_and_does_not_scroll_sideways(screen: Screen, query: str) -> None:
    opened(screen, query)
    screen.unfold("An answer")
    assert violations(screen) == []
    assert screen.page.evaluate(WIDEST) <= screen.page.viewport_size["width"] + 1


@pytest.mark.parametrize(
    "query",
    [
        "convolution-padding=same&convolution-dilation=2",
        "convolution-kernel=blur&convolution-size=7&convolution-stride=3",
        "convolution-kernel=trained&convolution-filter=5",
        "convolution-kind=separable&convolution-kernel=emboss&convolution-red=-1.5&convolution-padding=number&convolution-pad=6",
        "convolution-kind=pointwise&convolution-green=2",
    ],
)
def test_the_sum_written_out_is_the_output_wherever_one_points(screen: Screen, query: str) -> None:
    opened(screen, query)
    shape = part(screen, "output").bounding_box()
    assert shape is not None
    for across, down in ((0.01, 0.01), (0.99, 0.02), (0.5, 0.5), (0.03, 0.97)):
        screen.page.mouse.move(shape["x"] + across * shape["width"], shape["y"] + down * shape["height"])
        assert total(screen) == pytest.approx(output(screen), rel=0.01, abs=1e-4)


def test_arrow_keys_move_over_the_output_and_enter_keeps_the_place_in_the_address(screen: Screen) -> None:
    opened(screen, "convolution-place=3-4")
    assert part(screen, "readout").inner_text().startswith("Output row 3, column 4:")
    part(screen, "output").focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowDown"):
        screen.page.keyboard.press(key)
    assert part(screen, "readout").inner_text().startswith("Output row 9, column 5:")
    screen.page.keyboard.press("Enter")
    screen.settle()
    assert "convolution-place=9-5" in screen.page.url


def test_pointing_at_the_picture_moves_the_kernel_there(screen: Screen) -> None:
    opened(screen)
    shape = part(screen, "picture").bounding_box()
    assert shape is not None
    screen.page.mouse.move(shape["x"] + shape["width"] * 10.5 / 32, shape["y"] + shape["height"] * 20.5 / 32)
    assert part(screen, "readout").inner_text().startswith("Output row 19, column 9:")


def test_the_kernel_slides_until_it_is_paused(screen: Screen) -> None:
    opened(screen, "convolution-place=0-0")
    button = part(screen, "play")
    button.click()
    screen.page.wait_for_timeout(600)
    assert button.inner_text() == "Pause"
    button.click()
    stood = part(screen, "readout").inner_text()
    assert stood != "" and not stood.startswith("Output row 0, column 0:")
    screen.page.wait_for_timeout(400)
    assert part(screen, "readout").inner_text() == stood
    part(screen, "step").click()
    assert part(screen, "readout").inner_text() != stood


def test_the_place_reached_by_steps_is_kept_when_a_control_changes(screen: Screen) -> None:
    opened(screen, "convolution-place=0-0")
    for _ in range(3):
        part(screen, "step").click()
    screen.settle()
    assert "convolution-place=0-3" in screen.page.url
    screen.page.get_by_text("Blur", exact=True).click()
    screen.settle()
    assert part(screen, "readout").inner_text().startswith("Output row 0, column 3:")


def test_the_place_where_the_kernel_is_paused_is_kept(screen: Screen) -> None:
    before = opened(screen, "convolution-place=0-0")
    part(screen, "play").click()
    screen.page.wait_for_timeout(300)
    part(screen, "play").click()
    row, column = re.findall(r"\d+", part(screen, "readout").inner_text())[:2]
    assert (row, column) != ("0", "0")
    ready(screen, before)
    assert f"convolution-place={row}-{column}" in screen.page.url


def test_who_asks_for_less_motion_sees_the_kernel_move_slowly(screen: Screen) -> None:
    screen.page.emulate_media(reduced_motion="reduce")
    opened(screen, "convolution-place=0-0")
    part(screen, "play").click()
    screen.page.wait_for_timeout(400)
    assert part(screen, "readout").inner_text().startswith("Output row 0, column 0:")


def test_an_own_number_changes_the_output_and_the_address(screen: Screen) -> None:
    before = opened(screen, "convolution-kernel=own&convolution-place=10-10")
    first = output(screen)
    field = screen.page.get_by_role("spinbutton", name="weight in row 2, column 2")
    field.fill("-2")
    field.press("Tab")
    ready(screen, before)
    assert output(screen) == pytest.approx(-2 * first, rel=0.02)
    assert "convolution-own=0%2C0%2C0%2C0%2C-2%2C0%2C0%2C0%2C0" in screen.page.url


@pytest.mark.parametrize("typed", ["1000", ""], ids=["too large", "nothing"])
def test_an_own_number_that_is_none_is_said_and_changes_nothing(screen: Screen, typed: str) -> None:
    opened(screen, "convolution-kernel=own&convolution-place=10-10")
    before, wrong = output(screen), part(screen, "wrong")
    assert wrong.is_hidden()
    field = screen.page.get_by_role("spinbutton", name="weight in row 1, column 1")
    field.fill(typed)
    field.press("Tab")
    wrong.wait_for()
    assert "from \N{MINUS SIGN}99 to 99" in wrong.inner_text()
    assert field.get_attribute("aria-invalid") == "true"
    screen.settle()
    assert output(screen) == before and "convolution-own" not in screen.page.url
    field.fill("2")
    field.press("Tab")
    wrong.wait_for(state="hidden")
    screen.page.wait_for_url("**convolution-own=2*")


def test_the_stride_moves_the_size_of_the_output(screen: Screen) -> None:
    before = opened(screen)
    assert part(screen, "output-title").inner_text() == "Output, 30 x 30 values"
    stride = screen.page.get_by_role("slider", name="Stride")
    stride.focus()
    stride.press("ArrowRight")
    ready(screen, before)
    assert part(screen, "output-title").inner_text() == "Output, 15 x 15 values"
    assert "= 15 rows" in screen.page.locator(".stMain").inner_text()
