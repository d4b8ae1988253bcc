"""Pooling in numpy against torch, and how a change is measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch.nn import functional

from explain.teaching.pooling import Way, change, pool, pool_all, pooled_size, wiped_out
from models.errors import ParameterError

WAYS = {"max": functional.max_pool2d, "average": functional.avg_pool2d}


@given(
    some.integers(1, 3),
    some.integers(8, 20),
    some.integers(8, 20),
    some.integers(1, 8),
    some.integers(1, 8),
    some.sampled_from(("max", "average")),
    some.integers(0, 1000),
)
@settings(deadline=None, max_examples=80)
def test_pooling_is_that_of_torch(
    channels: int, rows: int, columns: int, window: int, stride: int, way: Way, seed: int
) -> None:
    maps = np.random.default_rng(seed).standard_normal((channels, rows, columns))
    wanted = WAYS[way](torch.from_numpy(maps)[None], window, stride)[0].numpy()
    found = pool(maps, window, stride, way)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.shape[1:] == (pooled_size(rows, window, stride), pooled_size(columns, window, stride))


@given(some.integers(1, 9), some.integers(1, 9), some.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_global_pooling_is_pooling_by_a_window_of_the_whole_map(rows: int, columns: int, seed: int) -> None:
    maps = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, rows, columns)))
    average, largest = functional.adaptive_avg_pool2d(maps, 1), functional.adaptive_max_pool2d(maps, 1)
    np.testing.assert_allclose(pool_all(maps.numpy(), "average"), average[:, 0, 0].numpy(), atol=1e-6)
    np.testing.assert_allclose(pool_all(maps.numpy(), "max"), largest[:, 0, 0].numpy(), atol=1e-6)


@pytest.mark.parametrize(("window", "stride"), [(9, 1), (0, 1), (2, 0)])
def test_windows_that_do_not_fit_are_refused(window: int, stride: int) -> None:
    with pytest.raises(ParameterError, match="8 x 8"):
        pool(np.zeros((8, 8)), window, stride, "max")


def test_a_change_counts_what_moved_beyond_a_twentieth_of_the_largest() -> None:
    before = np.array([10.0, 0.0, 0.0, 0.0])
    found = change(before, np.array([10.0, 0.4, 0.6, 0.0]))
    assert found.changed == 0.25
    assert found.distance == pytest.approx(np.hypot(0.4, 0.6) / 10)
    assert change(before, before) == change(before, before.copy())
    assert (change(before, before).changed, change(before, before).distance) == (0.0, 0.0)


def test_numbers_of_two_shapes_are_not_compared() -> None:
    with pytest.raises(ParameterError, match="one shape"):
        change(np.zeros(3), np.zeros(4))


def test_max_pooling_keeps_one_number_of_each_window() -> None:
    maps = np.random.default_rng(0).standard_normal((3, 8, 8))
    assert wiped_out(maps, 2, 2) == 0.75
    assert wiped_out(maps, 4, 4) == 1 - 1 / 16
    assert wiped_out(maps, 1, 1) == 0
