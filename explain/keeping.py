"""Keeping an attacked picture: onto the 8-bit grid, into a PNG, and back to the network."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from explain.outcomes import Kept
from explain.perturbing import margins
from explain.survival import said, tensor_of
from explain.target import both

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.perturbing import Norm
    from models import LoadedModel

    Pixels = NDArray[np.floating[Any]]
    Levels = NDArray[np.uint8]

#: What a level may lie beyond its bound and still count as on it: rounding of 32-bit numbers, in levels.
SLACK = 1e-3


def keep(
    model: LoadedModel,
    clean: Pixels,
    attacked: Pixels,
    label: int,
    goal: int | None = None,
    *,
    epsilon: float = float("inf"),
    norm: Norm = "linf",
) -> Kept:
    """Write an attacked picture (H, W, 3) as a PNG, read it back, and ask the network what it says of the file.

    The notes say if the file no longer fools the network, or lies further from the picture than epsilon.
    """
    png = written(on_grid(clean, attacked, epsilon if norm == "linf" else float("inf")))
    levels = read(png)
    pixels = levels.astype(np.float32) / 255
    with torch.no_grad():
        logits = both(model(tensor_of(pixels, attacked).to(model.device)))
    labels = torch.full((2,), label, device=logits.device)
    success, fooled = (margins(logits, labels, None if goal is None else torch.full_like(labels, goal)) < 0).tolist()
    change = pixels - np.asarray(clean, np.float32)
    linf, l2 = float(np.abs(change).max()), float(np.linalg.norm(change))
    says = said(model, logits[0])
    notes = []
    if fooled and not success:
        notes.append(f"The saved picture no longer fools the network, which takes it for {says.name}.")
    if linf < SLACK / 255:
        notes.append("The change is less than a file's 256 levels can hold: the file is the picture as it was.")
    if (linf if norm == "linf" else l2) > epsilon + SLACK / 255:
        notes.append("Rounding to the 256 levels of a file has made the change a little larger than epsilon.")
    return Kept(png, levels, says, success, linf, l2, tuple(notes))


def on_grid(clean: Pixels, attacked: Pixels, epsilon: float = float("inf")) -> Levels:
    """Round a picture to the 256 levels of a file, and no further than epsilon from where it started.

    Rounded, never cut off: cutting off would darken every colour by half a level on average and undo
    part of the attack. Where no level lies within epsilon, the nearest to the start is taken.
    """
    start, wanted = np.asarray(clean, np.float64) * 255, np.asarray(attacked, np.float64) * 255
    lowest = np.ceil(np.maximum(start - 255 * epsilon - SLACK, 0))
    highest = np.floor(np.minimum(start + 255 * epsilon + SLACK, 255))
    levels = np.where(lowest <= highest, np.clip(np.rint(wanted), lowest, highest), np.rint(start))
    return np.clip(levels, 0, 255).astype(np.uint8)


def written(levels: Levels) -> bytes:
    """Write levels (H, W, 3) as a PNG, which loses nothing; it holds the colours and nothing else."""
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def read(png: bytes) -> Levels:
    """Read the levels of a PNG back: (H, W, 3)."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        return np.array(image.convert("RGB"), np.uint8)
