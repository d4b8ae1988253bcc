"""Drives the Attack page as a person would: pages, goals, the panes, links, stopping, files, access."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from browser.test_access import WINDOWS, violations
from browser.test_explain_page import choose

if TYPE_CHECKING:
    from browser.conftest import Screen


def open_attack(screen: Screen, query: str = "") -> str:
    """Open the page and wait until all is measured; return what tells the attack from others."""
    screen.open(f"attack{query}")
    return attacked(screen)


def attacked(screen: Screen) -> str:
    screen.page.wait_for_selector(".st-key-pictures .panes[data-ready]")
    screen.page.wait_for_selector(".st-key-attack-export button")
    screen.settle()
    return str(screen.page.locator(".st-key-pictures .panes").get_attribute("data-ready"))


def said(screen: Screen) -> str:
    return screen.page.locator(".st-key-headline").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def readout(screen: Screen, key: str = "pictures") -> str:
    return screen.page.locator(f".st-key-{key} [data-part=readout]").inner_text()


def drawn(screen: Screen, place: int) -> str:
    canvas = screen.page.locator(".st-key-pictures .grid canvas").nth(place)
    return str(canvas.evaluate("canvas => canvas.toDataURL()"))


def test_the_first_view_shows_a_finished_attack(screen: Screen) -> None:
    open_attack(screen)
    assert re.fullmatch(r"What turns tabby into .+\?", screen.headline)
    told = r"A change of at most 4 of 255 per colour turns tabby into .+, (?:over )?[\d.]+\s% sure\."
    assert re.search(told, said(screen))
    assert screen.page.locator(".st-key-pictures .grid canvas").count() == 3
    assert screen.page.locator(".st-key-maps .grid canvas").count() == 3
    screen.page.wait_for_selector(".js-plotly-plot .scatterlayer")


def test_the_picture_and_the_network_go_along_from_page_to_page(screen: Screen) -> None:
    screen.open("?sample=coffee&untrained=true")
    screen.answered()
    screen.page.get_by_role("link", name="Attack").click()
    screen.page.wait_for_url("**/attack**")
    attacked(screen)
    assert "sample=coffee" in screen.page.url and "untrained=true" in screen.page.url
    assert screen.page.locator(".st-key-untrained input").get_attribute("aria-checked") in ("true", None)
    screen.page.get_by_role("link", name="Explain").click()
    screen.page.wait_for_selector(".lens[data-ready]")
    screen.answered()
    assert "sample=coffee" in screen.page.url and "untrained=true" in screen.page.url


def test_a_goal_stands_in_the_link_and_the_link_brings_it_back(screen: Screen) -> None:
    first = open_attack(screen, "?epsilon=12")
    choose(screen, "goal", "pretzel")
    screen.page.wait_for_url("**goal=pretzel**")
    screen.page.wait_for_selector(f'.st-key-pictures .panes:not([data-ready="{first}"])')
    second = attacked(screen)
    assert screen.headline == "What turns tabby into pretzel?"
    screen.page.reload()
    assert attacked(screen) == second
    assert "epsilon=12" in screen.page.url


def test_the_change_can_be_enlarged_and_the_factor_stands_in_the_link(screen: Screen) -> None:
    open_attack(screen)
    before, after = drawn(screen, 1), drawn(screen, 2)
    screen.page.locator(".st-key-pictures input[type=range]").fill("3")
    assert drawn(screen, 1) != before
    assert drawn(screen, 2) == after
    screen.page.wait_for_url("**times=3**")
    attacked(screen)
    screen.page.reload()
    attacked(screen)
    assert screen.page.locator(".st-key-pictures [data-part=times-value]").inner_text() == "3"


def test_one_cursor_reads_all_three_pictures(screen: Screen) -> None:
    open_attack(screen)
    canvas = screen.page.locator(".st-key-pictures .grid canvas").nth(2)
    shape = canvas.bounding_box()
    assert shape is not None
    canvas.hover(position={"x": 1, "y": shape["height"] / 2 + 1})
    found = re.fullmatch(
        r"x 0, y 32 · before (\d+) (\d+) (\d+) · change (\S+) (\S+) (\S+) · after (\d+) (\d+) (\d+)", readout(screen)
    )
    assert found is not None, readout(screen)
    figures = [float(text.replace("\N{MINUS SIGN}", "-")) for text in found.groups()]
    for start, change, end in zip(figures[:3], figures[3:6], figures[6:], strict=True):
        assert abs(start + change - end) <= 0.6
        assert abs(change) <= 4
    canvas.press("ArrowRight")
    assert readout(screen).startswith("x 1, y 32 ·")
    canvas.press("Escape")
    assert readout(screen).startswith("Point at a picture")
    maps = screen.page.locator(".st-key-maps .grid canvas").first
    maps.press("ArrowDown")
    assert re.match(r"x 32, y 32 · before \S+ · change \S+ · after \S+", readout(screen, "maps"))


def test_both_maps_have_one_scale(screen: Screen) -> None:
    open_attack(screen)
    legends = screen.page.locator(".st-key-maps .legend span")
    assert legends.count() == 2
    assert "one scale for both" in legends.first.inner_text()


def test_long_work_can_be_stopped(screen: Screen) -> None:
    screen.open("attack?method=PGD&pgd-steps=500", settled=False)
    stop = screen.page.locator(".st-key-stop button")
    stop.wait_for()
    screen.page.wait_for_function(
        "() => /step \\d+ of 500/.test(document.querySelector('.st-key-progress')?.innerText ?? '')"
    )
    stop.click()
    screen.page.wait_for_selector(".st-key-again", timeout=8000)
    assert screen.headline == "Stopped"


def test_what_is_kept_is_what_was_found(screen: Screen) -> None:
    open_attack(screen, "?sample=coffee&epsilon=8")
    kinds = {}
    for kind in ("png", "npy", "json"):
        with screen.page.expect_download() as caught:
            screen.page.locator(f".st-key-attack-{kind} button").click()
        kinds[kind] = caught.value.path().read_bytes()
    levels = np.asarray(Image.open(io.BytesIO(kinds["png"])))
    pixels = np.load(io.BytesIO(kinds["npy"]))
    assert levels.shape == pixels.shape == (64, 64, 3)
    assert np.abs(levels / 255 - pixels).max() <= 1.01 / 255
    record = json.loads(kinds["json"])
    assert record["method"]["name"] == "PGD"
    assert record["method"]["parameters"]["epsilon"] == pytest.approx(8 / 255)
    assert record["file"]["success"] == record["result"]["success"] is True
    assert "explain.PGD(" in record["python"]


@pytest.mark.parametrize("screen", WINDOWS, indirect=True)
def test_the_page_has_no_axe_violation(screen: Screen) -> None:
    open_attack(screen)
    assert violations(screen) == []


@pytest.mark.parametrize("screen", WINDOWS[2:3], indirect=True)
def test_a_narrow_attack_page_does_not_scroll_sideways(screen: Screen) -> None:
    open_attack(screen)
    wide = screen.page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('.stMain *')].map(node => node.getBoundingClientRect().right))"
    )
    assert wide <= 391
    shape = screen.page.locator(".st-key-pictures .grid canvas").first.bounding_box()
    assert shape is not None and shape["y"] < 420
