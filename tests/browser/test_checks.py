"""Whether a map holds up, as a person asks: the quick check at once, then all checks with curves, progress, stop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from browser.test_access import violations

if TYPE_CHECKING:
    from browser.conftest import Screen


def all_checks(screen: Screen) -> str:
    return str(screen.page.locator(".st-key-all-checks").inner_text())


@pytest.mark.parametrize("screen", [(1440, 900, "light"), (390, 844, "dark")], indirect=True)
def test_all_checks_are_made_in_words_and_curves_and_stay_after_a_reload(screen: Screen) -> None:
    screen.open()
    screen.answered()
    assert "Holds up in the quick check" in screen.page.locator(".st-key-verdict").inner_text()
    assert "is another one" in screen.page.locator(".st-key-quick-check").inner_text()
    screen.page.locator(".st-key-check-button button:visible").click()
    screen.page.wait_for_url("**check=1**")
    screen.page.locator(".st-key-check-all", has_text="Checked thoroughly").wait_for()
    screen.settle()
    text = all_checks(screen)
    assert "Holds. Deletion" in text and "better than all three" in text and "a random map gets" in text
    screen.page.locator(".st-key-check-curves .js-plotly-plot").nth(3).wait_for()
    assert "…" not in text
    assert violations(screen) == []
    wide = screen.page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('.st-key-all-checks *')]"
        ".map(node => node.getBoundingClientRect().right)) - innerWidth"
    )
    assert wide <= 1
    screen.page.reload()
    screen.answered()
    screen.page.locator(".st-key-check-curves .js-plotly-plot").nth(3).wait_for()
    assert all_checks(screen) == text


def test_checks_of_a_slow_method_show_progress_and_stop_and_keep_what_was_found(screen: Screen) -> None:
    screen.open("?method=Occlusion&occlusion-window=12&occlusion-stride=3&sample=lemon")
    screen.answered()
    # What was clicked keeps its place while it has the focus; "Stop" must not move when it goes.
    screen.page.locator(".st-key-check-button button:visible").click()
    stop = screen.page.locator(".st-key-checks-stop button")
    stop.wait_for()
    screen.page.locator(".st-key-checks-progress", has_text="check").wait_for()
    screen.page.locator(".st-key-checks", has_text="Deletion").wait_for()
    screen.page.locator(".st-key-checks strong", has_text=re.compile(r"(Holds|Fails|In part)\. Deletion")).wait_for()
    stop.click()
    again = screen.page.locator(".st-key-check-on button")
    again.wait_for()
    screen.settle()
    assert "Stopped after" in screen.page.locator(".st-key-check-all").inner_text()
    assert screen.headline.startswith("Why did the model say")
    assert "…" in all_checks(screen)


def test_a_map_that_fails_says_so_beside_the_picture(screen: Screen) -> None:
    screen.open("?method=GuidedBackprop&sample=lemon")
    screen.answered()
    beside = screen.page.locator(".st-key-verdict")
    assert "Weak guide" in beside.inner_text() and "nearly the same for orange" in beside.inner_text()
    label, picture = beside.bounding_box(), screen.page.locator(".lens").bounding_box()
    assert label is not None and picture is not None
    assert label["x"] < picture["x"] + picture["width"] and label["y"] < picture["y"] < label["y"] + 120
