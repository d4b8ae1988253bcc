"""The crop is torchvision's, and the box says where it was taken from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from models import ModelError, PictureError, PixelSpace

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = st.tuples(st.integers(20, 700), st.integers(20, 700))
SPACES = [
    PixelSpace(224, 256, MEAN, STD),
    PixelSpace(224, 232, MEAN, STD, "bicubic"),
    PixelSpace(299, 342, MEAN, STD),
    PixelSpace(384, 384, MEAN, STD, "bicubic"),
    PixelSpace(64, 64, MEAN, STD),
]


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    drawn = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(drawn)


@settings(max_examples=40, deadline=None)
@given(size=SIZES, space=st.sampled_from(SPACES))
def test_crop_and_normalise_give_exactly_the_preset_of_torchvision(size: tuple[int, int], space: PixelSpace) -> None:
    preset = ImageClassification(
        crop_size=space.side,
        resize_size=space.resize,
        mean=MEAN,
        std=STD,
        interpolation=InterpolationMode(space.interpolation),
    )
    picture = noise(size)
    pixels = space.crop(picture)
    assert pixels.shape == (1, 3, space.side, space.side)
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert torch.equal(space.normalise(pixels)[0], preset(picture))


def _inside(start: float, end: float, size: int, share: float) -> int:
    """Place a marker so that neither it nor its blurred edge is cut by the crop."""
    first, last = math.ceil(start) + size, math.floor(end) - 2 * size
    return round(first + share * (last - first))


@settings(max_examples=80, deadline=None)
@given(size=SIZES, space=st.sampled_from(SPACES), across=st.floats(0.05, 0.95), down=st.floats(0.05, 0.95))
def test_a_marker_in_the_picture_lands_where_the_box_says(
    size: tuple[int, int], space: PixelSpace, across: float, down: float
) -> None:
    blank = Image.new("RGB", size)
    left, top, right, bottom = space.box(blank)
    step_x, step_y = (right - left) / space.side, (bottom - top) / space.side
    wide, high = max(1, round(step_x)), max(1, round(step_y))
    x, y = _inside(left, right, wide, across), _inside(top, bottom, high, down)
    marked = np.zeros((size[1], size[0], 3), np.uint8)
    marked[y : y + high, x : x + wide] = 255
    seen = space.crop(Image.fromarray(marked))[0].mean(0).double()
    places = torch.arange(space.side, dtype=torch.float64) + 0.5
    found_x = float((seen.sum(0) * places).sum() / seen.sum())
    found_y = float((seen.sum(1) * places).sum() / seen.sum())
    assert abs((x + wide / 2 - left) / step_x - found_x) <= 0.5
    assert abs((y + high / 2 - top) / step_y - found_y) <= 0.5


@given(size=SIZES, space=st.sampled_from(SPACES), x=st.floats(0, 224), y=st.floats(0, 224))
def test_going_to_the_original_and_back_is_staying(
    size: tuple[int, int], space: PixelSpace, x: float, y: float
) -> None:
    picture = Image.new("RGB", size)
    assert space.to_crop(picture, *space.to_original(picture, x, y)) == pytest.approx((x, y), abs=1e-6)


def test_the_box_of_a_wide_picture_is_its_middle() -> None:
    picture = Image.new("RGB", (400, 200))
    assert PixelSpace(100, 100, MEAN, STD).box(picture) == (100, 0, 300, 200)
    assert PixelSpace(50, 100, MEAN, STD).box(picture) == pytest.approx((150, 50, 250, 150))


def test_the_box_knows_that_the_longer_side_was_rounded() -> None:
    # 101 x 300 becomes 224 x int(665.35) = 665: the two axes have different scales.
    left, top, right, bottom = PixelSpace(224, 224, MEAN, STD).box(Image.new("RGB", (101, 300)))
    assert (left, right) == (0, 101)
    assert (bottom - top) / 224 == pytest.approx(300 / 665)
    assert top == pytest.approx(round((665 - 224) / 2) * 300 / 665)


def test_a_grey_picture_is_seen_in_three_equal_colours() -> None:
    pixels = SPACES[0].crop(Image.new("L", (300, 260), 51))
    assert torch.equal(pixels, torch.full((1, 3, 224, 224), 51 / 255))


def test_gradients_pass_through_normalise() -> None:
    pixels = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(SPACES[0].normalise(pixels).sum(), pixels)
    expected = (1 / torch.tensor(STD)).view(1, 3, 1, 1).expand_as(gradient)
    assert torch.allclose(gradient, expected)


@pytest.mark.parametrize(("side", "resize"), [(224, 223), (0, 10), (-1, 10)])
def test_a_crop_larger_than_the_resized_picture_is_refused(side: int, resize: int) -> None:
    with pytest.raises(ModelError, match=f"not side {side} and resize {resize}"):
        PixelSpace(side, resize, MEAN, STD)


def test_a_standard_deviation_of_zero_is_refused() -> None:
    with pytest.raises(ModelError, match="above zero"):
        PixelSpace(8, 8, MEAN, (1.0, 0.0, 1.0))


def test_a_strip_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(PictureError, match="1 x 20000"):
        SPACES[0].crop(Image.new("RGB", (1, 20000)))
