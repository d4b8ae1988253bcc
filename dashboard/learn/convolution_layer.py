"""What the convolution demonstration computes: one layer with one output channel, on a small picture."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from explain.pictures import colour_table
from explain.teaching import kernels as known
from explain.teaching.convolving import Layer, Padding, conv2d, depthwise_separable, pads
from explain.teaching.pictures import small

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIDE = 32
COLOURS = ("red", "green", "blue")
#: The kernels that grow with their size, by their key in the address.
GROWING = {
    "edges": known.upright_edges,
    "around": known.all_edges,
    "blur": known.blur,
    "sharpen": known.sharpen,
    "emboss": known.emboss,
}


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture (channels, side, side), what slides over it (channels, size, size), and what comes out.

    mix: the weight of each channel's sum, None where the sums are added as they are. signed: whether the output is
    shown in two colours around zero.
    """

    picture: Floats
    kernels: Floats
    mix: Floats | None
    stride: int
    padding: Padding
    dilation: int
    output: Floats
    signed: bool

    @property
    def size(self) -> int:
        """The side of the kernel."""
        return int(self.kernels.shape[-1])

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the picture's channels; a grey picture has one without a name."""
        return COLOURS if len(self.picture) == 3 else ("",)

    @property
    def pads(self) -> tuple[int, int]:
        """The pixels put before and after the picture along one side."""
        return pads(self.size, self.padding, self.dilation)

    @property
    def top(self) -> float:
        """The largest absolute value of the output, which is 1 where all of it is zero."""
        return float(np.abs(self.output).max()) or 1.0

    def layer(self, channels: int, filters: int) -> Layer:
        """Return a layer that slides in the same way, with as many channels and filters."""
        return Layer(SIDE, channels, filters, self.size, self.stride, self.padding, self.dilation)


def read(name: str, coloured: bool) -> Floats:
    """Return a sample picture as (channels, side, side)."""
    values = small(name, SIDE, grey=not coloured)
    return np.ascontiguousarray(values.transpose(2, 0, 1) if coloured else values[None])


def slide(
    name: str,
    kernel: Floats,
    *,
    mix: Floats | None = None,
    stride: int = 1,
    padding: Padding = "valid",
    dilation: int = 1,
) -> Shown:
    """Slide a kernel (size, size) over the grey picture, or one for each colour (3, size, size) over the coloured one.

    mix: makes it a depthwise separable convolution, which weighs the colours' sums by these three numbers. Where the
    weights of a grey picture add up to 1, what comes out is a picture again and is shown as one.
    """
    coloured = kernel.ndim == 3
    picture, kernels = read(name, coloured), np.ascontiguousarray(kernel if coloured else kernel[None])
    if mix is None:
        output = conv2d(picture, kernels[None], stride=stride, padding=padding, dilation=dilation)[0]
    else:
        output = depthwise_separable(picture, kernels, mix[None], stride=stride, padding=padding, dilation=dilation)[0]
    signed = coloured or not np.isclose(kernel.sum(), 1)
    return Shown(picture, kernels, mix, stride, padding, dilation, output, bool(signed))


def pack(shown: Shown, at: tuple[int, int], *, titles: tuple[str, str, str], alt: str, own: bool) -> bytes:
    """Put it into the bytes that kernel.js reads.

    at: the row and column of the output that is looked at. titles: of the picture, the kernel and the output.
    own: whether the weights can be typed.
    """
    rows, columns = shown.output.shape
    header = {
        "channels": shown.channels,
        "side": SIDE,
        "size": shown.size,
        "stride": shown.stride,
        "dilation": shown.dilation,
        "before": shown.pads[0],
        "after": shown.pads[1],
        "rows": rows,
        "columns": columns,
        "mix": None if shown.mix is None else [float(weight) for weight in shown.mix],
        "signed": shown.signed,
        "top": shown.top,
        "own": own,
        "at": at,
        "grid": [SIDE, shown.size, shown.stride, shown.dilation, *shown.pads],
        "pictureTitle": titles[0],
        "kernelTitle": titles[1],
        "outputTitle": titles[2],
        "pictureAlt": alt,
        "outputAlt": f"Output of {rows} x {columns} values. Arrow keys move over it, Enter keeps a place.",
    }
    header["grid"] = json.dumps(header["grid"])
    arrays = b"".join(
        (
            colour_table("blue-orange").tobytes(),
            shown.picture.astype("<f4").tobytes(),
            shown.kernels.astype("<f4").tobytes(),
            shown.output.astype("<f4").tobytes(),
        )
    )
    header["answer"] = hashlib.sha256(json.dumps(header).encode() + arrays).hexdigest()[:16]
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + arrays


def painted(shown: Shown) -> Floats:
    """Return the output as the page shows it, (rows, columns) in grey or (rows, columns, 3), in [0, 1]."""
    if not shown.signed:
        return np.clip(shown.output, 0, 1)
    levels = np.rint(128 + 127 * shown.output / shown.top).astype(int)
    colours: Floats = colour_table("blue-orange")[levels].astype(np.float32) / np.float32(255)
    return colours
