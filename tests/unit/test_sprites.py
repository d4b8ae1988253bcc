"""A page of maps is one small file, from which every level can be read back."""

import io

import numpy as np
import pytest
from PIL import Image

from explain import sprites
from models.errors import ParameterError


def tile(sprite: sprites.Sprite, number: int) -> np.ndarray:
    sheet = np.asarray(Image.open(io.BytesIO(sprite.png)))
    row, column = divmod(number, sprite.columns)
    top, left = row * sprite.height, column * sprite.width
    return sheet[top : top + sprite.height, left : left + sprite.width]


def noise(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, side, side)).astype(np.float32)


@pytest.mark.parametrize("side", [1, 7, 14, 28, 56, 112, 224])
@pytest.mark.parametrize("signed", [False, True])
def test_a_page_of_64_maps_takes_at_most_200_kib_even_of_noise(side: int, signed: bool) -> None:
    maps = noise(64, side)
    sprite = sprites.page(maps, signed, np.abs(maps).max((1, 2)))
    assert len(sprite.png) <= 200 * 1024
    assert sprite.count == 64 and sprite.shrunk == side / sprite.height


def test_small_maps_are_kept_pixel_by_pixel() -> None:
    maps = noise(10, 14)
    tops = np.abs(maps).max((1, 2))
    sprite = sprites.page(maps, True, tops, columns=4)
    assert (sprite.height, sprite.width, sprite.shrunk) == (14, 14, 1)
    for number in range(10):
        read = (tile(sprite, number).astype(float) - 128) / 127 * tops[number]
        np.testing.assert_allclose(read, maps[number], atol=tops[number] / 253)


def test_zero_is_level_128_where_there_are_two_signs_and_0_where_there_is_one() -> None:
    maps = np.zeros((2, 3, 3), np.float32)
    maps[1, 0, 0] = -2
    tops = np.array([0, 2], np.float32)
    assert (sprites.levels(maps, True, tops)[0] == 128).all()
    assert sprites.levels(maps, True, tops)[1, 0, 0] == 1
    assert (sprites.levels(maps, False, tops) == 0).all()


def test_a_shrunk_map_holds_the_means_of_what_it_covers() -> None:
    maps = np.arange(32, dtype=np.float32).reshape(1, 4, 8)
    np.testing.assert_allclose(sprites.shrunk(maps, (2, 4))[0], maps[0].reshape(2, 2, 4, 2).mean((1, 3)))


def test_maps_that_are_not_square_keep_their_form() -> None:
    maps = noise(3, 96)[:, :48]
    sprite = sprites.page(maps, True, np.abs(maps).max((1, 2)))
    assert (sprite.height, sprite.width) == (32, 64)


def test_coloured_tiles_stay_as_they_are() -> None:
    tiles = np.random.default_rng(1).integers(0, 256, (5, 7, 7, 3), dtype=np.uint8)
    sprite = sprites.sprite(tiles, columns=3)
    assert all((tile(sprite, number) == tiles[number]).all() for number in range(5))


def test_no_tiles_are_refused() -> None:
    with pytest.raises(ParameterError, match="at least one"):
        sprites.sprite(np.zeros((0, 4, 4), np.uint8))
