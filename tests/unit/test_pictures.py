"""Results become pictures by pure functions whose pixels are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from explain import pictures
from explain.results import Heatmap
from models.errors import ParameterError
from models.pixels import PixelSpace

FIRST, LAST = (0, 0, 4), (252, 255, 164)
BLUE, WHITE, ORANGE = (8, 48, 107), (247, 247, 247), (127, 48, 4)


def heatmap(values: object, signed: bool = False) -> Heatmap:
    return Heatmap(values=np.array(values, np.float32), signed=signed)


def test_a_map_is_scaled_by_its_largest_absolute_value() -> None:
    assert pictures.scale(np.array([[-4.0, 0, 2]]), True).tolist() == [[-1, 0, 0.5]]
    assert pictures.scale(np.array([[-4.0, 0, 1, 2]]), False).tolist() == [[0, 0, 0.5, 1]]


def test_a_constant_map_and_an_empty_map_do_not_look_alike() -> None:
    constant, empty = pictures.colours(heatmap(np.full((2, 2), 3))), pictures.colours(heatmap(np.zeros((2, 2))))
    assert (constant == LAST).all()
    assert (empty == FIRST).all()
    assert (pictures.scale(np.zeros((2, 2)), True) == 0).all()
    assert (pictures.scale(np.full((2, 2), -3.0), False) == 0).all()


def test_a_signed_map_is_blue_white_and_orange_around_zero() -> None:
    painted = pictures.colours(heatmap([[-2, 0, 2]], signed=True))
    assert [tuple(pixel) for pixel in painted[0].tolist()] == [BLUE, WHITE, ORANGE]
    onesided = pictures.colours(heatmap([[0, 1, 2]], signed=True))
    assert tuple(onesided[0, 0].tolist()) == WHITE


def test_only_colour_maps_that_rise_evenly_are_offered() -> None:
    assert tuple(pictures.colours(heatmap([[0, 1]]), "viridis")[0, 1]) == (253, 231, 37)
    with pytest.raises(ParameterError, match="not 'jet'"):
        pictures.colours(heatmap([[0, 1]]), "jet")


def test_an_overlay_changes_nothing_where_there_is_no_evidence() -> None:
    ground = np.full((4, 4, 3), 100, np.uint8)
    values = np.zeros((4, 4))
    values[1, 2] = 5
    laid = pictures.overlay(ground, heatmap(values), strength=0.5)
    assert tuple(laid[1, 2]) == (176, 178, 132)
    laid[1, 2] = 100
    assert (laid == 100).all()
    assert (pictures.overlay(ground, heatmap(values), strength=0) == 100).all()
    assert (pictures.overlay(ground, heatmap(np.zeros((4, 4))), strength=1) == 100).all()


def test_an_overlay_has_the_size_of_the_picture_below() -> None:
    assert pictures.overlay(Image.new("L", (30, 20)), heatmap([[0, 1], [0, 0]])).shape == (20, 30, 3)


def test_a_spotlight_keeps_the_strongest_and_darkens_the_rest() -> None:
    ground = np.full((1, 3, 3), 200, np.uint8)
    assert pictures.spotlight(ground, heatmap([[0, 1, 2]]), strength=1)[0, :, 0].tolist() == [0, 100, 200]
    assert pictures.spotlight(ground, heatmap([[-2, 1, 2]], signed=True), strength=0.5)[0, :, 0].tolist() == [
        100,
        150,
        200,
    ]


def test_an_outline_runs_round_the_strongest_pixels() -> None:
    values = np.zeros((9, 9))
    values[3:6, 3:6] = 1
    drawn = pictures.outline(np.full((9, 9, 3), 60, np.uint8), heatmap(values), share=9 / 81)[..., 0]
    white = np.zeros((9, 9), bool)
    white[3:6, 3:6] = True
    white[4, 4] = False
    assert ((drawn == 255) == white).all()
    assert drawn[4, 4] == 60
    assert (drawn[2, 3:6] == 0).all()
    assert drawn[0, 0] == 60


def test_an_outline_at_the_edge_of_the_picture_is_closed() -> None:
    values = np.zeros((6, 6))
    values[:3] = 1
    drawn = pictures.outline(np.full((6, 6, 3), 60, np.uint8), heatmap(values), share=0.5)[..., 0]
    assert (drawn[0] == 255).all()
    assert (drawn[2] == 255).all()
    assert drawn[1].tolist() == [255, 60, 60, 60, 60, 255]


def test_a_map_without_evidence_gets_no_outline() -> None:
    ground = np.full((5, 5, 3), 60, np.uint8)
    assert (pictures.outline(ground, heatmap(np.zeros((5, 5)))) == 60).all()


def test_tiles_stand_in_rows_with_gaps() -> None:
    parts = [np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = pictures.tiles(parts, gap=1)[..., 0]
    assert sheet.shape == (5, 7)
    assert (sheet[:2, :3] == 10).all()
    assert (sheet[:2, 4:] == 20).all()
    assert (sheet[3:, :3] == 30).all()
    assert (sheet[3:, 4:] == 128).all()
    assert (sheet[2] == 128).all()
    assert pictures.tiles(parts, columns=3, gap=0).shape == (2, 9, 3)


def test_maps_as_tiles_are_painted_each_by_itself() -> None:
    sheet = pictures.tiles(np.array([[[0.0, 1]], [[0, 1000]]]), columns=1, gap=0)
    assert (sheet[0] == sheet[1]).all()
    assert tuple(sheet[0, 1]) == (253, 231, 37)


def test_no_tiles_are_refused() -> None:
    with pytest.raises(ParameterError):
        pictures.tiles([])


def test_the_difference_of_equal_maps_is_white_and_of_opposite_maps_full() -> None:
    first, second = heatmap([[1, 0, 2]]), heatmap([[10, 0, 20]])
    assert (pictures.difference(first, second) == WHITE).all()
    apart = pictures.difference(heatmap([[0, 5]]), heatmap([[3, 0]]))
    assert [tuple(pixel) for pixel in apart[0].tolist()] == [BLUE, ORANGE]
    with pytest.raises(ParameterError, match="one size"):
        pictures.difference(first, heatmap([[1, 2]]))


def test_a_map_is_resized_without_a_shift() -> None:
    values = np.zeros((8, 8), np.float32)
    values[2, 5] = 1
    large = pictures.resize(values, (80, 40))
    rows, columns = np.nonzero(large == large.max())
    assert (rows.mean() + 0.5) / 5 == pytest.approx(2.5)
    assert (columns.mean() + 0.5) / 10 == pytest.approx(5.5)


@pytest.mark.parametrize("size", [(640, 427), (427, 640), (501, 299), (300, 300), (197, 231), (1000, 350)])
@pytest.mark.parametrize("cell", [(0, 0), (111, 87), (223, 223), (3, 200)])
def test_a_pixel_of_the_map_lands_within_half_a_crop_pixel_on_the_original(
    size: tuple[int, int], cell: tuple[int, int]
) -> None:
    space = PixelSpace(side=224, resize=256, mean=(0.5,) * 3, std=(0.5,) * 3)
    original = Image.new("RGB", size)
    values = np.zeros((224, 224))
    values[cell[1], cell[0]] = 1
    laid = pictures.laid_over(original, heatmap(values), space.box(original), strength=1, name="gray", frame=False)
    weight = laid[..., 0].astype(float)
    y = (weight.sum(1) * (np.arange(size[1]) + 0.5)).sum() / weight.sum()
    x = (weight.sum(0) * (np.arange(size[0]) + 0.5)).sum() / weight.sum()
    left, top, right, bottom = space.box(original)
    across, down = (right - left) / 224, (bottom - top) / 224
    assert abs(x - (left + (cell[0] + 0.5) * across)) <= max(across, 1) / 2
    assert abs(y - (top + (cell[1] + 0.5) * down)) <= max(down, 1) / 2


def test_what_the_network_never_saw_is_dimmed_and_framed() -> None:
    original = Image.new("RGB", (60, 40), (100, 100, 100))
    laid = pictures.laid_over(original, heatmap(np.zeros((20, 20))), (10, 0, 50, 40))
    assert tuple(laid[20, 2]) == (60, 60, 60)
    assert tuple(laid[20, 30]) == (100, 100, 100)
    assert tuple(laid[20, 10]) == tuple(laid[20, 49]) == (255, 255, 255)
    assert tuple(laid[20, 9]) == tuple(laid[20, 50]) == (0, 0, 0)


def test_a_crop_that_is_the_whole_picture_needs_no_frame() -> None:
    original = Image.new("RGB", (40, 40), (100, 100, 100))
    laid = pictures.laid_over(original, heatmap(np.zeros((20, 20))), (0, 0, 40, 40))
    assert (laid == 100).all()


def test_no_picture_that_is_handed_over_is_written_into() -> None:
    ground = np.full((6, 6, 3), 60, np.uint8)
    ground.flags.writeable = False
    values = heatmap(np.arange(36).reshape(6, 6))
    values.values.flags.writeable = False
    for draw in (pictures.overlay, pictures.spotlight, pictures.outline):
        assert draw(ground, values).shape == (6, 6, 3)


def test_borders_are_drawn_between_superpixels_and_nowhere_else() -> None:
    segments = np.zeros((8, 8), np.int32)
    segments[:, 4:] = 1
    grey = np.full((8, 8, 3), 128, np.uint8)
    drawn = pictures.divided(grey, segments, side=32)
    assert drawn.shape == (32, 32, 3)
    assert (drawn[:, 16] == 255).all()
    assert (drawn[:, :12] == 128).all() and (drawn[:, 20:] == 128).all()
    assert (pictures.divided(grey, np.zeros((8, 8), np.int32), side=32) == 128).all()
