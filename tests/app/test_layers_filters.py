"""The section of filters and its silencing controls, without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.layers import silence

Open = Callable[..., AppTest]


@pytest.fixture
def opened(open_view: Open) -> Open:
    """Open the section of filters with values in its address and run it once."""

    def opened(**query: str) -> AppTest:
        app = open_view("layers", section="Filters", **query)
        assert not app.exception
        return app

    return opened


def texts(app: AppTest) -> str:
    found = [*app.markdown, *app.text, *app.caption]
    return "\n".join(str(each.value) for each in found).replace("\N{NO-BREAK SPACE}", " ")


def address(app: AppTest, name: str) -> str | None:
    values = app.query_params.get(name)
    return values[0] if isinstance(values, list) else values


def test_a_silenced_channel_is_in_the_address_and_in_a_sentence(opened: Open) -> None:
    app = opened(layer="layer3", channel="12")
    assert "**After**" not in texts(app)
    app.button(key="silence-this").click().run()
    assert address(app, "silent") == "layer3:12"
    assert "Without channel 12, the model" in texts(app)
    again = opened(layer="layer3", silent="layer3:12")
    assert "Without channel 12, the model" in texts(again)
    app.multiselect(key="silenced-layer3").set_value([12, 40]).run()
    assert address(app, "silent") == "layer3:12-40" and "Without these 2 channels" in texts(app)
    app.button(key="silence-none").click().run()
    assert address(app, "silent") is None and "**After**" not in texts(app)


def test_keeping_only_two_channels_is_another_question(opened: Open) -> None:
    app = opened(layer="layer3", silent="layer3:12-40", silencing="Keep only these")
    assert "With these 2 channels alone, the model" in texts(app)


def test_channels_of_another_layer_are_left_alone_and_those_not_there_are_told(opened: Open) -> None:
    app = opened(layer="layer3", silent="conv1:3")
    assert "**After**" not in texts(app) and address(app, "silent") == "conv1:3"
    app = opened(layer="layer3", silent="layer3:3-9999")
    assert "does not have; it has 0 to 255" in texts(app) and address(app, "silent") == "layer3:3"
    assert "is not here" in texts(opened(layer="layer3", silent="<script>"))


def test_channels_of_a_layer_that_no_network_has_are_dropped_with_a_notice(opened: Open) -> None:
    app = opened(layer="layer3", silent="nonsense:4-5")
    assert "“nonsense:4-5”, which is not here" in texts(app)
    assert address(app, "silent") is None


def test_no_more_channels_are_picked_at_once_than_the_address_can_hold(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "MOST_PICKED", 3)
    app = opened(layer="layer3", silent="layer3:1-2-3-4-5", channel="9")
    assert "At most 3 channels can be picked at once; the first 3 are picked here." in texts(app)
    assert "At most 3 of the 256 channels" in texts(app)
    assert address(app, "silent") == "layer3:1-2-3" and "Without these 3 channels" in texts(app)
    assert app.button(key="silence-this").disabled
    assert not app.button(key="silence-none").disabled


def test_the_channels_of_a_wide_layer_are_written_and_not_listed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "MOST_OFFERED", 255)
    app = opened(layer="layer3", silent="layer3:12")
    assert list(app.multiselect(key="silenced-layer3").options) == ["12"]
    app.multiselect(key="silenced-layer3").set_value([12, "40"]).run()
    assert not app.exception
    assert address(app, "silent") == "layer3:12-40" and "Without these 2 channels" in texts(app)
    app.multiselect(key="silenced-layer3").set_value([12, 40, "256", "x"]).run()
    assert not app.exception
    assert address(app, "silent") == "layer3:12-40" and "A channel is a number from 0 to 255." in texts(app)


def test_another_filter_is_another_channel(opened: Open) -> None:
    app = opened(layer="conv1", channel="5")
    assert "Each reads the three colours of the picture" in texts(app)
    app.number_input(key="filter-conv1").set_value(9).run()
    assert address(app, "channel") == "9"
    app.button(key="twin").click().run()
    assert address(app, "channel") not in ("9", None)


def test_a_layer_without_filters_shows_those_of_the_nearest(opened: Open) -> None:
    app = opened(layer="layer3")
    assert "holds no filters of its own" in texts(app)
    assert len(app.radio(key="holder-layer3").options) > 1


@pytest.mark.parametrize("layer", ["fc", "avgpool", "layer1.0.relu_1"])
def test_every_kind_of_layer_has_a_section(opened: Open, layer: str) -> None:
    app = opened(layer=layer, each=layer)
    assert "holds" in texts(app) and re.search("Each (channel|value) by itself at zero", texts(app))
