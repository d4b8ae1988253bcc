"""Parts of a layer are painted, numbered and put into words."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dashboard import concepts as page
from explain import pictures
from explain.results import Concepts
from explain.whereabouts import whereabouts

LEFT, RIGHT = np.s_[:, :8], np.s_[:, 8:]


def two(shares: tuple[float, float] = (3.0, -1.0)) -> Concepts:
    """The first part fills the left half at full strength, the second the right half at half."""
    maps = np.zeros((2, 16, 16), np.float32)
    maps[0][LEFT], maps[1][RIGHT] = 2, 1
    return Concepts(maps=maps, grids=maps[:, ::4, ::4], shares=np.array(shares, np.float32), layer="any", error=0.25)


def test_each_pixel_has_the_colour_of_its_strongest_part() -> None:
    painted = pictures.painted_parts(np.zeros((16, 16, 3), np.uint8), two(), strength=1)
    assert tuple(painted[3, 2]) == pictures.PARTS[0]
    weaker = 0.5**pictures.GAMMA
    np.testing.assert_allclose(painted[3, 13], np.array(pictures.PARTS[1]) * weaker, atol=1)


def test_a_part_alone_is_painted_by_its_own_largest_value_and_nothing_else_is() -> None:
    ground = np.full((16, 16, 3), 100, np.uint8)
    painted = pictures.painted_parts(ground, two(), only=1, strength=1)
    assert tuple(painted[3, 13]) == pictures.PARTS[1]
    assert (painted[LEFT] == 100).all()


def test_where_no_part_is_the_picture_stays_and_counts_for_none() -> None:
    nothing = Concepts(maps=np.zeros((2, 4, 4), np.float32), grids=np.zeros((2, 1, 1), np.float32),
                       shares=np.zeros(2, np.float32), layer="any", error=0.0)
    ground = np.full((4, 4, 3), 90, np.uint8)
    assert (pictures.painted_parts(ground, nothing) == 90).all()
    assert (pictures.regions(nothing) == -1).all() and not pictures.anchors(nothing)
    assert page.places(nothing) == ["nowhere the strongest", "nowhere the strongest"]
    assert page.adds(nothing, False) == ["adds next to nothing"] * 2


def test_numbers_stand_where_their_part_is_strongest() -> None:
    anchors = pictures.anchors(two())
    assert anchors[0][1] < 0.5 < anchors[1][1]
    plain, numbered = pictures.painted_parts(Image.new("RGB", (96, 96)), two()), pictures.numbered_parts(
        Image.new("RGB", (96, 96)), two()
    )
    assert plain.shape == numbered.shape and (plain != numbered).any()


def test_all_colours_of_parts_differ_and_their_numbers_can_be_read() -> None:
    assert len(set(pictures.PARTS)) == len(pictures.PARTS) == 10
    for colour in pictures.PARTS:
        channels = [(c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in colour]
        light = float(np.dot(channels, (0.2126, 0.7152, 0.0722)))
        contrast = (light + 0.05) / 0.05 if pictures.ink(colour) == "black" else 1.05 / (light + 0.05)
        assert contrast >= 4.5


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        (np.s_[:3, :3], "upper left"),
        (np.s_[12:, 12:], "lower right"),
        (np.s_[6:10, 6:10], "centre"),
        (np.s_[:3, 6:10], "top centre"),
        (np.s_[6:10, :3], "middle left"),
        (np.s_[:4, :], "across the top"),
        (np.s_[:, 12:], "down the right"),
        (np.s_[:, :12], "most of the picture"),
        (np.s_[:0, :], "nowhere"),
        (np.s_[::15, :], "around the edges"),
    ],
)
def test_places_are_said_in_words(marked: object, words: str) -> None:
    area = np.zeros((16, 16), bool)
    area[marked] = True
    assert whereabouts(area) == words


def test_what_a_part_adds_is_said_in_the_units_of_the_question() -> None:
    assert page.adds(two(), False) == ["adds 3.0\N{NO-BREAK SPACE}points", "takes away 1.0\N{NO-BREAK SPACE}points"]
    assert page.adds(two((0.25, -0.0001)), True) == [
        "adds 25.0\N{NO-BREAK SPACE}points of 100",
        "adds next to nothing",
    ]


def test_the_page_gets_a_row_for_each_part_with_its_bar_from_zero() -> None:
    data = page.pack(two(), Image.new("RGB", (64, 64)), "alt", "caption", False)
    first, second = data["parts"]
    assert (first["share"], second["share"], data["zero"]) == (1, -1, 0.25)
    assert first["where"].startswith("down the left") and first["alone"].startswith("data:image/webp")
    assert second["adds"].startswith("Takes away")
