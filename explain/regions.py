"""Regions of a picture at several scales, which overlap, and their ranking by what they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Felzenszwalb's parameters as in XRAI's own code: one set of regions for each scale, on a picture of this side.
SCALES, SIGMA, SMALLEST, SIDE = (50, 100, 150, 250, 500, 1200), 0.8, 150, 224
#: How far a region reaches beyond its edge, and how many pixels a region must add, in pictures of that side or larger.
REACH, ADDS = 5, 50


def regions(pixels: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Cut a picture (H, W, 3) into regions of like colour at six scales, each wider by its edge: (regions, H, W).

    By graphs (Felzenszwalb & Huttenlocher, 2004, doi:10.1023/B:VISI.0000022288.19776.77).
    """
    from skimage.segmentation import felzenszwalb
    from skimage.transform import resize

    height, width = pixels.shape[:2]
    span = float(pixels.max() - pixels.min())
    spread = 2 * (pixels - pixels.min()) / (span or 1.0) - 1
    scaled: Callable[..., NDArray[Any]] = resize
    large = scaled(spread, (SIDE, SIDE), order=3, mode="constant", preserve_range=True, anti_aliasing=True)
    found = []
    for scale in SCALES:
        labels = felzenszwalb(large, scale=scale, sigma=SIGMA, min_size=SMALLEST)
        labels = scaled(labels, (height, width), order=0, preserve_range=True, mode="constant", anti_aliasing=False)
        found.append(_widened(np.unique(labels, return_inverse=True)[1].reshape(height, width)))
    return np.concatenate(found)


def ranked(shares: NDArray[np.floating[Any]], masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give each pixel the mean share of the region that brought it in: (H, W) from shares (H, W), (regions, H, W).

    Again and again the region is taken whose pixels, as far as not taken yet, hold the largest mean; a region that
    adds too few pixels counts no more. What is left at the end gets its own mean (Kapishnikov et al., 2019,
    arXiv:1906.02825, algorithm 1).
    """
    height, width = shares.shape
    fewest = ADDS * _smaller(height, width) ** 2
    flat, open_ = shares.ravel().astype(np.float64), masks.reshape(len(masks), -1).copy()
    sums, sizes = np.array([flat[mask].sum() for mask in open_]), open_.sum(1)
    values, taken = np.zeros(flat.size), np.zeros(flat.size, bool)
    while True:
        means = np.where(sizes >= fewest, sums / np.maximum(sizes, 1), -np.inf)
        best = int(means.argmax())
        if means[best] == -np.inf:
            break
        added = open_[best].copy()
        values[added], taken[added] = means[best], True
        places = np.flatnonzero(added)
        lost = open_[:, places]
        sums, sizes = sums - lost @ flat[places], sizes - lost.sum(1)
        open_[:, places] = False
    if not taken.all():
        values[~taken] = flat[~taken].mean()
    return values.reshape(height, width).astype(np.float32)


def _smaller(height: int, width: int) -> float:
    """Say how much smaller a picture is than the parameters are meant for; 1 where it is larger."""
    return min(1.0, min(height, width) / SIDE)


def _widened(labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Turn labels (H, W) from 0 into one mask each, widened by a disk: (labels, H, W)."""
    height, width = labels.shape
    reach = round(REACH * _smaller(height, width))
    masks = np.zeros((int(labels.max()) + 1, height, width), bool)
    rows, columns = np.indices((height, width))
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if down**2 + right**2 <= reach**2:
                # Cut off at the edge: what is nearer than the disk's own edge belongs to the disk, too.
                masks[labels, (rows + down).clip(0, height - 1), (columns + right).clip(0, width - 1)] = True
    return masks
