"""The Layers page without a browser: what it opens on, its links, its sections, what a link may not ask for."""

from __future__ import annotations

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


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("layer", ["layer3.0.bn1", "flatten"])
def test_every_section_says_something_about_every_kind_of_layer(open_page: Open, section: str, layer: str) -> None:
    app = open_page(section=section, layer=layer)
    assert not app.exception
    assert not [found for found in app.error if "did not foresee" in str(found.value)]
