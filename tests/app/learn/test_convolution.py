"""The convolution demonstration without a browser: each control moves the number that it must move."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.learn import convolution, lesson_convolution
from dashboard.learn import convolution_layer as layers
from explain.teaching import kernels as known

Open = Callable[..., AppTest]


@pytest.fixture
def opened(open_view: Open) -> Callable[..., AppTest]:
    """Open the demonstration; names stand in the address behind its own."""

    def opening(**query: str) -> AppTest:
        return partial(open_view, "learn")(demo="convolution", **{f"convolution-{n}": v for n, v in query.items()})

    return opening


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown)


def notices(app: AppTest) -> list[str]:
    return [str(text.value) for text in app.text]


def drawn(app: AppTest) -> tuple[dict[str, object], np.ndarray]:
    """Return the header that the browser gets, and the output."""
    (element,) = [e for e in app.main if "kernel-on-its-way" in str(e.key)]
    data = element.proto.bytes
    size = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + size])
    output = np.frombuffer(data[-4 * header["rows"] * header["columns"] :], "<f4")
    return header, output.reshape(header["rows"], header["columns"])


@pytest.mark.parametrize(
    ("asked", "formula"),
    [
        ({}, "⌊(32 + 0 \N{MINUS SIGN} 3) / 1⌋ + 1 = **30** rows"),
        ({"stride": "3"}, "⌊(32 + 0 \N{MINUS SIGN} 3) / 3⌋ + 1 = **10** rows"),
        ({"padding": "same"}, "⌊(32 + 2 \N{MINUS SIGN} 3) / 1⌋ + 1 = **32** rows"),
        ({"padding": "number", "pad": "4"}, "⌊(32 + 8 \N{MINUS SIGN} 3) / 1⌋ + 1 = **38** rows"),
        ({"dilation": "4"}, "⌊(32 + 0 \N{MINUS SIGN} 9) / 1⌋ + 1 = **24** rows"),
        ({"size": "7"}, "⌊(32 + 0 \N{MINUS SIGN} 7) / 1⌋ + 1 = **26** rows"),
        ({"kind": "pointwise"}, "⌊(32 + 0 \N{MINUS SIGN} 1) / 1⌋ + 1 = **32** rows"),
    ],
)
def test_the_formula_holds_the_numbers_of_the_controls(opened: Open, asked: dict[str, str], formula: str) -> None:
    app = opened(**asked)
    assert not app.exception and not notices(app)
    assert formula in texts(app)


def test_the_stride_moves_the_size_of_the_output(opened: Open) -> None:
    app = opened()
    app.slider(key="convolution-stride").set_value(2).run()
    assert "= **15** rows" in texts(app)


def test_channels_and_filters_move_the_parameters(opened: Open) -> None:
    app = opened()
    assert "| Convolution | 36,928 | 33,177,600 |" in texts(app)
    assert "| Depthwise separable | 4,800 | 4,204,800 |" in texts(app)
    assert "| Fully connected | 3,774,931,200 | 3,774,873,600 |" in texts(app)
    app.slider(key="convolution-channels").set_value(1).run()
    assert "| Convolution | 640 | 518,400 |" in texts(app)
    app.slider(key="convolution-filters").set_value(2).run()
    assert "| Convolution | 20 | 16,200 |" in texts(app)


@pytest.mark.parametrize("picture", ["chelsea", "temple", "bus", "teapot"])
def test_another_picture_gives_another_output(picture: str) -> None:
    others = [
        layers.slide(name, known.blur()).output for name in ("chelsea", "temple", "bus", "teapot") if name != picture
    ]
    shown = layers.slide(picture, known.blur()).output
    assert all(np.abs(shown - other).max() > 0.1 for other in others)


def test_own_numbers_are_read_from_the_link(opened: Open) -> None:
    app = opened(kernel="own", own="0,0,0,0,2,0,0,0,0", padding="same")
    assert not app.exception and not notices(app)
    assert "Type numbers into the kernel" in texts(app)


@pytest.mark.parametrize(
    "own", ["1,2,3", "a,b,c,d,e,f,g,h,i", "1,1,1,1,1,1,1,1,1e9", "nan,0,0,0,0,0,0,0,0", "1," * 400]
)
def test_wrong_numbers_get_a_notice(opened: Open, own: str) -> None:
    app = opened(kernel="own", own=own)
    assert not app.exception
    assert len(notices(app)) == 1 and "This link asks for the kernel" in notices(app)[0]


@pytest.mark.parametrize(
    "asked",
    [
        {"kernel": "magic"},
        {"kind": "4 x 4"},
        {"stride": "0"},
        {"padding": "lots"},
        {"place": "here"},
        {"picture": "../x"},
    ],
)
def test_what_is_not_there_gives_the_default_and_a_notice(opened: Open, asked: dict[str, str]) -> None:
    app = opened(**asked)
    assert not app.exception
    assert len(notices(app)) == 1
    assert "= **30** rows" in texts(app)


def test_a_place_that_this_output_does_not_have_falls_back_to_the_middle(opened: Open) -> None:
    assert drawn(opened(place="7-29"))[0]["at"] == [7, 29]
    assert drawn(opened(place="7-29", stride="2"))[0]["at"] == [7, 7]


def test_a_separable_convolution_with_weights_of_one_is_the_ordinary_one() -> None:
    for number in (0, 28, 63):
        kernel = known.trained()[number]
        usual = layers.slide("bus", kernel, padding="same", stride=2)
        apart = layers.slide("bus", kernel, mix=np.ones(3, np.float32), padding="same", stride=2)
        np.testing.assert_allclose(usual.output, apart.output, atol=1e-5)


def test_what_stays_a_picture_is_shown_as_one_and_the_rest_in_two_colours() -> None:
    assert not layers.slide("bus", known.emboss()).signed
    assert layers.slide("bus", known.upright_edges()).signed
    assert layers.painted(layers.slide("bus", known.blur())).ndim == 2
    assert layers.painted(layers.slide("bus", known.all_edges())).shape[2] == 3


def test_it_offers_the_picture_and_the_output_as_png(opened: Open) -> None:
    app = opened()
    app.session_state["convolution-take-along"] = True
    offered = [button.proto.label for button in app.run().get("download_button")]
    assert offered == ["Picture (PNG)", "Output (PNG)"]


def test_it_links_into_the_layers_page_with_the_layer_set(opened: Open) -> None:
    urls = [link.proto.url for link in opened().get("link_button")]
    assert "layers?layer=conv1&section=filters" in urls


def test_the_own_kernel_that_the_page_asks_for_shifts_the_picture(opened: Open) -> None:
    assert "Set the middle to 0 and put a 1 beside it" in texts(opened(kernel="own"))
    assert "set the middle to 0 and put a 1 beside it" in lesson_convolution.LESSON.steps[1].task
    kernel = np.array(convolution.OWN, np.float32).reshape(3, 3)
    kernel[1, 1], kernel[1, 2] = 0, 1
    shown = layers.slide("bus", kernel)
    np.testing.assert_allclose(shown.output, shown.picture[0, 1:-1, 2:])


def test_what_one_by_one_asks_is_said_only_for_its_first_weights(opened: Open) -> None:
    first, other = texts(opened(kind="pointwise")), texts(opened(kind="pointwise", red="-1.0", blue="0.3"))
    assert "here +1 for red, \N{MINUS SIGN}0.5 for green, \N{MINUS SIGN}0.5 for blue." in first
    assert "how red is it here?" in first
    assert "here \N{MINUS SIGN}1 for red, \N{MINUS SIGN}0.5 for green, +0.3 for blue." in other
    assert "how red" not in other


@pytest.mark.parametrize(
    ("asked", "saves"),
    [
        ({}, True),
        ({"filters": "2"}, True),
        ({"channels": "1", "filters": "2"}, True),
        ({"filters": "1"}, False),
        ({"kind": "pointwise"}, False),
    ],
)
def test_the_separable_layer_is_said_to_save_only_where_it_does(
    opened: Open, asked: dict[str, str], saves: bool
) -> None:
    said = texts(opened(**asked))
    costs = {name: int(cost.replace(",", "")) for name, cost in re.findall(r"\| ([A-Z][a-z ]+) \| ([\d,]+) \|", said)}
    assert (costs["Depthwise separable"] < costs["Convolution"]) == saves
    assert ("gets by with" in said) == saves
    assert ("times as many too: it saves only" in said) == (not saves)


def test_padding_is_the_same_on_both_sides_and_stands_in_the_title(opened: Open) -> None:
    titles = {
        padding: str(drawn(opened(padding=padding, size="5", dilation="3"))[0]["pictureTitle"])
        for padding in ("valid", "same", "number")
    }
    assert titles["same"].endswith("pixels, 6 of padding on each side")
    assert titles["number"].endswith("pixels, 2 of padding on each side")
    assert titles["valid"].endswith("pixels")
