"""Convolution in numpy, as torch computes it: every product by itself, the output's size, and what a layer costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: Pixels that are put round the picture; "valid" puts none, "same" as many as keep the size at stride 1.
Padding = int | Literal["valid", "same"]


def pads(kernel: int, padding: Padding, dilation: int = 1) -> tuple[int, int]:
    """Return how many pixels are put before and after the picture along one side.

    Where "same" needs an odd number, the larger half comes after, as in torch.
    """
    if padding == "valid":
        return 0, 0
    if padding == "same":
        both = dilation * (kernel - 1)
        return both // 2, both - both // 2
    return int(padding), int(padding)


def reach(kernel: int, dilation: int = 1) -> int:
    """Return how many pixels a kernel spans along one side, those between its weights included."""
    return dilation * (kernel - 1) + 1


def output_size(size: int, kernel: int, stride: int = 1, padding: Padding = "valid", dilation: int = 1) -> int:
    """Return how many places along one side a kernel takes on a picture of `size` pixels, 0 where it does not fit."""
    room = size + sum(pads(kernel, padding, dilation)) - reach(kernel, dilation)
    return room // stride + 1 if room >= 0 else 0


def padded(picture: Floats, kernel: tuple[int, int], padding: Padding, dilation: int = 1) -> Floats:
    """Put zeros round pictures (..., height, width)."""
    around = (pads(kernel[0], padding, dilation), pads(kernel[1], padding, dilation))
    return np.pad(picture, ((0, 0),) * (picture.ndim - 2) + around)


def patches(
    picture: Floats, kernel: tuple[int, int], stride: int = 1, padding: Padding = "valid", dilation: int = 1
) -> Floats:
    """Return what lies under the kernel at each place: (..., rows, columns, kernel height, kernel width)."""
    around = padded(picture, kernel, padding, dilation)
    spans = reach(kernel[0], dilation), reach(kernel[1], dilation)
    height, width = around.shape[-2:]
    if height < spans[0] or width < spans[1]:
        raise ParameterError(
            f"The kernel spans {spans[0]} x {spans[1]} pixels, the picture with its padding has {height} x {width}.",
            "Take a smaller kernel or dilation, or more padding.",
        )
    windows = np.lib.stride_tricks.sliding_window_view(around, spans, (-2, -1))
    return windows[..., ::stride, ::stride, ::dilation, ::dilation]


def conv2d(
    picture: Floats,
    kernels: Floats,
    bias: Floats | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    dilation: int = 1,
    groups: int = 1,
) -> Floats:
    """Convolve pictures (..., channels, height, width) with kernels (filters, channels / groups, height, width).

    Like every deep learning library it does not flip the kernel, which mathematics calls a cross-correlation. With
    groups, each group of filters reads its own share of the channels. Returns (..., filters, rows, columns).
    """
    filters, read = kernels.shape[:2]
    if picture.shape[-3] != read * groups or filters % groups:
        raise ParameterError(
            f"{filters} filters that read {read} channels, in {groups} groups, do not fit a picture of "
            f"{picture.shape[-3]} channels."
        )
    seen = patches(picture, (kernels.shape[2], kernels.shape[3]), stride, padding, dilation)
    share = filters // groups
    parts = [
        np.einsum(
            "...chwij,fcij->...fhw",
            seen[..., g * read : (g + 1) * read, :, :, :, :],
            kernels[g * share : (g + 1) * share],
            optimize=True,
        )
        for g in range(groups)
    ]
    maps: Floats = np.concatenate(parts, -3)
    return maps if bias is None else maps + bias[:, None, None]


def depthwise_separable(
    picture: Floats,
    kernels: Floats,
    mixing: Floats,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    dilation: int = 1,
) -> Floats:
    """Convolve each channel with its own kernel (channels, height, width), then mix by (filters, channels) weights."""
    apart = conv2d(picture, kernels[:, None], stride=stride, padding=padding, dilation=dilation, groups=len(picture))
    return conv2d(apart, mixing[:, :, None, None])


@dataclass(frozen=True)
class Cost:
    """What a layer takes: learned numbers (weights and biases), and multiply-adds for one picture."""

    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Layer:
    """A layer from `channels` maps of side x side to `filters` maps, by square kernels."""

    side: int
    channels: int
    filters: int
    kernel: int
    stride: int = 1
    padding: Padding = "valid"
    dilation: int = 1

    @property
    def places(self) -> int:
        """The places of the output: rows times columns."""
        return output_size(self.side, self.kernel, self.stride, self.padding, self.dilation) ** 2

    def convolution(self) -> Cost:
        """Count a convolution: the same weights at every place."""
        weights = self.filters * self.channels * self.kernel**2
        return Cost(weights + self.filters, weights * self.places)

    def depthwise_separable(self) -> Cost:
        """Count a kernel for each channel by itself, followed by a 1 x 1 convolution that mixes them."""
        apart, mixing = self.channels * self.kernel**2, self.channels * self.filters
        return Cost(apart + self.channels + mixing + self.filters, (apart + mixing) * self.places)

    def fully_connected(self) -> Cost:
        """Count a layer that gives as many values, each with a weight of its own for every value that goes in."""
        values = self.filters * self.places
        weights = self.channels * self.side**2 * values
        return Cost(weights + values, weights)
