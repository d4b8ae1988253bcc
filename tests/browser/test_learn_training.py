"""The training demonstration in the browser: curves grow while it trains, a control moves its number, and it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations
from browser.test_learn_page import WIDEST

if TYPE_CHECKING:
    from browser.conftest import Screen

FIGURE = "figure.training"
#: A long training, that is not at its end when it is looked at.
LONG = "training-pictures=30&training-epochs=100&training-batch=1&training-rate=0.001"


def opened(screen: Screen, query: str = "") -> None:
    screen.open(f"learn?demo=training&{query}")
    screen.page.wait_for_selector(f"{FIGURE}[data-ready]")
    screen.settle()


def points(screen: Screen) -> list[int]:
    text = screen.page.locator(FIGURE).get_attribute("data-points") or ""
    return [int(part) for part in text.split(",")]


def press(screen: Screen, name: str) -> None:
    screen.page.locator(f".st-key-training-{name} button").click()


def wait_for_points(screen: Screen, least: int) -> None:
    screen.page.wait_for_function(
        "([selector, least]) => Number(document.querySelector('.st-key-training-curves')?.querySelector('*') && "
        "[...document.querySelectorAll('*')].map(n => n.shadowRoot?.querySelector(selector) ?? null)"
        ".find(Boolean)?.dataset.points.split(',')[0]) >= least",
        arg=[FIGURE, least],
        timeout=60_000,
    )


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
@pytest.mark.parametrize("query", ["", "training-preset=cures&training-layer=first"])
def test_it_has_no_axe_violation_and_does_not_scroll_sideways(screen: Screen, query: str) -> None:
    opened(screen, query)
    press(screen, "step")
    wait_for_points(screen, 1)
    screen.settle()
    screen.unfold("An answer")
    screen.unfold("Against overfitting")
    screen.page.locator(".st-key-training-dropout input[type=range]").wait_for(state="attached")
    assert violations(screen) == []
    assert screen.page.evaluate(WIDEST) <= screen.page.viewport_size["width"] + 1


def test_curves_grow_while_it_trains_and_stand_still_when_it_pauses(screen: Screen) -> None:
    opened(screen, LONG)
    press(screen, "run")
    wait_for_points(screen, 3)
    pause = screen.page.locator(".st-key-training-run button", has_text="Pause")
    pause.click()
    screen.page.locator(".st-key-training-run button", has_text="Go on").wait_for()
    screen.settle()
    stood = points(screen)
    screen.page.wait_for_timeout(1500)
    assert points(screen) == stood
    assert stood[0] >= 3


def test_another_picture_changes_the_gradient(screen: Screen) -> None:
    opened(screen)
    told = screen.page.get_by_text("gradient =").first
    before = told.inner_text()
    slider = screen.page.locator(".st-key-training-picture input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    screen.page.wait_for_function(
        "before => ![...document.querySelectorAll('p')].some(p => p.innerText === before)", arg=before
    )
    assert told.inner_text() != before


def test_the_charts_are_read_with_the_keyboard(screen: Screen) -> None:
    opened(screen, "training-pictures=30&training-epochs=6")
    press(screen, "epoch")
    wait_for_points(screen, 2)
    screen.settle()
    readout = screen.page.locator(f'{FIGURE} [data-part="readout"]')
    assert readout.inner_text().startswith("Epoch 1:")
    chart = screen.page.locator(f"{FIGURE} .panel svg").first
    chart.focus()
    chart.press("ArrowLeft")
    assert readout.inner_text().startswith("Epoch 0:")
