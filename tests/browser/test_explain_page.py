"""Drives the Explain page as a person would: pictures, classes, methods, links, stopping, refusals."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from browser.conftest import Screen


def png(side: int = 96, seed: int = 0) -> bytes:
    """Draw a picture of noise in soft patches."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def upload(screen: Screen, name: str, data: bytes) -> None:
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    screen.page.locator('.st-key-upload input[type="file"]').set_input_files(file)
    screen.settle()


def method(screen: Screen, label: str) -> None:
    screen.page.locator(".st-key-method").get_by_text(label, exact=True).click()


def picked_method(screen: Screen, label: str) -> None:
    """Wait until this method's radio button is the one that is pressed."""
    screen.page.locator('.st-key-method label:has(input:checked)', has_text=label).wait_for()


def find_method(screen: Screen, text: str) -> Locator:
    """Type into the list of all methods, and return what it finds."""
    field = screen.page.locator(".st-key-methods input")
    if not field.is_visible():
        screen.page.locator(".st-key-all-methods summary").click()
        field.wait_for()
    field.fill("")
    field.press_sequentially(text)
    return screen.page.locator(".st-key-methods .option:not([hidden])")


def choose(screen: Screen, key: str, text: str) -> None:
    box = screen.page.locator(f".st-key-{key} input")
    box.click()
    box.press("ArrowDown")
    box.fill(text)
    screen.page.get_by_role("option").first.click()


def bars(screen: Screen) -> list[str]:
    return [str(bar.get_attribute("aria-label")) for bar in screen.page.locator(".st-key-top [role=radio]").all()]


def test_the_first_screen_shows_a_finished_explanation(screen: Screen) -> None:
    screen.open()
    screen.answered()
    assert screen.headline.startswith("Why did the model say ")
    assert "sure" in screen.page.locator(".st-key-headline").inner_text()
    assert len(bars(screen)) == 5


def test_a_picked_sample_is_explained_and_stands_in_the_link(screen: Screen) -> None:
    screen.open()
    before = screen.answered()
    screen.page.locator(".st-key-samples [role=radio]").nth(1).click()
    screen.page.wait_for_url("**sample=**")
    assert screen.answered() != before


def test_a_picked_class_is_explained_and_survives_a_reload(screen: Screen) -> None:
    screen.open()
    before = screen.answered()
    second = bars(screen)[1].partition(",")[0]
    screen.page.locator(".st-key-top [role=radio]").nth(1).click()
    screen.page.wait_for_url("**class=**")
    assert screen.answered() != before
    assert screen.headline == f"What speaks for {second}?"
    after = screen.answered()
    screen.page.reload()
    assert screen.answered() == after
    assert screen.headline == f"What speaks for {second}?"


def test_any_class_can_be_found_by_typing(screen: Screen) -> None:
    screen.open()
    screen.answered()
    choose(screen, "class", "lemon")
    screen.page.wait_for_url("**class=lemon**")
    screen.answered()
    assert screen.headline == "What speaks for lemon?"
    assert len(bars(screen)) in (5, 6)


def test_rather_than_makes_a_contrast(screen: Screen) -> None:
    screen.open()
    before = screen.answered()
    second = bars(screen)[1].partition(",")[0]
    choose(screen, "against", second)
    screen.page.wait_for_url("**against=**")
    assert screen.answered() != before
    assert screen.headline.endswith(f" rather than {second}?")
    assert "Between these two" in screen.page.locator(".st-key-headline").inner_text()


def test_another_method_and_its_parameters_stand_in_the_link(screen: Screen) -> None:
    screen.open()
    first = screen.answered()
    method(screen, "Integrated Gradients")
    screen.page.wait_for_url("**method=Integrated**")
    screen.page.wait_for_selector(f'.lens:not([data-ready="{first}"])')
    second = screen.answered()
    screen.unfold("Adjust")
    choose(screen, "integrated-gradients-baseline", "white")
    screen.page.wait_for_url("**baseline=white**")
    screen.page.wait_for_selector(f'.lens:not([data-ready="{second}"])')
    third = screen.answered()
    screen.page.reload()
    assert screen.answered() == third


