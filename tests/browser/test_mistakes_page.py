"""The Mistakes page as a person drives it: four clicks to a mistake, cells, links, keys, uploads, Stop and go on."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import expect

from browser.conftest import LONG, looking, served
from browser.test_access import WINDOWS, violations
from dashboard.mistakes import keeping
from explain.mistakes import confuse, worst_pairs

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator

    from browser.conftest import Screen, Server

MATRIX = ".st-key-confusion"
SHEET = ".st-key-gallery .gallery"


@pytest.fixture(scope="module")
def over_boxes(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that its owner started with 200 pictures and the weights of two networks."""
    folder = tmp_path_factory.mktemp("boxes")
    with zipfile.ZipFile(test_data / "data" / "imagenet_boxes.zip") as whole:
        *pictures, labels = whole.namelist()
        records = json.loads(whole.read(labels))
        with zipfile.ZipFile(folder / "boxes.zip", "w") as part:
            for name in pictures[:200]:
                part.writestr(name, whole.read(name))
            part.writestr(labels, json.dumps(records[:200]))
    settings = {"CONVLENS_DATA": str(folder / "boxes.zip"), "CONVLENS_WEIGHTS": str(test_data / "weights")}
    with served(folder, **settings) as running:
        yield running


def opened(screen: Screen, query: str = "") -> None:
    """Open the page and wait until one mistake is explained."""
    screen.open(f"mistakes{query}", settled=False)
    explained(screen)


def explained(screen: Screen) -> None:
    screen.page.wait_for_selector(".st-key-one .panes[data-ready]")
    screen.settle()


def tiles(screen: Screen) -> Locator:
    return screen.page.locator(f"{SHEET} .tile")


def question(screen: Screen) -> str:
    return screen.page.locator(".st-key-one h3").first.inner_text()


def test_from_the_start_page_to_an_explained_mistake_of_200_pictures_it_takes_four_clicks(
    profile: BrowserContext, over_boxes: Server
) -> None:
    with looking(profile, over_boxes) as screen:
        screen.open()
        screen.answered()
        clicks = 0

        def click(what: Locator) -> None:
            nonlocal clicks
            what.click()
            clicks += 1

        click(screen.page.get_by_role("link", name="Mistakes"))
        screen.page.wait_for_selector(f"{SHEET}[data-ready] .tile")
        click(screen.page.get_by_label("Model", exact=True))
        screen.page.keyboard.type("MobileNetV2")
        screen.page.keyboard.press("Enter")
        start = screen.page.get_by_role("button", name="Go over 200 pictures")
        screen.page.wait_for_url("**model=mobilenet_v2**")
        click(start)
        # The pictures themselves take a while where the machine is busy.
        screen.page.wait_for_selector(f"{SHEET} .mark.wrong", timeout=8 * LONG)
        screen.settle()
        counted = re.fullmatch(r"(\d+) mistakes in 200 pictures", screen.headline)
        # Another processor may see one picture another way.
        assert counted is not None and abs(int(counted[1]) - 77) <= 1
        click(tiles(screen).nth(3))
        screen.page.wait_for_url("**case=**")
        explained(screen)
        assert clicks == 4
        guess, true = (tiles(screen).nth(3).locator(f".{part}").inner_text() for part in ("guess", "true"))
        said = re.fullmatch(r"Why (.+) and not (.+)\?", question(screen))
        assert said is not None
        assert guess.startswith(said[1]) and true == f"is {said[2]}"


def test_a_run_stops_at_a_click_and_goes_on_at_another(profile: BrowserContext, over_boxes: Server) -> None:
    with looking(profile, over_boxes) as screen:
        screen.open("mistakes?model=squeezenet1_1")
        start = screen.page.get_by_role("button", name="Go over 200 pictures")
        start.click()
        progress = screen.page.get_by_text(re.compile(r"^\d+ of 200 pictures · .* a second"))
        progress.wait_for()
        assert start.count() == 0
        screen.page.get_by_role("button", name="Stop").click()
        start.wait_for()
        screen.page.get_by_text("About this network").click()
        screen.settle()
        screen.page.wait_for_timeout(1500)
        assert progress.count() == 0
        start.click()
        progress.wait_for()


