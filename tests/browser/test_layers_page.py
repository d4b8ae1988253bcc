"""The sheet of feature maps in a real browser: hover, click, keys, pages, links, and what it takes to send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from browser.test_access import WINDOWS, violations
from dashboard.views.layers import SECTIONS

if TYPE_CHECKING:
    from browser.conftest import Screen


def opened(screen: Screen, query: str = "") -> str:
    screen.open(f"layers{query}")
    return stands(screen)


def stands(screen: Screen) -> str:
    screen.page.wait_for_selector(".st-key-maps .maps[data-ready]")
    screen.page.wait_for_selector(".lens[data-ready]")
    screen.settle()
    return str(screen.page.locator(".st-key-maps .maps").get_attribute("data-ready"))


def readout(screen: Screen) -> str:
    return screen.page.locator(".st-key-maps [data-part=readout]").inner_text()


def channel(screen: Screen) -> str:
    return screen.page.locator("h3", has_text="Channel ").inner_text()


def test_hovering_a_map_tells_its_values_without_asking_the_server(screen: Screen) -> None:
    opened(screen, "?layer=layer2&order=index")
    sheet = screen.page.locator(".st-key-maps canvas")
    before = sheet.evaluate("canvas => canvas.toDataURL()")
    sheet.hover(position={"x": 20, "y": 20})
    told = r"channel 0 · row \d+, column \d+: [\d.]+ · maximum [\d.]+, mean [\d.]+, adds [+\u2212][\d.·⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+"
    assert re.fullmatch(told, readout(screen))
    assert sheet.evaluate("canvas => canvas.toDataURL()") != before
    assert screen.page.locator("[data-testid=stApp]").get_attribute("data-test-script-state") == "notRunning"


def test_a_click_opens_the_channel_over_the_picture_and_the_link_brings_it_back(screen: Screen) -> None:
    first = opened(screen, "?layer=layer2&order=index&channel=5")
    screen.page.locator(".st-key-maps canvas").click(position={"x": 20, "y": 20})
    screen.page.wait_for_url("**channel=0**")
    screen.page.wait_for_selector(f'.st-key-maps .maps:not([data-ready="{first}"])')
    stands(screen)
    assert channel(screen) == "Channel 0"
    screen.page.reload()
    stands(screen)
    assert channel(screen) == "Channel 0" and "layer=layer2" in screen.page.url
    screen.page.go_back()


def test_the_arrow_keys_move_and_enter_picks(screen: Screen) -> None:
    opened(screen, "?layer=layer2&order=index&channel=3")
    sheet = screen.page.locator(".st-key-maps canvas")
    sheet.focus()
    sheet.press("ArrowRight")
    assert readout(screen).startswith("channel 3 ·")
    sheet.press("ArrowRight")
    assert readout(screen).startswith("channel 4 ·")
    sheet.press("Enter")
    screen.page.wait_for_url("**channel=4**")
    stands(screen)
    assert channel(screen) == "Channel 4"


def test_pages_of_64_channels_are_turned_and_stand_in_the_link(screen: Screen) -> None:
    first = opened(screen, "?layer=layer3&order=index&channel=1")
    screen.page.locator(".st-key-maps-page").get_by_role("button", name="Page 3").click()
    screen.page.wait_for_url("**maps-page=3**")
    screen.page.wait_for_selector(f'.st-key-maps .maps:not([data-ready="{first}"])')
    stands(screen)
    screen.page.locator(".st-key-maps canvas").hover(position={"x": 20, "y": 20})
    assert readout(screen).startswith("channel 128 ·")
    assert screen.page.get_by_text("64 of 256 channels, 8 x 8 each").is_visible()


def test_a_click_on_the_large_map_picks_the_unit_there(screen: Screen) -> None:
    opened(screen, "?layer=layer3&channel=1")
    stage = screen.page.locator(".lens canvas").first
    shape = stage.bounding_box()
    assert shape is not None
    stage.click(position={"x": shape["width"] * 0.9, "y": shape["height"] * 0.9})
    screen.page.wait_for_url("**unit=7-7**")


def test_the_sections_stand_in_the_link(screen: Screen) -> None:
    opened(screen)
    screen.page.get_by_role("radio", name="Filters").click()
    screen.page.wait_for_url("**section=filters**")
    screen.page.wait_for_selector(".st-key-slices .maps[data-ready]")
    screen.page.reload()
    screen.page.wait_for_selector(".st-key-slices .maps[data-ready]")
    assert screen.page.get_by_role("radio", name="Filters").get_attribute("aria-checked") == "true"
    assert screen.page.locator(".st-key-maps .maps").count() == 0


def test_the_values_of_the_last_layer_are_drawn(screen: Screen) -> None:
    screen.open("layers?layer=fc&section=maps")
    options = screen.page.locator(".st-key-values [role=radio]")
    options.first.wait_for()
    assert options.count() == 20
    assert options.first.inner_text().startswith("value 12 (tabby)")


def test_layer_channel_and_unit_are_still_there_after_another_page_and_back_is_one_step(screen: Screen) -> None:
    opened(screen, "?layer=layer2&order=index&channel=5&unit=3-3&section=maps")
    strip = screen.page.locator("[role=treeitem][aria-label^='layer1 ·']")
    strip.click(position={"x": 60, "y": 40})
    screen.page.wait_for_url("**layer=layer1**")
    stands(screen)
    assert "channel=5" not in screen.page.url
    screen.page.go_back()
    screen.page.wait_for_url("**layer=layer2**")
    stands(screen)
    assert "channel=5&unit=3-3" in screen.page.url and channel(screen) == "Channel 5"
    screen.page.get_by_role("link", name="Explain").click()
    screen.answered()
    assert "layer=" not in screen.page.url
    screen.page.get_by_role("link", name="Layers").click()
    screen.page.wait_for_url("**layer=layer2**")
    stands(screen)
    assert "channel=5" in screen.page.url and "unit=3-3" in screen.page.url and channel(screen) == "Channel 5"
    screen.page.go_back()
    screen.answered()
    assert "/layers" not in screen.page.url


@pytest.mark.parametrize("screen", WINDOWS[2:3], indirect=True)
def test_on_a_narrow_page_a_picked_channel_comes_into_view(screen: Screen) -> None:
    first = opened(screen, "?layer=layer2&order=index&channel=5")
    screen.page.locator(".st-key-maps canvas").click(position={"x": 20, "y": 20})
    screen.page.wait_for_selector(f'.st-key-maps .maps:not([data-ready="{first}"])')
    stands(screen)
    screen.page.wait_for_timeout(800)
    shape = screen.page.locator("h3", has_text="Channel 0").bounding_box()
    assert shape is not None and 0 <= shape["y"] < 844


def test_a_stopped_visualisation_stays_as_far_as_it_came(screen: Screen) -> None:
    screen.open("layers?section=visualise&layer=layer2&channel=5&activation-maximisation-steps=500", settled=False)
    screen.page.wait_for_function(
        "() => /step \\d+ of 500/.test(document.querySelector('.st-key-progress')?.innerText ?? '')"
    )
    screen.page.locator(".stImage img").first.wait_for()
    screen.page.locator(".st-key-stop button").first.click()
    screen.page.get_by_text(re.compile(r"Stopped after \d+ of 500 steps")).wait_for()
    assert screen.page.get_by_role("radio", name="a class").is_visible()
    assert screen.page.locator(".stImage img").count() == 1


def test_the_picture_and_the_network_go_along_to_the_layers_and_back(screen: Screen) -> None:
    screen.open("?sample=coffee&model=everyday_vgg")
    screen.answered()
    screen.page.get_by_role("link", name="Layers").click()
    screen.page.wait_for_url("**/layers**")
    stands(screen)
    assert "sample=coffee" in screen.page.url and "model=everyday_vgg" in screen.page.url


@pytest.mark.parametrize("screen", WINDOWS, indirect=True)
def test_the_maps_have_no_axe_violation(screen: Screen) -> None:
    opened(screen, "?layer=layer2.0.conv1")
    assert violations(screen) == []


@pytest.mark.parametrize("section", [name for name in SECTIONS if name not in ("maps", "visualise")])
@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
def test_no_section_has_an_axe_violation(screen: Screen, section: str) -> None:
    screen.open(f"layers?layer=layer2.0.conv1&section={section}")
    screen.page.wait_for_selector(".network[data-ready]")
    screen.settle()
    assert violations(screen) == []
