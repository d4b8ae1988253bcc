"""The lens in a real browser: hover, keys, click, views."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from browser.conftest import Screen


def readout(screen: Screen) -> str:
    return screen.page.locator(".lens [data-part=readout]").inner_text()


def drawn(screen: Screen) -> str:
    """What the canvas shows, as a data URI."""
    return str(screen.page.locator(".lens canvas").first.evaluate("canvas => canvas.toDataURL()"))


def test_hovering_reads_the_value_under_the_mouse(screen: Screen) -> None:
    screen.open()
    screen.answered()
    canvas = screen.page.locator(".lens canvas").first
    shape = canvas.bounding_box()
    assert shape is not None
    middle = shape["height"] / 2 + 1
    canvas.hover(position={"x": 1, "y": middle})
    assert re.match(r"x 0, y 32: \S+ evidence", readout(screen))
    canvas.hover(position={"x": shape["width"] - 2, "y": middle})
    assert re.match(r"x 63, y 32: ", readout(screen))


def test_arrow_keys_move_the_cursor_and_shift_moves_ten(screen: Screen) -> None:
    screen.open()
    screen.answered()
    canvas = screen.page.locator(".lens canvas").first
    canvas.focus()
    canvas.press("ArrowRight")
    assert readout(screen).startswith("x 32, y 32:")
    canvas.press("ArrowRight")
    canvas.press("Shift+ArrowUp")
    assert readout(screen).startswith("x 33, y 22:")
    canvas.press("Escape")
    assert "Point at" in readout(screen)


def test_number_keys_change_the_view_and_the_link(screen: Screen) -> None:
    screen.open()
    screen.answered()
    seen = {drawn(screen)}
    canvas = screen.page.locator(".lens canvas").first
    canvas.focus()
    for key, view in (("2", "spotlight"), ("3", "outline"), ("4", "image")):
        canvas.press(key)
        screen.page.wait_for_url(f"**view={view}**")
        screen.settle()
        pressed = screen.page.locator(".lens .views [aria-pressed=true]").inner_text()
        assert pressed.lower() == view
        seen.add(drawn(screen))
    assert len(seen) == 4


def test_a_view_in_the_link_is_what_the_lens_opens_with(screen: Screen) -> None:
    screen.open("?view=outline-25")
    screen.answered()
    assert screen.page.locator(".lens .views [aria-pressed=true]").inner_text() == "Outline"
    assert screen.page.locator(".lens .strength").inner_text().split() == ["Area", "25", "%"]


def test_a_click_picks_the_pixel_and_the_link_remembers_it(screen: Screen) -> None:
    screen.open()
    screen.answered()
    canvas = screen.page.locator(".lens canvas").first
    shape = canvas.bounding_box()
    assert shape is not None
    canvas.click(position={"x": (20.5 / 64) * shape["width"], "y": (10.5 / 64) * shape["height"]})
    screen.page.wait_for_url("**pixel=20-10**")
    screen.page.get_by_text("Picked pixel x 20, y 10").wait_for()
    screen.page.reload()
    screen.page.get_by_text("Picked pixel x 20, y 10").wait_for()


def test_the_whole_picture_can_be_seen_with_the_crop_drawn(screen: Screen) -> None:
    screen.open()
    screen.answered()
    before = screen.page.locator(".lens canvas").first.bounding_box()
    samples = screen.page.locator(".st-key-samples [role=radio]")
    for number in range(samples.count()):
        samples.nth(number).click()
        screen.answered()
        if screen.page.locator(".lens .whole").is_visible():
            break
    screen.page.locator(".lens .whole").click()
    screen.page.wait_for_url("**view=heat-70-whole**")
    after = screen.page.locator(".lens canvas").first.bounding_box()
    assert before is not None and after is not None
    assert abs(after["width"] / after["height"] - 1) > 0.02


def test_the_strength_slider_works_without_the_server(screen: Screen) -> None:
    screen.open()
    screen.answered()
    before = drawn(screen)
    screen.page.locator(".lens input[type=range]").evaluate(
        "slider => { slider.value = 20; slider.dispatchEvent(new Event('input')) }"
    )
    assert drawn(screen) != before
