"""What the units of a layer see along one axis of the picture: their theoretical field, exact at the borders too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bounds = NDArray[np.int64]

#: The first and last pixel of a unit that sees none at all, such as one over padding alone.
NOWHERE = (2**31, -(2**31))


@dataclass(frozen=True)
class Window:
    """What a convolution or pooling slides along one axis."""

    kernel: int
    stride: int
    padding: int
    dilation: int = 1


@dataclass(frozen=True, eq=False)
class Span:
    """What one unit sees along one axis: unit i sees `size` input pixels from `start` + i `jump` on.

    That holds for a unit whose field lies inside the picture. What each unit really sees is listed in
    `first` and `last`, one entry for each unit: the pixels from first[i] to last[i], which padding and
    leftover rows of every layer on the way have cut off.
    """

    first: Bounds
    last: Bounds
    start: float = 0.0
    size: float = 1.0
    jump: float = 1.0

    @classmethod
    def of_pixels(cls, count: int) -> Span:
        """Make the span of the picture itself, where each unit is one pixel."""
        return cls(np.arange(count), np.arange(count))

    @property
    def count(self) -> int:
        """How many units there are."""
        return len(self.first)

    def after_window(self, window: Window, count: int) -> Span:
        """Slide a window over this axis, to `count` units."""
        reach = window.dilation * (window.kernel - 1)
        taps = window.dilation * np.arange(window.kernel) - window.padding
        read = window.stride * np.arange(count)[:, None] + taps
        return self._read(
            read, self.start - window.padding * self.jump, self.size + reach * self.jump, self.jump * window.stride
        )

    def pooled(self, count: int) -> Span:
        """Pool this axis of n adaptively: unit i reads from floor(i n / count) to ceil((i + 1) n / count)."""
        units = np.arange(count)
        start, stop = units * self.count // count, -(-(units + 1) * self.count // count)
        widest = int((stop - start).max())
        read = start[:, None] + np.arange(widest)
        read = np.where(read < stop[:, None], read, -1)
        jump = self.jump * self.count / count
        return self._read(read, self.start, self.size + (widest - 1) * self.jump, jump)

    def united(self, other: Span) -> Span:
        """Cover what both see."""
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        first, last = np.minimum(self.first, other.first), np.maximum(self.last, other.last)
        return Span(first, last, start, end - start, max(self.jump, other.jump))

    def _read(self, read: Bounds, start: float, size: float, jump: float) -> Span:
        """Unite, for each new unit, the units whose numbers are listed; numbers of no unit are padding."""
        there = (read >= 0) & (read < self.count)
        places = np.clip(read, 0, self.count - 1)
        first = np.where(there, self.first[places], NOWHERE[0]).min(axis=1)
        last = np.where(there, self.last[places], NOWHERE[1]).max(axis=1)
        return Span(first, last, start, size, jump)