def test_a_method_of_each_question_is_found_by_typing_and_picked_with_the_keyboard(screen: Screen) -> None:
    screen.open()
    screen.answered()
    groups = screen.page.locator(".st-key-methods .group").all()
    firsts = [group.locator(".option:not([aria-disabled]) .name").first.text_content() for group in groups]
    assert len(firsts) == 4
    for label in reversed(firsts):
        assert label
        options = find_method(screen, label)
        names = options.locator(".name").all_text_contents()
        field = screen.page.locator(".st-key-methods input")
        for _ in range(1 + names.index(label)):
            field.press("ArrowDown")
        field.press("Enter")
        picked_method(screen, label)
        assert field.evaluate("field => field.getRootNode().activeElement === field")
    assert "method=" not in screen.page.url


def test_what_the_list_picks_survives_a_reload_other_pages_and_going_back(screen: Screen) -> None:
    screen.open()
    screen.answered()
    find_method(screen, "grad-cam++").first.click()
    screen.page.wait_for_url("**method=GradCAMPlusPlus**")
    picked_method(screen, "Grad-CAM++")
    screen.answered()
    screen.page.reload()
    picked_method(screen, "Grad-CAM++")
    screen.answered()
    method(screen, "Integrated Gradients")
    screen.page.wait_for_url("**method=IntegratedGradients**")
    screen.answered()
    screen.page.go_back()
    picked_method(screen, "Grad-CAM++")
    screen.answered()
    screen.page.get_by_role("link", name="Layers").click()
    screen.page.wait_for_url("**/layers**")
    screen.settle()
    screen.page.get_by_role("link", name="Explain").click()
    screen.page.wait_for_url("**method=GradCAMPlusPlus**")
    picked_method(screen, "Grad-CAM++")
    screen.answered()
    assert screen.page.locator(".stExpander", has_text="About Grad-CAM++").count() == 1


@pytest.mark.parametrize("screen", [(390, 844, "dark")], indirect=True)
def test_a_method_that_does_not_suit_stands_in_the_list_with_its_reason(screen: Screen) -> None:
    screen.open("?model=everyday_vgg")
    screen.answered()
    screen.page.get_by_test_id("stExpandSidebarButton").click()
    options = find_method(screen, "zhou cam")
    assert options.count() == 1
    assert options.get_attribute("aria-disabled") == "true"
    assert "CAM · not on this network" in options.inner_text() and "This network" in options.inner_text()
    options.click(force=True)
    screen.page.locator(".st-key-methods input").press("Enter")
    screen.settle()
    assert "method=" not in screen.page.url
    assert find_method(screen, "no such thing").count() == 0
    assert "No methods fit" in screen.page.locator(".st-key-methods [role=status]").inner_text()


def test_an_uploaded_picture_is_explained_and_the_link_asks_for_it_again(screen: Screen) -> None:
    screen.open()
    before = screen.answered()
    upload(screen, "mine.png", png())
    screen.page.wait_for_url("**picture=own**")
    assert screen.answered() != before
    screen.page.reload()
    screen.answered()
    assert "Upload yours" in screen.page.locator('[data-testid="stSidebar"]').inner_text()


def test_a_picture_that_replaces_another_stands_in_the_link_and_a_refused_one_does_not(screen: Screen) -> None:
    screen.open()
    screen.answered()
    upload(screen, "mine.png", png())
    screen.page.wait_for_url("**picture=own**")
    first = screen.answered()
    upload(screen, "other.png", png(seed=1))
    screen.page.wait_for_selector(f'.lens:not([data-ready="{first}"])')
    second = screen.answered()
    assert "picture=own" in screen.page.url
    upload(screen, "drawing.png", b"<svg/>")
    screen.page.wait_for_selector("[class*=st-key-notice-]")
    assert screen.answered() == second
    assert "picture=own" in screen.page.url


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        ("half.png", png()[:400]),
        ("empty.jpg", b""),
    ],
    ids=["svg", "truncated", "empty"],
)
def test_a_file_that_is_no_picture_is_refused_and_changes_nothing(screen: Screen, name: str, data: bytes) -> None:
    screen.open()
    before, headline = screen.answered(), screen.headline
    upload(screen, name, data)
    screen.page.wait_for_selector("[class*=st-key-notice-]")
    assert screen.answered() == before
    assert screen.headline == headline
    assert "picture=" not in screen.page.url


