"""Real numbers that several demonstrations show: what the bundled networks compute on sample pictures."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dashboard import samples
from explain.teaching.everyday import everyday

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from explain.teaching.everyday import Everyday

    Floats = NDArray[np.float32]

#: The network whose first stage ends in a max pooling, and the one that the Explain page opens with.
PLAIN, RESIDUAL = "everyday_vgg", "everyday_resnet"
#: Pictures whose first maps are shown: wider than high, so that there is room beside what a network sees to shift them.
PICTURES = ("chelsea", "coffee", "rocket", "temple")


def network(key: str) -> Everyday:
    """Return a bundled network, computed without torch."""
    return everyday(key)


@lru_cache(maxsize=32)
def pixels(key: str, sample: str, shift: int = 0) -> Floats:
    """Return what a network sees of a sample picture that is shifted to the right, (3, side, side)."""
    return everyday(key).pixels(samples.SAMPLES[sample].picture().image, shift)


@lru_cache(maxsize=32)
def first_maps(key: str, sample: str, shift: int = 0) -> Floats:
    """Return what the first convolution and batch norm of a network give, before the activation."""
    return everyday(key).first_maps(pixels(key, sample, shift))


@lru_cache(maxsize=64)
def logits(key: str, sample: str, shift: int = 0) -> Floats:
    """Return the logits of all classes."""
    return everyday(key).logits(pixels(key, sample, shift))
