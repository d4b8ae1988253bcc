"""Convolution in numpy against torch's, its size and its cost against torch's layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from explain.teaching import kernels as known
from explain.teaching.convolving import (
    Layer,
    Padding,
    conv2d,
    depthwise_separable,
    output_size,
    padded,
    pads,
    patches,
    reach,
)
from models.errors import ParameterError

PADDINGS = st.one_of(st.sampled_from(["valid", "same"]), st.integers(0, 4))


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**16),
    size=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.integers(1, 4),
    padding=PADDINGS,
    dilation=st.integers(1, 3),
    groups=st.integers(1, 3),
    share=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    biased=st.booleans(),
)
def test_convolution_is_that_of_torch(
    seed: int,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: int,
    padding: Padding,
    dilation: int,
    groups: int,
    share: tuple[int, int],
    biased: bool,
) -> None:
    places = [output_size(size[axis], kernel[axis], stride, padding, dilation) for axis in (0, 1)]
    assume(min(places) > 0)
    picture = drawn(seed, share[0] * groups, *size)
    weights = drawn(seed + 1, share[1] * groups, share[0], *kernel)
    bias = drawn(seed + 2, len(weights)) if biased else None
    ours = conv2d(picture, weights, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
    # torch knows "same" at stride 1 only: elsewhere the same zeros are put round the picture first.
    strided_same = padding == "same" and stride > 1
    given_picture = padded(picture, kernel, padding, dilation) if strided_same else picture
    theirs = nn.functional.conv2d(
        torch.from_numpy(given_picture)[None],
        torch.from_numpy(weights),
        None if bias is None else torch.from_numpy(bias),
        stride=stride,
        padding="valid" if strided_same else padding,
        dilation=dilation,
        groups=groups,
    )[0].numpy()
    assert ours.shape == theirs.shape == (len(weights), *places)
    np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=1e-5)


def test_many_pictures_at_once_are_each_as_alone() -> None:
    pictures, weights, bias = drawn(1, 5, 4, 9, 7), drawn(2, 6, 2, 3, 3), drawn(3, 6)
    together = conv2d(pictures, weights, bias, stride=2, padding="same", groups=2)
    alone = [conv2d(picture, weights, bias, stride=2, padding="same", groups=2) for picture in pictures]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    stride=st.integers(1, 3),
    padding=PADDINGS,
    dilation=st.integers(1, 2),
    filters=st.integers(1, 5),
)
def test_a_depthwise_separable_convolution_is_two_layers_of_torch(
    seed: int, stride: int, padding: Padding, dilation: int, filters: int
) -> None:
    picture, apart, mixing = drawn(seed, 3, 11, 9), drawn(seed + 1, 3, 3, 3), drawn(seed + 2, filters, 3)
    around = torch.from_numpy(padded(picture, (3, 3), padding, dilation))[None]
    step = nn.functional.conv2d(around, torch.from_numpy(apart)[:, None], stride=stride, dilation=dilation, groups=3)
    theirs = nn.functional.conv2d(step, torch.from_numpy(mixing)[:, :, None, None])[0].numpy()
    ours = depthwise_separable(picture, apart, mixing, stride=stride, padding=padding, dilation=dilation)
    np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=1e-5)


def test_the_sum_over_a_patch_is_the_output_at_its_place() -> None:
    picture, kernel = drawn(3, 2, 9, 9), drawn(4, 2, 3, 3)
    seen = patches(picture, (3, 3), 2, 1, 2)
    output = conv2d(picture, kernel[None], stride=2, padding=1, dilation=2)[0]
    assert (seen[:, 1, 2] * kernel).sum() == pytest.approx(output[1, 2], abs=1e-5)


@given(size=st.integers(1, 64), kernel=st.integers(1, 7), stride=st.integers(1, 5), dilation=st.integers(1, 3))
def test_same_padding_keeps_the_size_but_for_the_stride(size: int, kernel: int, stride: int, dilation: int) -> None:
    assert output_size(size, kernel, stride, "same", dilation) == -(-size // stride)


def test_an_even_kernel_has_its_odd_pixel_of_padding_behind() -> None:
    assert pads(4, "same") == (1, 2)
    assert reach(3, 4) == 9


def test_a_kernel_larger_than_the_picture_is_refused_in_words() -> None:
    with pytest.raises(ParameterError, match="spans 5 x 5 pixels, the picture with its padding has 4 x 4"):
        conv2d(drawn(0, 1, 4, 4), drawn(1, 1, 1, 5, 5))
    assert output_size(4, 5) == 0


def test_channels_that_do_not_fit_the_groups_are_refused() -> None:
    with pytest.raises(ParameterError, match="3 channels, in 2 groups, do not fit a picture of 4 channels"):
        conv2d(drawn(0, 4, 5, 5), drawn(1, 2, 3, 3, 3), groups=2)


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, "valid", 1), (2, "same", 1), (1, 2, 3)])
def test_costs_are_those_of_torchs_layers(stride: int, padding: Padding, dilation: int) -> None:
    layer = Layer(12, 4, 6, 3, stride, padding, dilation)
    places = output_size(12, 3, stride, padding, dilation) ** 2
    usual = nn.Conv2d(4, 6, 3)
    apart, mixing = nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 6, 1)
    full = nn.Linear(4 * 12 * 12, 6 * places)
    counted = [sum(p.numel() for p in part.parameters()) for part in (usual, nn.Sequential(apart, mixing), full)]
    costs = layer.convolution(), layer.depthwise_separable(), layer.fully_connected()
    assert [cost.parameters for cost in costs] == counted
    weights = usual.weight.numel(), apart.weight.numel() + mixing.weight.numel()
    assert [cost.multiply_adds for cost in costs] == [weights[0] * places, weights[1] * places, full.weight.numel()]


def test_known_kernels_do_what_their_names_say() -> None:
    flat = np.full((1, 9, 9), 0.25, np.float32)
    step = np.zeros((1, 9, 9), np.float32)
    step[:, :, 5:] = 1
    for size in (3, 5, 7):
        stays = {known.upright_edges: 0.0, known.all_edges: 0.0, known.blur: 0.25, known.sharpen: 0.25}
        for kernel, still in stays.items():
            np.testing.assert_allclose(conv2d(flat, kernel(size)[None, None]), still, atol=1e-5)
        assert known.emboss(size).sum() == pytest.approx(1)
        assert conv2d(step, known.upright_edges(size)[None, None]).max() > 3
        lying = conv2d(step.transpose(0, 2, 1).copy(), known.upright_edges(size)[None, None])
        np.testing.assert_allclose(lying, 0, atol=1e-5)
    np.testing.assert_array_equal(known.upright_edges(), [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    np.testing.assert_array_equal(known.sharpen(), [[0, -1, 0], [-1, 5, -1], [0, -1, 0]])


def test_trained_kernels_are_those_of_the_loaded_network() -> None:
    import models

    network = models.load(known.NETWORK).network
    loaded = network.get_submodule(known.LAYER).weight.detach().numpy()
    np.testing.assert_array_equal(known.trained(), loaded)
