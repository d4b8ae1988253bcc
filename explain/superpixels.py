"""Superpixels: patches of a picture that belong together by colour and place, to be hidden or shown as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import ParameterError, PictureError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def superpixels(pixels: NDArray[np.floating[Any]], count: int = 60) -> NDArray[np.int32]:
    """Cut a picture into about `count` patches by colour and place, numbered from 0: (H, W, 3) in [0, 1] -> (H, W).

    SLIC (Achanta et al., 2012, doi:10.1109/TPAMI.2012.120) in CIELAB, each patch in one piece; the variant that weighs
    colour against place by itself, SLICO, since on a noisy picture a fixed weight ends in a single patch.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise PictureError(f"Superpixels need a picture of shape (height, width, 3), not {pixels.shape}.")
    if count < 1:
        raise ParameterError(f"A picture is cut into at least one superpixel, not {count!r}.")
    from skimage.segmentation import slic

    found = slic(np.asarray(pixels, np.float64), n_segments=count, sigma=1, slic_zero=True, start_label=0)
    return np.unique(found, return_inverse=True)[1].reshape(found.shape).astype(np.int32)
