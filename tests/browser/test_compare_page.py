"""Drives the Compare page as a person would: panes, one cursor, one zoom, the wall, Explain and back, access."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from browser.test_access import WINDOWS, violations

if TYPE_CHECKING:
    from browser.conftest import Screen

#: Two methods that are quick on any machine.
QUICK = "?method=Saliency&methods=HiResCAM"


def open_compare(screen: Screen, query: str = QUICK) -> str:
    """Open the page and wait until the checks stand; return what tells these panes from others."""
    screen.open(f"compare{query}", settled=False)
    return compared(screen)


def compared(screen: Screen) -> str:
    screen.page.wait_for_selector(".st-key-compared .panes[data-ready]")
    screen.page.wait_for_selector(".st-key-compare-export button")
    screen.settle()
    return str(screen.page.locator(".st-key-compared .panes").get_attribute("data-ready"))


def readout(screen: Screen) -> str:
    return screen.page.locator(".st-key-compared [data-part=readout]").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def enlarged(screen: Screen) -> str:
    """Say how many times as large the panes are shown."""
    text = screen.page.locator(".st-key-compared [data-part=zoom-value]").inner_text()
    return text.removesuffix(" \N{MULTIPLICATION SIGN}")


def pick_from_wall(screen: Screen) -> str:
    """Pick the first map of the wall by the keyboard, and return what its read-out calls it."""
    screen.page.mouse.move(2, 2)
    sheet = screen.page.locator(".st-key-wall-where canvas")
    sheet.focus()
    screen.page.wait_for_timeout(300)
    sheet.press("ArrowRight")
    told = screen.page.locator(".st-key-wall-where [data-part=readout]").inner_text()
    sheet.press("Enter")
    return told.partition(" · ")[0]


def drawn(screen: Screen, place: int) -> str:
    canvas = screen.page.locator(".st-key-compared .grid canvas").nth(place)
    return str(canvas.evaluate("canvas => canvas.toDataURL()"))


def test_the_panes_stand_before_anything_is_asked(screen: Screen) -> None:
    screen.open("compare", settled=False)
    screen.page.wait_for_selector(".stMain img, .st-key-compared canvas")
    compared(screen)
    assert screen.headline == "Do the methods agree on tabby?"
    assert screen.page.locator(".st-key-compared .grid canvas").count() == 3
    legends = screen.page.locator(".st-key-compared .legend > span").all_inner_texts()
    assert len(legends) == 2 and legends[0].startswith("Share of each map's strongest evidence")


def test_one_cursor_reads_all_panes(screen: Screen) -> None:
    open_compare(screen)
    canvases = screen.page.locator(".st-key-compared .grid canvas")
    shape = canvases.nth(1).bounding_box()
    assert shape is not None
    before = [drawn(screen, place) for place in range(3)]
    canvases.nth(1).hover(position={"x": 1, "y": shape["height"] / 2 + 1})
    told = r"x 0, y 32 · Saliency (\S+|≥ \S+) % · HiResCAM (\S+|≥ \S+) % · difference (\S+|[≥≤] \S+) %"
    assert re.fullmatch(told, readout(screen)), readout(screen)
    assert all(drawn(screen, place) != before[place] for place in range(3))
    values = screen.page.locator(".st-key-compared h4 i").all_inner_texts()
    assert len(values) == 3 and all(value.replace("\N{NO-BREAK SPACE}", " ") in readout(screen) for value in values)
    canvases.nth(1).press("ArrowDown")
    assert readout(screen).startswith("x 0, y 33 ·")
    canvases.nth(1).press("Escape")
    assert readout(screen).startswith("Point at a pane")


def test_one_zoom_moves_all_panes_and_stands_in_the_link(screen: Screen) -> None:
    open_compare(screen)
    before = [drawn(screen, place) for place in range(3)]
    screen.page.locator("[data-zoom=in]").click()
    assert enlarged(screen) == "2"
    assert all(drawn(screen, place) != before[place] for place in range(3))
    screen.page.wait_for_url("**zoom=200-50-50**")
    canvas = screen.page.locator(".st-key-compared .grid canvas").first
    canvas.hover(position={"x": 12, "y": 12})
    assert re.match(r"x 1[67], y 1[67] ·", readout(screen))
    compared(screen)
    screen.page.reload()
    compared(screen)
    assert enlarged(screen) == "2"
    canvas.focus()
    canvas.press("0")
    assert enlarged(screen) == "1"
    assert [drawn(screen, place) for place in range(3)] == before
    screen.page.wait_for_function("() => !location.search.includes('zoom')")
    shape = canvas.bounding_box()
    assert shape is not None
    canvas.dblclick(position={"x": shape["width"] - 12, "y": shape["height"] - 12})
    screen.page.wait_for_function("() => /zoom=\\d+-(7|8|9)\\d-(7|8|9)\\d/.test(location.search)")


def test_a_wheel_alone_scrolls_the_page_and_with_control_it_zooms(screen: Screen) -> None:
    open_compare(screen)
    screen.page.locator(".st-key-compared .grid canvas").first.hover()
    screen.page.mouse.wheel(0, -300)
    assert enlarged(screen) == "1"
    screen.page.keyboard.down("Control")
    screen.page.mouse.wheel(0, -100)
    screen.page.keyboard.up("Control")
    assert enlarged(screen) == "2.7"


def test_what_is_compared_can_be_changed_by_hand(screen: Screen) -> None:
    first = open_compare(screen)
    screen.page.locator(".st-key-compare").get_by_text("classes").click()
    screen.page.wait_for_selector(f'.st-key-compared .panes:not([data-ready="{first}"])')
    compared(screen)
    assert screen.headline == "What speaks for tabby, what for others?"
    assert "compare=classes" in screen.page.url
    assert screen.page.locator(".st-key-compared .legend > span").first.inner_text().startswith("Evidence, one scale")


def test_the_wall_streams_and_a_click_puts_a_map_beside(screen: Screen) -> None:
    open_compare(screen)
    screen.page.locator(".st-key-wall-quick button").click()
    screen.page.wait_for_selector(".st-key-wall-where .maps[data-ready]")
    still = screen.page.locator("[data-testid=stApp]").get_attribute("data-test-script-state")
    assert still == "running", "the first group stands while others are under way"
    screen.page.wait_for_selector(".st-key-wall-parts .maps[data-ready]")
    screen.settle()
    assert "wall=quick" in screen.page.url
    assert screen.page.locator(".st-key-wall .maps").count() == 3
    told = pick_from_wall(screen)
    screen.page.locator(".st-key-compared .grid canvas").nth(3).wait_for()
    compared(screen)
    titles = screen.page.locator(".st-key-compared h4 span").all_inner_texts()
    assert titles[2] == told


def test_the_wall_can_be_stopped_and_keeps_what_is_there(screen: Screen) -> None:
    screen.open("compare?sample=bus&method=Saliency&methods=HiResCAM&wall=all", settled=False)
    screen.page.wait_for_selector(".st-key-wall-where .maps[data-ready], .st-key-wall img")
    screen.page.locator(".st-key-stop button").click()
    screen.page.wait_for_selector(".st-key-again")
    screen.settle()
    assert screen.page.locator(".st-key-compared .grid canvas").count() == 3
    assert screen.page.locator(".st-key-wall .maps").count() >= 1


def test_a_map_of_the_wall_opens_on_explain_and_compare_leads_back(screen: Screen) -> None:
    screen.open("?sample=coffee&method=saliency&class=teapot")
    screen.answered()
    screen.page.locator(".st-key-to-compare button").first.click()
    screen.page.wait_for_url("**/compare?**")
    compared(screen)
    assert screen.headline == "Do the methods agree on teapot?"
    assert screen.page.locator(".st-key-compared h4 span").first.inner_text() == "Saliency"
    assert "sample=coffee" in screen.page.url
    screen.page.locator(".st-key-wall-quick button").click()
    screen.page.wait_for_selector(".st-key-wall-where .maps[data-ready]")
    screen.page.locator(".st-key-wall-click").get_by_text("opens it on Explain").click()
    screen.settle()
    told = pick_from_wall(screen)
    screen.page.wait_for_selector(".lens[data-ready]")
    screen.answered()
    assert screen.headline == "What speaks for teapot?"
    assert f"{told} ·" in screen.page.locator(".lens figcaption").inner_text()
    assert "wall" not in screen.page.url and "sample=coffee" in screen.page.url


def test_what_is_kept_is_what_is_shown(screen: Screen) -> None:
    open_compare(screen)
    kinds = {}
    for kind in ("png", "csv", "npz"):
        with screen.page.expect_download() as caught:
            screen.page.locator(f".st-key-compare-{kind} button").click()
        kinds[kind] = caught.value.path().read_bytes()
    assert Image.open(io.BytesIO(kinds["png"])).width > 1000
    rows = list(csv.DictReader(io.StringIO(kinds["csv"].decode())))
    alike = next(float(row["value"]) for row in rows if row["figure"] == "Spearman")
    shown = screen.page.locator(".st-key-headline strong").last.inner_text().replace("\N{MINUS SIGN}", "-")
    assert float(shown) == pytest.approx(alike, abs=0.005)
    with np.load(io.BytesIO(kinds["npz"]), allow_pickle=False) as held:
        assert held["map1"].shape == (64, 64)


@pytest.mark.parametrize("screen", WINDOWS, indirect=True)
def test_the_page_has_no_axe_violation(screen: Screen) -> None:
    open_compare(screen, f"{QUICK},EigenCAM,CAM")
    assert violations(screen) == []


@pytest.mark.parametrize("screen", WINDOWS[2:3], indirect=True)
def test_a_narrow_page_stacks_its_panes_and_does_not_scroll_sideways(screen: Screen) -> None:
    open_compare(screen, f"{QUICK},EigenCAM,CAM")
    wide = screen.page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('.stMain *')].map(node => node.getBoundingClientRect().right))"
    )
    assert wide <= 391
    shapes = [canvas.bounding_box() for canvas in screen.page.locator(".st-key-compared .grid canvas").all()]
    assert len({round(shape["x"]) for shape in shapes if shape is not None}) == 1
