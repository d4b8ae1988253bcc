"""The pooling demonstration without a browser: each control moves the number that it must move."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.learn import pooling, real, sheets
from dashboard.learn.sheets import Sheet
from dashboard.words import percent
from drawn_sheets import drawn
from explain.teaching.pooling import change, pool, pool_all

Open = Callable[..., AppTest]


@pytest.fixture
def opened(open_view: Open) -> Open:
    """Open the demonstration; names stand in the address behind its own."""

    def opening(hide: str = "", **query: str) -> AppTest:
        asked = {f"pooling-{name}": value for name, value in query.items()} | ({"hide": hide} if hide else {})
        return partial(open_view, "learn")(demo="pooling", **asked)

    return opening


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown)


def test_the_sheets_hold_a_real_map_and_what_pooling_makes_of_it(opened: Open) -> None:
    app = opened()
    assert not app.exception
    header, (before, after) = drawn(app, "pooling-sheets")
    maps = np.maximum(real.first_maps(real.PLAIN, "chelsea")[pooling.CHANNEL], 0)
    np.testing.assert_array_equal(before, maps)
    np.testing.assert_array_equal(after, pool(maps, 2, 2, "max"))
    assert header["window"] == {"side": 2, "stride": 2, "way": "max"}
    assert divmod(int(after.argmax()), 32) == (header["at"]["row"], header["at"]["column"])


@pytest.mark.parametrize(
    ("asked", "formula", "numbers"),
    [
        ({}, "2) / 2⌋ + 1 = **32**", "**1,024**"),
        ({"window": "4", "stride": "4"}, "4) / 4⌋ + 1 = **16**", "**256**"),
        ({"window": "3", "stride": "1"}, "3) / 1⌋ + 1 = **62**", "**3,844**"),
        ({"way": "global-average"}, "64) / 1⌋ + 1 = **1**", "**1**"),
    ],
)
def test_the_size_follows_window_and_stride(opened: Open, asked: dict[str, str], formula: str, numbers: str) -> None:
    said = texts(opened(**asked))
    assert formula in said
    assert f"became {numbers}" in said


def test_average_pooling_gives_other_numbers_than_max(opened: Open) -> None:
    (_, largest), (_, mean) = (drawn(opened(way=way), "pooling-sheets")[1] for way in ("max", "average"))
    assert (largest >= mean).all() and largest.sum() > 1.2 * mean.sum()


def test_the_picture_itself_can_be_pooled(opened: Open) -> None:
    app = opened(source="picture")
    _, (before, _) = drawn(app, "pooling-sheets")
    np.testing.assert_allclose(before, real.pixels(real.PLAIN, "chelsea").mean(0))
    assert [slider.label for slider in app.slider] == ["Window", "Stride", "Shift in pixels"]


def test_the_table_holds_what_was_measured_of_the_shift(opened: Open) -> None:
    app = opened(shift="3", window="4", stride="4")
    before, after = (np.maximum(real.first_maps(real.PLAIN, "chelsea", shift), 0) for shift in (0, 3))
    found = change(pool(before, 4, 4, "max"), pool(after, 4, 4, "max"))
    (table,) = [str(each.proto.body) for each in app.get("html") if "what changes" in str(each.proto.body)]
    assert f"{100 * found.changed:.0f}\N{NO-BREAK SPACE}%" in table
    assert f"{100 * found.distance:.0f}\N{NO-BREAK SPACE}%" in table
    assert "Moved by 3 pixels" in table


def test_the_larger_the_window_the_less_a_shift_is_seen() -> None:
    before, after = (np.maximum(real.first_maps(real.PLAIN, "chelsea", shift), 0) for shift in (0, 1))
    every, small, large = (
        change(pool(before, side, side, "max"), pool(after, side, side, "max")).distance for side in (1, 2, 8)
    )
    assert every > small > 2 * large
    assert change(before.mean((1, 2)), after.mean((1, 2))).distance < 0.1 * large


def test_without_a_shift_nothing_has_moved(opened: Open) -> None:
    app = opened(shift="0")
    assert "Nothing has moved yet" in texts(app)
    _, (_, _, difference) = drawn(app, "pooling-shifted")
    assert not difference.any()


def test_not_pooled_shows_the_map_itself(opened: Open) -> None:
    assert drawn(opened(), "pooling-shifted")[1][0].shape == (32, 32)
    assert drawn(opened(compare="unpooled"), "pooling-shifted")[1][0].shape == (64, 64)


def test_hidden_controls_hold_the_value_of_the_address(opened: Open) -> None:
    app = opened(hide="window,stride,channel,way", window="4", stride="2", way="average", channel="3")
    assert [slider.label for slider in app.slider] == ["Shift in pixels"]
    header, (before, _) = drawn(app, "pooling-sheets")
    assert header["window"] == {"side": 4, "stride": 2, "way": "average"}
    np.testing.assert_array_equal(before, np.maximum(real.first_maps(real.PLAIN, "chelsea")[3], 0))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"window": "99"}, "99"),
        ({"way": "median"}, "median"),
        ({"sample": "nobody"}, "nobody"),
        ({"place": "here"}, "here"),
    ],
)
def test_a_wrong_link_gets_a_notice(opened: Open, asked: dict[str, str], said: str) -> None:
    app = opened(**asked)
    assert not app.exception
    assert any(said in str(text.value) for text in app.text)


def test_the_place_of_a_link_is_the_cursors_and_one_beyond_the_grid_is_left_out(opened: Open) -> None:
    assert drawn(opened(place="3-5"), "pooling-sheets")[0]["at"] == {"row": 3, "column": 5}
    assert drawn(opened(place="40-5"), "pooling-sheets")[0]["at"]["row"] < 32


def test_the_picture_to_take_along_shows_both_grids() -> None:
    values = np.arange(16.0).reshape(4, 4)
    made = sheets.png([Sheet("a", "a", values, "a"), Sheet("b", "b", pool(values, 2, 2, "max"), "b")])
    image = Image.open(io.BytesIO(made))
    assert image.size == (2 * 4 * sheets.PIXEL + sheets.GAP, 4 * sheets.PIXEL)
    assert image.getpixel((0, 0)) != image.getpixel((4 * sheets.PIXEL - 1, 4 * sheets.PIXEL - 1))


def distances(source: str, sample: str, shift: int) -> list[float]:
    before, after = (pooling._maps(source, sample, each) for each in (0, shift))
    return [
        change(pool(before, side, side, "max"), pool(after, side, side, "max")).distance for side in pooling.COMPARED
    ]


@pytest.mark.parametrize(
    ("source", "sample", "shift"),
    [("picture", "temple", 1), ("picture", "rocket", 4), ("map", "rocket", 4), ("map", "chelsea", 1)],
)
def test_a_larger_window_is_said_to_see_less_only_where_it_does(
    opened: Open, source: str, sample: str, shift: int
) -> None:
    said = texts(opened(source=source, sample=sample, shift=str(shift)))
    found = distances(source, sample, shift)
    assert ("here, the larger the window, the less the shift is seen" in said) == (found[0] > found[1] > found[2])
    assert ("mostly a larger window sees less of a shift, but not here" in said) != (found[0] > found[1] > found[2])
    for side, distance in zip(pooling.COMPARED, found, strict=True):
        assert f"{percent(distance)} by windows of {side}" in said


def test_pooling_that_does_not_help_is_not_called_invariance(opened: Open) -> None:
    said = texts(opened(sample="rocket", shift="4"))
    assert "**57\N{NO-BREAK SPACE}%**, no less: pooling did not help here." in said
    (sentence,) = re.findall(r"The global averages lie [^\n]*?translation invariance|translation invariance", said)
    assert sentence.startswith("The global averages lie **1.6")


def test_the_global_average_comes_close_to_invariance_on_every_picture_and_shift() -> None:
    for source in pooling.SOURCES:
        for sample in real.PICTURES:
            for shift in range(1, pooling.MOST_SHIFTED + 1):
                before, after = (pooling._maps(source, sample, each) for each in (0, shift))
                overall = change(pool_all(before, "average"), pool_all(after, "average")).distance
                assert overall < pooling.HARDLY * change(before, after).distance
