"""The architecture strip in a real browser: unfolding, picking, keys, the table, links, access."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from browser.conftest import Screen

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
WINDOWS = [(1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]


def opened(screen: Screen, query: str = "") -> None:
    screen.open(f"layers{query}")
    screen.page.wait_for_selector(".network[data-ready]")
    screen.settle()


def box(screen: Screen, name: str) -> Locator:
    """Find a box by the beginning of what a screen reader says of it."""
    return screen.page.locator(f'[role=treeitem][aria-label^="{name} ·"]')


def picked(screen: Screen) -> str:
    return str(screen.page.locator("[role=treeitem][aria-selected=true]").get_attribute("title"))


def labels(screen: Screen) -> list[str]:
    return [str(item.get_attribute("title")) for item in screen.page.locator("[role=treeitem]").all()]


def test_the_strip_begins_with_the_stages_and_marks_the_picked_one(screen: Screen) -> None:
    opened(screen)
    assert labels(screen) == ["relu", "layer1", "layer2", "layer3", "fc"]
    assert picked(screen) == "layer3"
    said = box(screen, "layer1").get_attribute("aria-label")
    assert said == (
        "layer1 · Sequential, 14 layers · gives 64 x 32 x 32 · 147,968 weights · 151 M multiply-adds · "
        "sees 19 x 19 pixels"
    )


def triangle(screen: Screen, name: str) -> Locator:
    """Find what unfolds a box."""
    return box(screen, name).locator(".fold")


def test_a_click_picks_a_stage_too(screen: Screen) -> None:
    opened(screen)
    box(screen, "layer2").click()
    assert picked(screen) == "layer2"
    screen.page.wait_for_url("**layer=layer2**")
    assert box(screen, "layer2").get_attribute("aria-expanded") == "false"


def test_triangles_unfold_a_stage_and_a_block_and_a_click_picks_a_layer(screen: Screen) -> None:
    opened(screen)
    before = screen.page.url
    triangle(screen, "layer2").click()
    triangle(screen, "layer2.0").click()
    assert "layer2.0.downsample.0" in labels(screen)
    assert screen.page.url == before
    box(screen, "layer2.0.conv1").click()
    # Marked at once, before the server has answered.
    assert picked(screen) == "layer2.0.conv1"
    screen.page.wait_for_url("**layer=layer2.0.conv1**")
    screen.page.locator(".stMarkdown", has_text="layer2.0.conv1 (Conv2d) gives 128 channels").wait_for()
    triangle(screen, "layer2").click()
    assert box(screen, "layer2").get_attribute("aria-expanded") == "false"
    assert "holds" in str(box(screen, "layer2").get_attribute("class"))


def test_a_link_to_a_layer_unfolds_what_holds_it(screen: Screen) -> None:
    opened(screen, "?layer=layer3.1.bn2")
    assert picked(screen) == "layer3.1.bn2"
    item, view = box(screen, "layer3.1.bn2").bounding_box(), screen.page.locator(".scroll").bounding_box()
    assert item is not None and view is not None
    assert view["x"] <= item["x"] and item["x"] + item["width"] <= view["x"] + view["width"]


def test_the_strip_can_be_used_with_keys_alone(screen: Screen) -> None:
    opened(screen)
    box(screen, "layer3").focus()
    for key in ("ArrowLeft", "+", "ArrowDown", " ", "ArrowDown", "ArrowRight", "ArrowRight"):
        screen.page.keyboard.press(key)
    focused = screen.page.locator("[role=treeitem]:focus")
    assert str(focused.get_attribute("title")).startswith("layer2.")
    name = str(focused.get_attribute("title"))
    screen.page.keyboard.press("Enter")
    screen.page.wait_for_url(f"**layer={name}**")
    screen.settle()
    assert screen.page.locator("[role=treeitem]:focus").get_attribute("title") == name
    assert screen.page.locator("[role=treeitem][tabindex='0']").count() == 1


def pressed(screen: Screen) -> list[str]:
    return screen.page.locator("[data-part=depths] [aria-pressed=true]").all_inner_texts()


def test_a_skip_is_drawn_and_brought_out_with_its_box(screen: Screen) -> None:
    opened(screen, "?layer=layer2.1.add")
    near = screen.page.locator(".sheet path.near")
    # Into the addition: the skip and the last batch norm; out of it: one.
    assert near.count() == 3
    box(screen, "layer2.1.bn1").hover()
    assert near.count() == 2


def test_the_whole_network_can_be_unfolded_and_folded(screen: Screen) -> None:
    opened(screen)
    assert pressed(screen) == ["Stages"]
    screen.page.get_by_role("button", name="Layers", exact=True).click()
    assert len(labels(screen)) == 63 and pressed(screen) == ["Layers"]
    screen.page.get_by_role("button", name="Blocks", exact=True).click()
    assert "layer1.1" in labels(screen) and "layer1.1.conv1" not in labels(screen)
    screen.page.get_by_role("button", name="Stages", exact=True).click()
    assert len(labels(screen)) == 5


def test_the_table_says_the_same_and_picks_too(screen: Screen) -> None:
    opened(screen)
    screen.page.get_by_role("button", name="Table", exact=True).click()
    row = screen.page.get_by_role("row", name="layer2.1 BasicBlock")
    cells = [cell.inner_text() for cell in row.get_by_role("cell").all()]
    assert cells == ["BasicBlock, 7 layers", "128 x 16 x 16", "295,424", "75,497,472", "47 x 47"]
    screen.page.get_by_label("Find").fill("layer1.0.")
    buttons = screen.page.locator(".rows tr:not([hidden]) button").all()
    names = [str(button.get_attribute("title")) for button in buttons]
    assert names and all(name.startswith("layer1.0.") for name in names)
    screen.page.locator('.rows button[title="layer1.0.conv2"]').click()
    screen.page.wait_for_url("**layer=layer1.0.conv2**")
    screen.settle()
    assert screen.page.locator(".rows [aria-current=true]").get_attribute("title") == "layer1.0.conv2"


def test_another_network_brings_its_own_strip(screen: Screen) -> None:
    opened(screen, "?model=everyday_vgg&section=step")
    assert labels(screen)[0] == "features.3"
    assert len(labels(screen)) >= 5


@pytest.mark.parametrize("screen", WINDOWS[1:3], indirect=True)
def test_the_strip_and_its_table_have_no_axe_violation(screen: Screen) -> None:
    opened(screen, "?layer=layer2.0.conv1")
    assert violations(screen) == []
    screen.page.get_by_role("button", name="Table", exact=True).click()
    assert violations(screen) == []


def violations(screen: Screen) -> list[str]:
    """Look at the strip only; the sections below it have tests of their own."""
    found = Axe().run(screen.page, context=".st-key-strip", options=RULES).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("screen", WINDOWS[2:3], indirect=True)
def test_a_narrow_screen_scrolls_the_strip_and_not_the_page(screen: Screen) -> None:
    opened(screen, "?layer=layer2.0.conv1")
    wide = screen.page.evaluate("() => document.querySelector('.stMain').scrollWidth")
    assert wide <= 391
    view = screen.page.locator(".scroll")
    assert view.evaluate("node => node.scrollWidth > node.clientWidth")
