"""Small pictures to do arithmetic on, and pictures of numbers to take along."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"


@cache
def _opened(name: str, side: int, mode: str) -> NDArray[np.float32]:
    with Image.open(SAMPLES / f"{name}.jpg") as image:
        colours = image.convert("RGB")
    short = min(colours.size)
    left, top = (colours.width - short) // 2, (colours.height - short) // 2
    box = (left, top, left + short, top + short)
    values = np.asarray(colours.resize((side, side), Image.Resampling.BOX, box).convert(mode), np.float32) / np.float32(
        255
    )
    values.setflags(write=False)
    return values


def small(name: str, side: int = 32, grey: bool = True) -> NDArray[np.float32]:
    """Return the middle square of a sample picture, shrunk: (side, side) or (side, side, 3), in [0, 1], read-only."""
    return _opened(name, side, "L" if grey else "RGB")


def names() -> tuple[str, ...]:
    """List the sample pictures."""
    return tuple(sorted(path.stem for path in SAMPLES.glob("*.jpg")))


def png(values: NDArray[np.float32], pixel: int = 8, low: float = 0.0, high: float = 1.0) -> bytes:
    """Write a grid (H, W), or (H, W, 3), as PNG: `low` is black, `high` is white, each value `pixel` pixels wide."""
    span = (high - low) or 1.0
    levels = np.rint(255 * np.clip((values - low) / span, 0, 1)).astype(np.uint8)
    enlarged = levels.repeat(pixel, 0).repeat(pixel, 1)
    buffer = io.BytesIO()
    Image.fromarray(enlarged).save(buffer, "PNG")
    return buffer.getvalue()
