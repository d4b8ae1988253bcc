"""The Layers page without a browser: what it opens on, its links, its sections, what a link may not ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.views.layers import SECTIONS

Open = Callable[..., AppTest]


@pytest.fixture
def open_page(open_view: Open) -> Open:
    """Open the Layers page with values in its address and run it once."""
    return partial(open_view, "layers")


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown)


def notices(app: AppTest) -> list[str]:
    return [str(text.value) for text in app.text]


def test_it_opens_on_the_maps_of_the_last_block_of_the_first_network(open_page: Open) -> None:
    app = open_page()
    assert not app.exception
    assert "**layer3** (Sequential) gives **256** channels of **8 x 8**" in texts(app)
    assert next(iter(app.subheader)).value.startswith("Channel ")


def test_a_link_names_layer_channel_order_and_page(open_page: Open) -> None:
    app = open_page(layer="layer2.0.conv1", channel="17", order="index", maps_page="2")
    assert not app.exception and not notices(app)
    assert app.subheader[0].value == "Channel 17"
    assert r"**layer2\.0\.conv1** (Conv2d) gives **128** channels of **16 x 16**" in texts(app)
    assert app.selectbox(key="order").value == "index"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"layer": "layer9"}, "This link asks for the layer “layer9”"),
        ({"channel": "1000000000"}, "This link asks for the channel “1000000000”"),
        ({"channel": "NaN"}, "This link asks for the channel “NaN”"),
        ({"unit": "8-0"}, "This link asks for the unit “8-0”"),
        ({"unit": "x" * 100_000}, "This link asks for the unit “xxx"),
        ({"section": "secrets"}, "This link asks for the section “secrets”"),
        ({"order": "taste"}, "This link asks for the order “taste”"),
        ({"maps_page": "99"}, "This link asks for the page “99”"),
    ],
)
def test_what_is_not_there_gives_the_default_and_a_notice(open_page: Open, query: dict[str, str], said: str) -> None:
    app = open_page(**query)
    assert not app.exception
    assert any(text.startswith(said) for text in notices(app)), notices(app)
    assert "**layer3**" in texts(app)


def test_another_layer_begins_with_its_own_channel(open_page: Open) -> None:
    app = open_page(layer="conv1", channel="63")
    app.button(key="after-activation").click().run()
    assert "**relu** (ReLU)" in texts(app)
    assert app.subheader[0].value == "Channel 63"


def test_another_network_begins_with_its_own_layer_and_says_nothing(open_page: Open) -> None:
    app = open_page(layer="layer2.0.conv1", channel="17", unit="3-3")
    app.selectbox(key="model").select("everyday_vgg").run()
    assert not app.exception and not notices(app)
    assert r"**features\.23**" in texts(app)
    assert not {"layer", "channel", "unit"} & set(app.query_params)


def test_what_was_stopped_is_not_begun_again_until_something_changes(open_page: Open) -> None:
    app = open_page(section="filters")
    app.session_state["stopped"] = app.session_state["working_on"]
    app.run()
    assert app.button(key="again").label == "Start again"
    assert not app.get("plotly_chart")
    app.query_params["layer"] = "conv1"
    app.run()
    assert app.get("plotly_chart")


def test_a_layer_without_places_is_a_list_of_numbers(open_page: Open) -> None:
    app = open_page(layer="fc")
    assert not app.exception
    assert any("fc has no places" in str(caption.value) for caption in app.caption)
    assert "gives **50** values" in texts(app) and "Each of them can see the whole picture" in texts(app)


def test_a_field_larger_than_the_picture_is_said_to_be_that(open_page: Open) -> None:
    assert "can see **103 x 103** pixels, more than the whole 64 x 64 picture." in texts(open_page())
    assert "can see **23 x 23** pixels of the picture's 64 x 64." in texts(open_page(layer="layer2.0.conv1"))


def test_what_is_picked_stands_in_the_address_by_its_key_and_not_by_its_label(open_page: Open) -> None:
    app = open_page(section="What a unit sees", layer="layer2", order="strongest answer")
    assert not notices(app)
    assert app.query_params["section"] == ["unit"] or app.query_params["section"] == "unit"
    app.segmented_control(key="section").set_value("maps").run()
    assert "section" not in app.query_params and "order" not in app.query_params
    app.selectbox(key="order").select("index").run()
    assert app.query_params["order"] in ("index", ["index"])


def test_a_stopped_visualisation_leaves_its_controls_and_says_what_else_there_is(open_page: Open) -> None:
    app = open_page(section="visualise", activation_maximisation_steps="2")
    app.session_state["stopped"] = app.session_state["working_on"]
    app.run()
    assert not app.exception
    assert app.segmented_control(key="aim").value == "channel"
    assert "Pick another section or layer, change anything in the rail, or begin again." in texts(app)
    assert app.button(key="again").label == "Start again"


@pytest.mark.parametrize(("layer", "picked"), [("fc", r"value 12 \\\(tabby\\\)"), ("avgpool", "channel 12")])
def test_what_moves_the_only_unit_of_its_channel_is_measured_and_said(
    open_page: Open, layer: str, picked: str
) -> None:
    app = open_page(section="unit", layer=layer, channel="12")
    assert not app.exception
    said = texts(app).replace("\N{NO-BREAK SPACE}", " ")
    found = rf"\*\*{picked}\*\* of {layer} can see the whole picture\. \*\*What moves it\*\* on this picture: \d+ %"
    assert re.search(found, said), said


def test_around_an_activation_its_neighbours_are_shown_before_and_after(open_page: Open) -> None:
    app = open_page(section="step", layer="layer2.0.relu", channel="47", unit="5-7")
    tables = "".join(str(html.proto.body) for html in app.get("html"))
    assert "Before: layer2.0.bn1" in tables and "After: layer2.0.relu" in tables
    assert any("just what the network gave" in str(caption.value) for caption in app.caption)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("layer", ["layer3.0.bn1", "flatten"])
def test_every_section_says_something_about_every_kind_of_layer(open_page: Open, section: str, layer: str) -> None:
    app = open_page(section=section, layer=layer)
    assert not app.exception
    assert not [found for found in app.error if "did not foresee" in str(found.value)]