def test_a_name_with_markup_is_shown_as_text(screen: Screen) -> None:
    screen.open()
    screen.answered()
    upload(screen, "<img src=x onerror=alert(1)> **bold**.png", png()[:300])
    screen.page.wait_for_selector("[class*=st-key-notice-]")
    assert screen.page.locator("img[src=x]").count() == 0


def test_long_work_shows_progress_and_stops_when_asked(screen: Screen) -> None:
    screen.open("?method=Occlusion&occlusion-window=3&occlusion-stride=1", settled=False)
    stop = screen.page.locator(".st-key-stop button")
    stop.wait_for()
    text = screen.page.locator(".st-key-progress")
    screen.page.wait_for_function(
        "() => /step \\d+ of \\d+/.test(document.querySelector('.st-key-progress')?.innerText ?? '')"
    )
    assert "Computing Occlusion" in text.inner_text()
    screen.page.get_by_text("So far").wait_for()
    sources = screen.page.evaluate("() => [...document.images].map(image => image.src)")
    assert any(source.startswith("data:image/jpeg") for source in sources)
    assert not any("/media/" in source for source in sources), "a file would be gone before the browser asks for it"
    stop.click()
    screen.page.wait_for_selector(".st-key-again", timeout=5000)
    assert screen.headline == "Stopped"


def test_moving_on_cancels_the_work_under_way(screen: Screen) -> None:
    screen.open("?method=Occlusion&occlusion-window=3&occlusion-stride=1", settled=False)
    screen.page.locator(".st-key-stop button").wait_for()
    method(screen, "Grad-CAM")
    screen.page.wait_for_selector(".lens[data-ready]", timeout=8000)
    screen.answered()
    assert "method=" not in screen.page.url


def test_back_and_forward_go_through_what_was_shown(screen: Screen) -> None:
    screen.open()
    first = screen.answered()
    screen.page.locator(".st-key-samples [role=radio]").nth(1).click()
    screen.page.wait_for_url("**sample=**")
    second = screen.answered()
    screen.page.go_back()
    screen.page.wait_for_selector(f'.lens[data-ready="{first}"]')
    screen.page.go_forward()
    screen.page.wait_for_selector(f'.lens[data-ready="{second}"]')
    assert first != second and "sample=" in screen.page.url


def test_a_network_without_weights_asks_before_it_downloads(screen: Screen) -> None:
    screen.open("?model=resnet50")
    assert screen.headline == "ResNet-50" or "ResNet" in screen.headline
    assert re.search(r"needs a download of \d+ MB", screen.page.locator(".st-key-headline").inner_text())
    screen.page.locator(".st-key-download button").wait_for()


def test_what_is_exported_repeats_the_answer(screen: Screen) -> None:
    screen.open()
    screen.answered()
    kinds = {}
    screen.page.locator(".st-key-export button").first.click()
    for kind in ("png", "npy", "json"):
        with screen.page.expect_download() as caught:
            screen.page.locator(f".st-key-export-{kind} button").click()
        kinds[kind] = caught.value.path().read_bytes()
    assert Image.open(io.BytesIO(kinds["png"])).format == "PNG"
    values = np.load(io.BytesIO(kinds["npy"]))
    assert values.ndim == 2 and values.max() > 0
    record = json.loads(kinds["json"])
    assert record["method"]["name"] == "GradCAM"
    assert re.fullmatch(r"[0-9a-f]{64}", record["picture"]["sha256"])
    assert f"explain.{record['target']['kind']}({record['target']['index']})" in record["python"]
