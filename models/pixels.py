"""From a picture to the pixels that a network sees, and back to the place in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from models.errors import ModelError, PictureError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

Interpolation = Literal["nearest", "bilinear", "bicubic"]
Box = tuple[float, float, float, float]

#: A picture more stretched than this would be resized to millions of columns before it is cropped.
MOST_STRETCHED = 100


@dataclass(frozen=True)
class PixelSpace:
    """How a network wants its pictures.

    The shorter side is resized to `resize`, the middle `side` x `side` pixels are kept, and each colour
    is normalised by `mean` and `std` (in units of 0..1). Exactly torchvision's preset on a PIL picture.
    """

    side: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        """Refuse sizes and colours that cannot be meant."""
        if not 0 < self.side <= self.resize:
            raise ModelError(
                f"A pixel space needs 0 < side <= resize, not side {self.side} and resize {self.resize}.",
                "A crop larger than the resized picture would have to be filled up with black.",
            )
        if len(self.mean) != len(self.std) or min(self.std, default=0) <= 0:
            raise ModelError("A pixel space needs as many means as standard deviations, and these above zero.")

    def crop(self, image: Image.Image) -> Tensor:
        """Resize a picture and cut out its middle: (1, 3, side, side) in [0, 1]."""
        import numpy as np
        import torch
        from PIL import Image

        from models.colours import over_white

        width, height = self._resized(image)
        left, top = _middle(width, self.side), _middle(height, self.side)
        picture = image if image.mode == "RGB" else over_white(image)[0]
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling[self.interpolation.upper()])
        picture = picture.crop((left, top, left + self.side, top + self.side))
        channels_first = np.array(picture, dtype=np.uint8).transpose(2, 0, 1)
        return torch.from_numpy(channels_first).contiguous().float().div(255).unsqueeze(0)

    def box(self, image: Image.Image) -> Box:
        """Where the crop lies in the original picture: (left, top, right, bottom) in its pixels."""
        left, top = self.to_original(image, 0, 0)
        right, bottom = self.to_original(image, self.side, self.side)
        return left, top, right, bottom

    def to_original(self, image: Image.Image, x: float, y: float) -> tuple[float, float]:
        """Where a point of the crop lies in the original picture; a pixel's centre is at + 0.5."""
        width, height = self._resized(image)
        # Both sides are rounded to whole pixels by resizing, so the two axes have their own scale.
        return (
            (x + _middle(width, self.side)) * image.width / width,
            (y + _middle(height, self.side)) * image.height / height,
        )

    def to_crop(self, image: Image.Image, x: float, y: float) -> tuple[float, float]:
        """Where a point of the original picture lies in the crop; outside of 0..side it was cut off."""
        width, height = self._resized(image)
        return (
            x * width / image.width - _middle(width, self.side),
            y * height / image.height - _middle(height, self.side),
        )

    def normalise(self, pixels: Tensor) -> Tensor:
        """Turn pixels (N, 3, H, W) in [0, 1] into what the first layer expects; differentiable."""
        mean = pixels.new_tensor(self.mean).view(1, -1, 1, 1)
        std = pixels.new_tensor(self.std).view(1, -1, 1, 1)
        return (pixels - mean) / std

    def _resized(self, image: Image.Image) -> tuple[int, int]:
        """Width and height after resizing: the longer side is rounded down, as torchvision does."""
        short, long = sorted(image.size)
        if short < 1 or long > short * MOST_STRETCHED:
            raise PictureError(
                f"The picture has {image.width} x {image.height} pixels, a strip with nothing to see in its middle.",
                f"Use a picture whose longer side is at most {MOST_STRETCHED} times the shorter.",
            )
        longer = int(self.resize * long / short)
        return (self.resize, longer) if image.width <= image.height else (longer, self.resize)


def _middle(length: int, side: int) -> int:
    """Where the middle `side` pixels of `length` begin; halves go to the even neighbour, as torchvision does."""
    return round((length - side) / 2.0)