def test_a_picked_cell_lists_its_pictures_and_the_link_brings_them_back(screen: Screen) -> None:
    opened(screen)
    sheet = screen.page.locator(f"{MATRIX} canvas.sheet")
    sheet.focus()
    sheet.press("PageDown")
    readout = screen.page.locator(f"{MATRIX} [data-part=readout]")
    # The matrix is painted, and its readout written, with the next frame of the browser.
    expect(readout).to_contain_text("True class")
    worst = readout.inner_text()
    sheet.press("Enter")
    run = keeping.shipped()
    pair = worst_pairs(confuse(run.cases), 1)[0]
    true, guess = run.classes[pair.true], run.classes[pair.predicted]
    screen.page.wait_for_url(f"**true={quote_plus(true)}&guess={quote_plus(guess)}**")
    screen.page.wait_for_function(f"document.querySelector('{MATRIX}') !== null")
    explained(screen)
    assert question(screen) == f"Why {guess} and not {true}?"
    listed = [tile.get_attribute("aria-label") for tile in tiles(screen).all()]
    assert all(str(told).endswith(f"wrong, is {true}") for told in listed)
    assert f" {len(listed)} of " in worst
    screen.page.reload()
    explained(screen)
    assert [tile.get_attribute("aria-label") for tile in tiles(screen).all()] == listed


def test_the_arrow_keys_go_through_the_sheet_and_over_its_edge(screen: Screen) -> None:
    opened(screen)
    count = tiles(screen).count()
    tiles(screen).nth(count - 2).click()
    screen.page.wait_for_url("**case=**")
    explained(screen)
    last = tiles(screen).nth(count - 1).get_attribute("data-id")
    screen.page.keyboard.press("ArrowRight")
    screen.page.wait_for_url(f"**case={last}")
    explained(screen)
    before = tiles(screen).first.get_attribute("data-id")
    screen.page.keyboard.press("ArrowRight")
    screen.page.wait_for_selector(f'{SHEET} .tile:first-child:not([data-id="{before}"])')
    explained(screen)
    assert tiles(screen).first.get_attribute("aria-checked") == "true"
    assert screen.page.evaluate("document.activeElement.shadowRoot.activeElement.dataset.id") == tiles(
        screen
    ).first.get_attribute("data-id")


def test_shift_and_an_arrow_key_open_the_next_mistake(screen: Screen) -> None:
    opened(screen)
    first, second = (tiles(screen).nth(place).get_attribute("data-id") for place in (0, 1))
    screen.page.keyboard.press("Shift+ArrowRight")
    screen.page.wait_for_url(f"**case={second}")
    explained(screen)
    screen.page.keyboard.press("Shift+ArrowLeft")
    screen.page.wait_for_url(f"**case={first}")
    explained(screen)
    open_ones = screen.page.locator(f"{SHEET} .tile[aria-checked=true]")
    assert [tile.get_attribute("data-id") for tile in open_ones.all()] == [first]


def test_a_mistake_goes_along_to_the_other_pages_with_its_network_and_its_picture(screen: Screen) -> None:
    opened(screen, "?case=1")
    screen.page.locator(".st-key-carry-explain button").first.click()
    screen.page.wait_for_url("**picture=own**")
    screen.answered()
    assert screen.page.get_by_text("Chelsea the cat, ").count() > 0
    screen.page.get_by_role("link", name="Mistakes").click()
    screen.page.wait_for_url("**/mistakes**")
    explained(screen)
    assert "case=1" in screen.page.url
    screen.page.locator(".st-key-carry-layers button").first.click()
    screen.page.wait_for_url("**/layers**")
    screen.page.wait_for_selector(".st-key-maps .maps[data-ready]")
    assert screen.page.get_by_text("Chelsea the cat, ").count() > 0


def test_a_mistake_of_an_untrained_network_goes_along_with_that_network(screen: Screen) -> None:
    screen.open("mistakes?untrained=true&case=1")
    screen.page.locator(".st-key-start_run button").click()
    explained(screen)
    screen.page.locator(".st-key-carry-explain button").first.click()
    screen.page.wait_for_url("**picture=own**")
    screen.answered()
    assert "untrained=true" in screen.page.url and "/mistakes" not in screen.page.url


@pytest.mark.parametrize("screen", WINDOWS, indirect=True)
def test_the_page_has_no_axe_violation(screen: Screen) -> None:
    opened(screen)
    screen.unfold("About this run")
    assert violations(screen) == []


@pytest.mark.parametrize("screen", WINDOWS[2:3], indirect=True)
def test_a_narrow_screen_does_not_scroll_sideways(screen: Screen) -> None:
    opened(screen)
    # The invisible input over a slider's thumb reaches beyond the edge, and scrolls nothing.
    wide = screen.page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('.stMain :not(input)')]"
        ".map(node => node.getBoundingClientRect().right))"
    )
    assert wide <= 391
    main = screen.page.locator("[data-testid=stMain]")
    assert main.evaluate("node => node.scrollWidth - node.clientWidth") == 0
