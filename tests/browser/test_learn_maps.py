"""The demonstration of maps and the lessons in the browser: controls, numbers, axe, narrow screens, paper."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations
from browser.test_learn_page import WIDEST

if TYPE_CHECKING:
    from browser.conftest import Screen

PARTS = (
    "maps-part=sanity&maps-cascade=true",
    "maps-part=trick&maps-guess=tag&maps-tag=moved&maps-everywhere=true",
    "maps-part=saturation",
    "maps-part=robust",
)
LESSONS = ("convolution", "training", "maps")


def opened(screen: Screen, query: str = "") -> str:
    screen.open(f"learn?demo=maps&{query}")
    screen.settle()
    return said(screen)


def said(screen: Screen) -> str:
    return screen.page.locator(".st-key-learn").inner_text().replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
@pytest.mark.parametrize("query", PARTS)
def test_no_part_has_an_axe_violation_or_scrolls_sideways(screen: Screen, query: str) -> None:
    opened(screen, query)
    screen.unfold("An answer")
    assert violations(screen) == []
    assert screen.page.evaluate(WIDEST) <= screen.page.viewport_size["width"] + 1


def test_the_slider_of_random_parts_moves_the_correlations_by_the_keyboard(screen: Screen) -> None:
    whole = re.findall(r"Spearman (\S+)", opened(screen))
    screen.page.locator(".st-key-maps-depth [role=slider], .st-key-maps-depth input[type=range]").first.focus()
    screen.page.keyboard.press("ArrowLeft")
    screen.page.wait_for_url("**maps-depth=4**")
    screen.settle()
    assert "stage 2 and stage 1" in said(screen)
    found = re.findall(r"Spearman (\S+)", said(screen))
    assert found[:3] != whole[:3]
    assert found[3] == whole[3] == "1.00"


def test_a_guess_a_moved_tag_and_the_probability(screen: Screen) -> None:
    assert "It is the blue tag" not in opened(screen, "maps-part=trick")
    screen.page.get_by_role("radio", name="The background").click()
    screen.page.wait_for_url("**maps-guess=ground**")
    screen.settle()
    assert "You said: the background. It is the blue tag." in said(screen)
    before = re.search(r"Banana: (\S+ %) at first, (\S+ %) now", said(screen))
    assert before is not None and before[1] == before[2]
    screen.page.get_by_role("radio", name="Taken off").click()
    screen.page.wait_for_url("**maps-tag=off**")
    screen.settle()
    after = re.search(r"Banana: (\S+ %) at first, (\S+ %) now", said(screen))
    assert after is not None and after[1] == before[1] and after[2] != before[2]


def test_the_chart_of_the_small_network_sets_the_input(screen: Screen) -> None:
    assert "the gradient is 0" in opened(screen, "maps-part=saturation")
    chart = screen.page.locator(".curves svg[role=application]")
    chart.focus()
    for _ in range(15):
        screen.page.keyboard.press("ArrowLeft")
    screen.page.keyboard.press("Enter")
    screen.settle()
    assert "the gradient is 1" in said(screen)


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
@pytest.mark.parametrize("lesson", LESSONS)
def test_no_lesson_has_an_axe_violation_or_scrolls_sideways(screen: Screen, lesson: str) -> None:
    screen.open(f"learn?lesson={lesson}")
    assert violations(screen) == []
    assert screen.page.evaluate(WIDEST) <= screen.page.viewport_size["width"] + 1


@pytest.mark.parametrize("screen", [(1440, 900, "light"), (1440, 900, "dark")], indirect=True)
def test_on_paper_a_lesson_has_no_rail_writes_its_links_out_and_ends_with_the_answers(screen: Screen) -> None:
    screen.open("learn?lesson=maps")
    page = screen.page
    written, answers = page.locator(".st-key-lesson-written-1"), page.locator(".st-key-lesson-answers-printed")
    assert not written.is_visible() and not answers.is_visible()
    page.emulate_media(media="print")
    assert not page.locator("[data-testid=stSidebar]").is_visible()
    assert not page.locator(".st-key-lesson-bar").is_visible()
    assert not page.locator(".st-key-learn .stExpander").first.is_visible()
    assert "learn?demo=maps&maps-part=trick" in written.inner_text()
    assert answers.is_visible()
    below = answers.bounding_box()
    last = page.locator(".st-key-lesson-step-4").bounding_box()
    assert below is not None and last is not None and below["y"] >= last["y"] + last["height"]
    ink = page.evaluate("getComputedStyle(document.querySelector('.st-key-learn p')).color")
    paper = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")


def test_the_teachers_switch_brings_the_answers_under_their_questions_on_paper(screen: Screen) -> None:
    screen.open("learn?lesson=maps")
    screen.page.locator(".st-key-lesson-answers label").click()
    screen.page.wait_for_url("**lesson-answers=true**")
    screen.settle()
    screen.page.emulate_media(media="print")
    assert screen.page.locator(".st-key-lesson-answers-printed").count() == 0
    assert screen.page.get_by_text("Pictures in which the trait and the class part").is_visible()


def test_a_link_of_a_lesson_opens_the_demonstration_with_its_state(screen: Screen) -> None:
    screen.open("learn?lesson=maps")
    with screen.page.context.expect_page() as opening:
        screen.page.locator(".st-key-lesson-step-4 a[href*='demo=']").click()
    opening.value.wait_for_load_state()
    assert "demo=maps&maps-part=robust" in opening.value.url
    opening.value.get_by_text("Both maps below are for").wait_for()


def test_printing_is_a_click_away(screen: Screen) -> None:
    screen.open("learn?lesson=convolution")
    screen.page.evaluate("window.print = () => { document.body.dataset.printed = 'yes'; }")
    screen.page.get_by_role("button", name="Print this lesson").click()
    assert screen.page.evaluate("document.body.dataset.printed") == "yes"
