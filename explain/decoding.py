"""Reads pictures in threads, ahead of a network that works beside them."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from models.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from explain.sources import Source
    from models.pixels import PixelSpace

#: Batches that are read ahead of the network.
AHEAD = 2


@dataclass(frozen=True, eq=False)
class Looked:
    """A picture that was read: its crop (side, side, 3), or the reason why there is none."""

    sha256: str
    crop: NDArray[np.uint8] | None
    reason: str = ""


def looked_at(
    pictures: Sequence[Source], steps: Sequence[range], space: PixelSpace
) -> Iterator[tuple[range, list[Looked]]]:
    """Read the pictures of each step, a few steps ahead of whoever takes them."""
    pool = ThreadPoolExecutor(os.cpu_count() or 1, "convlens-decode")
    waiting: deque[tuple[range, list[Future[Looked]]]] = deque()
    try:
        for numbers in steps:
            waiting.append((numbers, [pool.submit(look, pictures[number], space) for number in numbers]))
            if len(waiting) > AHEAD:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _first(waiting: deque[tuple[range, list[Future[Looked]]]]) -> tuple[range, list[Looked]]:
    numbers, looked = waiting.popleft()
    return numbers, [one.result() for one in looked]


def look(source: Source, space: PixelSpace | None) -> Looked:
    """Read a picture, and cut it for a network if asked."""
    try:
        picture = source.open()
        return Looked(picture.sha256, None if space is None else cut(space, picture.image))
    except PictureError as error:
        return Looked("", None, str(error))


def cut(space: PixelSpace, image: Image.Image) -> NDArray[np.uint8]:
    """Resize and crop a picture as the network wants it, without torch: (side, side, 3), the levels of `space.crop`.

    Several threads that each call torch wait for each other's threads; Pillow's calls run beside the network.
    """
    left, top = (-round(edge) for edge in space.to_crop(image, 0, 0))
    right, bottom = (round(edge) for edge in space.to_crop(image, image.width, image.height))
    picture = image if image.mode == "RGB" else image.convert("RGB")
    if picture.size != (right + left, bottom + top):
        picture = picture.resize((right + left, bottom + top), Image.Resampling[space.interpolation.upper()])
    return np.array(picture.crop((left, top, left + space.side, top + space.side)), np.uint8)
