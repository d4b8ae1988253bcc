"""Small pictures for arithmetic, and grids of numbers as PNG."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from explain.teaching.pictures import names, png, small


def test_every_sample_becomes_a_small_square_between_black_and_white() -> None:
    assert len(names()) > 10
    for name in names():
        picture = small(name, 16, grey=False)
        assert picture.shape == (16, 16, 3) and picture.dtype == np.float32
        assert 0 <= picture.min() < picture.max() <= 1
    assert small("chelsea").shape == (32, 32)


def test_a_small_picture_cannot_be_changed_for_those_who_come_later() -> None:
    with pytest.raises(ValueError, match="read-only"):
        small("chelsea")[0, 0] = 0


def test_a_grid_becomes_a_png_with_large_pixels_between_its_ends() -> None:
    image = Image.open(io.BytesIO(png(np.array([[-1, 0], [1, 2]], np.float32), 4, -1, 1)))
    assert image.size == (8, 8) and image.mode == "L"
    levels = np.asarray(image)[::4, ::4]
    np.testing.assert_array_equal(levels, [[0, 128], [255, 255]])
