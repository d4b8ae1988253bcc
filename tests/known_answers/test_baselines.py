"""Pictures that stand for "nothing to see"."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from explain.baselines import BLUR, baseline


@pytest.mark.parametrize("side", [(64, 64), (90, 61), (8, 40), (1, 5)])
def test_the_blurred_picture_is_scipys(side: tuple[int, int]) -> None:
    pixels = torch.rand(1, 3, *side, generator=torch.Generator().manual_seed(0))
    width = BLUR * max(side)
    reach = min(int(3 * width) + 1, min(side) - 1)
    wanted = gaussian_filter(pixels.double().numpy(), width, axes=(2, 3), mode="mirror", radius=reach)
    np.testing.assert_allclose(baseline(pixels, "blur").numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize(("kind", "value"), [("black", 0.0), ("grey", 0.5), ("white", 1.0)])
def test_a_plain_baseline_is_of_one_value(kind: str, value: float) -> None:
    assert torch.equal(baseline(torch.rand(1, 3, 4, 6), kind), torch.full((1, 3, 4, 6), value))
