"""The Learn page, driven as a person would: cards, words that explain themselves, presentation, links to take along."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from browser.test_access import WINDOWS, violations
from dashboard.learn.demonstrations import demonstrations
from dashboard.learn.place import lessons
from dashboard.learn.terms import TERMS

if TYPE_CHECKING:
    from browser.conftest import Screen

#: The input within a slider's thumb is not seen.
SEEN = ".stMain *:not(input[type=range])"
WIDEST = f"() => Math.max(...[...document.querySelectorAll('{SEEN}')].map(node => node.getBoundingClientRect().right))"
BUBBLE = "#convlens-term"


@pytest.mark.parametrize("screen", WINDOWS, indirect=True)
def test_the_overview_has_no_axe_violation_and_does_not_scroll_sideways(screen: Screen) -> None:
    screen.open("learn")
    cards = screen.page.locator("nav.cards a")
    cards.first.wait_for()
    assert cards.count() == len(demonstrations()) + len(lessons())
    assert violations(screen) == []
    assert screen.page.evaluate(WIDEST) <= screen.page.viewport_size["width"] + 1


def test_a_card_opens_its_demonstration_and_back_returns(screen: Screen) -> None:
    screen.open("learn")
    screen.page.locator("nav.cards a", has_text="Pooling").click()
    screen.settle()
    assert screen.headline == "Pooling" and screen.page.url.endswith("/learn?demo=pooling")
    here = screen.page.locator("nav.list a[aria-current=page]")
    assert here.inner_text() == "Pooling"
    screen.page.go_back()
    screen.settle()
    assert screen.headline == "How does a convolutional network work?"


def test_a_card_is_a_link_that_opens_in_a_tab_of_its_own(screen: Screen) -> None:
    screen.open("learn")
    address = screen.page.locator("nav.cards a").first.get_attribute("href")
    screen.open(str(address))
    assert screen.headline == "Convolution"


def test_a_word_explains_itself_on_hover_on_focus_and_on_a_tap(screen: Screen) -> None:
    screen.open("learn?demo=convolution")
    word = screen.page.locator('a[href="#term-kernel"]').first
    bubble = screen.page.locator(BUBBLE)
    word.hover()
    assert bubble.inner_text() == TERMS["kernel"]
    screen.page.mouse.move(5, 5)
    assert bubble.is_hidden()
    word.focus()
    assert bubble.inner_text() == TERMS["kernel"]
    assert word.get_attribute("aria-describedby") == "convlens-term"
    screen.page.keyboard.press("Escape")
    assert bubble.is_hidden() and word.get_attribute("title") == TERMS["kernel"]
    word.click()
    assert bubble.is_visible() and "#" not in screen.page.url


@pytest.mark.parametrize("screen", WINDOWS[2:3], indirect=True)
def test_on_a_narrow_screen_an_explanation_stays_inside_it(screen: Screen) -> None:
    screen.open("learn?demo=convolution")
    for word in screen.page.locator('.stMain a[href^="#term-"]:visible').all():
        word.scroll_into_view_if_needed()
        word.focus()
        shape = screen.page.locator(BUBBLE).bounding_box()
        assert shape is not None and shape["x"] >= 0 and shape["x"] + shape["width"] <= 390


def turned(screen: Screen, key: str, title: str, drawn: str) -> None:
    """Press a key once somebody listens, and wait for the demonstration that it turns to, drawn to its end."""
    screen.page.wait_for_selector(".st-key-turning-keys [data-ready]", state="attached")
    screen.settle()
    screen.page.keyboard.press(key)
    screen.page.locator("h1", has_text=title).wait_for()
    screen.page.locator(f"{drawn}[data-ready]").first.wait_for()
    screen.settle()


def test_a_presentation_stands_alone_and_turns_by_arrow_keys(screen: Screen) -> None:
    screen.open("learn?demo=convolution&present=true")
    # The script has ended before the browser has drawn what it sent last.
    expect(screen.page.locator('[data-testid="stSidebar"]')).to_be_hidden()
    expect(screen.page.locator('[data-testid="stHeader"]')).to_be_hidden()
    large = "parseFloat(getComputedStyle(document.querySelector('.st-key-learn p')).fontSize) >= 19"
    screen.page.wait_for_function(large)
    turned(screen, "ArrowRight", "Pooling", ".sheets")
    turned(screen, "PageUp", "Convolution", ".kernel")
    # In a control an arrow key belongs to the control.
    screen.page.locator(".st-key-convolution-stride").get_by_role("slider", name="Stride").press("ArrowRight")
    # The slider waits a moment before it tells the page: only the address says that it has.
    screen.page.wait_for_url("**convolution-stride=2**")
    assert screen.headline == "Convolution"
    screen.page.keyboard.press("Escape")
    screen.page.locator('[data-testid="stSidebar"]').wait_for()
    screen.page.wait_for_function("() => !location.search.includes('present')")


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
def test_a_presentation_has_no_axe_violation(screen: Screen) -> None:
    screen.open("learn?demo=convolution&present=true&hide=kind,picture")
    screen.page.wait_for_selector(".kernel[data-ready]")
    assert violations(screen) == []


def test_the_link_to_take_along_brings_the_demonstration_back(screen: Screen) -> None:
    screen.open("learn?demo=convolution")
    stride = screen.page.get_by_role("slider", name="Stride")
    stride.focus()
    stride.press("ArrowRight")
    screen.page.get_by_text("Blur", exact=True).click()
    screen.settle()
    screen.unfold("Take it along")
    screen.page.get_by_text("The link opens as a presentation").click()
    screen.page.locator(".stCode", has_text="present=true").wait_for()
    link = screen.page.locator(".stCode").inner_text().strip()
    assert link.startswith(f"{screen.server.url}/learn?")
    screen.open(link.removeprefix(f"{screen.server.url}/"))
    screen.page.wait_for_selector(".kernel[data-ready]")
    assert screen.page.locator('[data-part="output-title"]').inner_text() == "Output, 15 x 15 values"
    assert screen.page.locator('[data-testid="stSidebar"]').is_hidden()


@pytest.mark.parametrize("key", demonstrations())
def test_a_demonstration_begins_without_what_only_its_folded_parts_need(screen: Screen, key: str) -> None:
    asked: list[str] = []
    screen.page.on("request", lambda request: asked.append(request.url))
    screen.open(f"learn?demo={key}")
    screen.page.locator(".st-key-present-begin button").wait_for()
    # A third of all that the browser computed for a demonstration went into these, which nobody saw.
    assert not [url for url in asked if re.search("SyntaxHighlighter|Multiselect|DataFrame", url)]
    screen.unfold("Take it along")
    screen.page.locator(".stCode").wait_for()
    assert [url for url in asked if "SyntaxHighlighter" in url]


def test_the_pictures_to_take_along_are_png_files(screen: Screen) -> None:
    screen.open("learn?demo=convolution")
    screen.unfold("Take it along")
    with screen.page.expect_download() as waiting:
        screen.page.get_by_role("button", name="Output (PNG)").click()
    assert re.fullmatch(r"convlens-convolution-output\.png", waiting.value.suggested_filename)
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")


def test_escape_closes_a_meaning_before_it_ends_the_presentation(screen: Screen) -> None:
    screen.open("learn?demo=convolution&present=true")
    screen.page.wait_for_selector(".st-key-turning-keys [data-ready]", state="attached")
    screen.page.locator('a[href="#term-kernel"]').first.focus()
    assert screen.page.locator(BUBBLE).is_visible()
    screen.page.keyboard.press("Escape")
    screen.settle()
    assert screen.page.locator(BUBBLE).is_hidden() and "present=true" in screen.page.url
    screen.page.keyboard.press("Escape")
    screen.settle()
    assert "present" not in screen.page.url


def test_from_a_lesson_to_a_demonstration_is_one_step_back(screen: Screen) -> None:
    lesson = next(iter(lessons()))
    screen.open(f"learn?lesson={lesson}")
    screen.page.locator("nav.list a", has_text="Pooling").first.click()
    screen.settle()
    assert screen.headline == "Pooling" and screen.page.url.endswith("/learn?demo=pooling")
    screen.page.go_back()
    screen.settle()
    assert screen.headline == lessons()[lesson].title


@pytest.mark.parametrize(
    "query",
    [
        "demo=convolution&convolution-place=3-4",
        "demo=pooling&convolution-place=3-4",
        f"demo=digits&digits-source=own&digits-drawing={'0' * 100 + 'f' * 56 + '0' * 100}",
    ],
    ids=["place", "place in another demonstration", "drawing"],
)
def test_what_was_picked_or_drawn_is_there_after_a_look_at_another_page(screen: Screen, query: str) -> None:
    if "demo=pooling" in query:
        screen.open("learn?demo=convolution&convolution-place=3-4")
        screen.page.locator("nav.list a", has_text="Pooling").first.click()
        screen.settle()
    else:
        screen.open(f"learn?{query}")
    screen.page.get_by_role("link", name="Mistakes", exact=True).click()
    screen.settle()
    screen.page.get_by_role("link", name="Learn", exact=True).click()
    screen.settle()
    now = set(screen.page.url.partition("?")[2].split("&"))
    assert now == set(query.split("&"))


def test_a_demonstration_is_as_it_was_left_after_a_look_at_another_page(screen: Screen) -> None:
    screen.open("learn?demo=convolution")
    screen.page.get_by_text("Same size").click()
    screen.settle()
    screen.page.get_by_role("link", name="Mistakes", exact=True).click()
    screen.settle()
    screen.page.get_by_role("link", name="Learn", exact=True).click()
    screen.settle()
    screen.page.wait_for_selector(".kernel[data-ready]")
    assert screen.headline == "Convolution"
    assert screen.page.locator('[data-part="output-title"]').inner_text() == "Output, 32 x 32 values"
