"""Maps that know nothing of the network: what a check must be read beside."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.tracing import Trace

    Floats = NDArray[np.float32]

#: The control maps, by their names, with what a person reads.
CONTROLS = {"random": "a random map", "centre": "the picture's centre", "edges": "an edge detector"}
#: Standard deviation of the centred Gaussian, as a share of the side.
WIDTH = 0.25
#: Draw of the random map.
SEED = 0

_known: WeakKeyDictionary[Trace, dict[Hashable, dict[str, Any]]] = WeakKeyDictionary()


def control_maps(trace: Trace) -> dict[str, Floats]:
    """Make the control maps for a traced picture: name -> (H, W), none of them below zero.

    random: independent uniform noise. centre: a Gaussian around the middle, a quarter of the side wide. edges: the
    strength of edges in the picture in grey, by Sobel's filters.
    """
    from skimage.filters import sobel

    made: dict[str, Floats] = beside(trace, "control maps")
    if not made:
        size = tuple(trace.pixels.shape[2:])
        made["random"] = np.random.default_rng(SEED).random(size, np.float32)
        made["centre"] = centred(*size)
        made["edges"] = sobel(trace.pixels[0].mean(0).cpu().numpy()).astype(np.float32)  # type: ignore[no-untyped-call]
    return made


def centred(height: int, width: int) -> Floats:
    """Return a Gaussian around the middle, (H, W), 1 at most."""
    down, along = (np.exp(-0.5 * (((np.arange(n) + 0.5) / n - 0.5) / WIDTH) ** 2) for n in (height, width))
    return np.outer(down, along).astype(np.float32)


def beside(trace: Trace, key: Hashable) -> dict[str, Any]:
    """Return what is known under a key of the control maps of a traced picture, by their names; to be added to.

    It is the same for every map of the picture, so it is measured once for as long as the trace lives. The key holds
    all that decides it: the metric with its parameters, and the target.
    """
    return _known.setdefault(trace, {}).setdefault(key, {})
