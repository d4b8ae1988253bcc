"""Demonstration: a kernel slides over a picture; what it sees, multiplies and adds up, and what that costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.components import component
from dashboard.layers.numbers import short, signed
from dashboard.learn import convolution_layer as layers
from dashboard.learn.desk import Demonstration
from dashboard.samples import SAMPLES
from explain.teaching import kernels as known
from explain.teaching.convolving import output_size, reach
from explain.teaching.pictures import png

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.learn.convolution_layer import Shown
    from dashboard.learn.desk import Desk
    from explain.teaching.convolving import Padding

    Floats = NDArray[np.float32]

PICTURES = {"chelsea": "Cat", "temple": "Temple", "bus": "Bus", "teapot": "Teapot"}
KINDS = {"one": "One kernel", "separable": "Depthwise separable", "pointwise": "1 x 1"}
KERNELS = {
    "edges": "Upright edges",
    "around": "All edges",
    "blur": "Blur",
    "sharpen": "Sharpen",
    "emboss": "Emboss",
    "own": "Your own",
    "trained": "A trained one",
}
PADDINGS = {"valid": "None (valid)", "same": "Same size", "number": "A number"}
SIZES = {"3": "3 x 3", "5": "5 x 5", "7": "7 x 7"}
#: What the own kernel begins with: the pixel as it is.
OWN = (0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
MINUS = "\N{MINUS SIGN}"
#: What a 1 x 1 convolution begins with: it weighs red against the other colours.
MIX = {"red": 1.0, "green": -0.5, "blue": -0.5}
#: The largest weight that may be typed, and the most characters of such a kernel in an address.
LARGEST, LONGEST = 99, 200
SAID = {
    "edges": "Its left column counts against, its right column for: the output is far from zero where bright and dark "
    "meet in an upright line, and zero where nothing changes.",
    "around": "It compares the middle with its surroundings: flat regions give zero, edges of every direction show.",
    "blur": "All weights are the same and add up to 1: each output is the mean of what lies under the kernel.",
    "sharpen": "It adds to each pixel how much it differs from its neighbours; the weights still add up to 1.",
    "emboss": "Light seems to fall from one corner: one side counts for, the other against.",
    "own": "Type numbers into the kernel. Set the middle to 0 and put a 1 beside it: what happens to the picture?",
    "trained": "Nobody chose these numbers: they are what a filter of the first layer of everyday_resnet came to "
    "in training. It reads red, green and blue with weights of their own. (Inside that network, colours are first "
    "shifted and scaled; here they are left as they are.)",
}

_kernel = component("kernel", "numbers", "canvas", "elements", "kernel.sums")


def draw(desk: Desk) -> None:
    """Draw the demonstration."""
    desk.text(
        "A [[convolution]] lays a small grid of weights, the [[kernel]], on the picture, multiplies each weight by the "
        "pixel below it, and adds up the products. That sum is **one** number of the output. Then the kernel moves on. "
        "Point at the output, or move over it with the arrow keys, to see any of these sums."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        kind = desk.choice("kind", "Convolution", KINDS)
    with right:
        name = desk.choice("picture", "Picture", PICTURES)
    chosen, kernel, title = _weights(desk, kind)
    shown = _slide(desk, kind, name, kernel)
    _show(desk, shown, name, chosen, title)
    _explain(desk, kind, chosen, kernel)
    _size(desk, shown)
    _cost(desk, shown)
    desk.picture("Picture", lambda: png(shown.picture.transpose(1, 2, 0).squeeze(), 16))
    desk.picture("Output", lambda: png(layers.painted(shown), 16))
    with st.container(horizontal=True, key="links"):
        desk.link("All kernels of a trained first layer", "layers", layer=known.LAYER, section="filters")
        desk.link("The same sum inside a network", "layers", layer=known.LAYER, section="step")


def _weights(desk: Desk, kind: str) -> tuple[str, Floats, str]:
    """Ask which kernel; return its key, its weights (size, size) or (3, size, size), and its title."""
    if kind == "pointwise":
        return "pointwise", _mix(desk)[:, None, None], "Kernel, one weight for each colour"
    chosen = desk.choice("kernel", "Kernel", KERNELS)
    if chosen == "trained":
        number = int(desk.number("filter", "Filter of the first layer", 0, len(known.trained()) - 1, 28))
        return chosen, known.trained()[number], f"Filter {number}"
    if chosen == "own":
        kernel = np.array(_own(desk.held("own", lambda text: _own(text) is not None, "the kernel")), np.float32)
        kernel = kernel.reshape(3, 3)
    else:
        kernel = layers.GROWING[chosen](int(desk.choice("size", "Size of the kernel", SIZES)))
    return chosen, np.stack([kernel] * 3) if kind == "separable" else kernel, "Kernel"


def _mix(desk: Desk) -> Floats:
    """Ask how the colours are mixed."""
    weights = []
    for place, (name, default) in zip(st.columns(3, gap="medium"), MIX.items(), strict=True):
        with place:
            weights.append(desk.number(name, f"Weight of {name}", -2.0, 2.0, default, 0.1))
    return np.array(weights, np.float32)


def _slide(desk: Desk, kind: str, name: str, kernel: Floats) -> Shown:
    """Ask how the kernel moves, and let it."""
    mix = _mix(desk) if kind == "separable" else None
    first, second, third = st.columns(3, gap="medium")
    with first:
        stride = int(
            desk.number("stride", "Stride", 1, 4, 1, help="How many pixels the kernel moves to the next place")
        )
    if kind == "pointwise":
        return layers.slide(name, kernel, stride=stride)
    with second:
        dilation = int(desk.number("dilation", "Dilation", 1, 4, 1, help="How many pixels lie from weight to weight"))
    with third:
        padding: Padding = desk.choice("padding", "Padding", PADDINGS, "Zeros put round the picture")  # type: ignore[assignment]
        if padding not in ("valid", "same"):
            padding = int(desk.number("pad", "Pixels of padding on each side", 0, 6, 2))
    return layers.slide(name, kernel, mix=mix, stride=stride, padding=padding, dilation=dilation)


def _show(desk: Desk, shown: Shown, name: str, chosen: str, title: str) -> None:
    """Draw the kernel on its way."""
    rows, columns = shown.output.shape
    size = f"{layers.SIDE} x {layers.SIDE} pixels"
    # Every kernel here has an odd side, so that "same" puts as much before as after.
    edge = f", {shown.pads[0]} of padding on each side" if any(shown.pads) else ""
    at = desk.place(rows, columns) or (rows // 2, columns // 2)
    own = chosen == "own" and desk.shown("own") and len(shown.picture) == 1
    data = layers.pack(
        shown,
        at,
        titles=(f"Picture, {size}{edge}", title, f"Output, {rows} x {columns} values"),
        alt=f"{SAMPLES[name].alt} Shrunk to {size}. A frame shows where the kernel lies.",
        own=own,
    )
    key = desk.key("kernel-on-its-way")

    def place() -> None:
        picked = state.get(key)["place"]
        desk.hold_place(int(picked["row"]), int(picked["column"]))

    def weights() -> None:
        typed = ",".join(f"{float(value):g}" for value in state.get(key)["weights"])
        desk.hold("own", None if _own(typed) in (None, OWN) else typed)

    _kernel(key=key, data=data, on_place_change=place, on_weights_change=weights)
    scale = f"orange is above zero, blue below, up to {short(shown.top)}" if shown.signed else "0 is black, 1 is white"
    st.caption(
        f"In the picture, 0 is black and 1 is white. In the output, {scale}. Hatched: padding, which counts as 0. "
        "Numbers are rounded for reading."
    )


def _explain(desk: Desk, kind: str, chosen: str, kernel: Floats) -> None:
    if chosen in SAID:
        desk.text(SAID[chosen])
    if kind == "separable":
        desk.text(
            "A [[depthwise separable convolution]] works in two steps. First every colour is convolved **by itself**; "
            "then a 1 x 1 convolution mixes the three sums with one weight each. Set all three weights to 1: with a "
            "trained filter you get exactly what the ordinary convolution gives."
        )
    if kind == "pointwise":
        mix = kernel.ravel().tolist()
        sums = ", ".join(f"{signed(round(weight, 6))} for {name}" for name, weight in zip(MIX, mix, strict=True))
        asked = " These weights ask “how red is it here?”." if np.allclose(mix, list(MIX.values())) else ""
        desk.text(
            "A 1 x 1 convolution looks at one place only. It knows nothing of the neighbours, but it mixes the "
            f"[[channels]]: here {sums}.{asked} In deep networks it turns hundreds of channels into fewer."
        )


def _size(desk: Desk, shown: Shown) -> None:
    """Write the formula of the output's size with the numbers in it."""
    st.header("How large is the output?", anchor=False)
    before, after = shown.pads
    span = reach(shown.size, shown.dilation)
    found = output_size(layers.SIDE, shown.size, shown.stride, shown.padding, shown.dilation)
    desk.text(
        "Along each side, count how often the kernel fits: "
        f"output = ⌊(picture + [[padding]] {MINUS} what the kernel spans) / [[stride]]⌋ + 1. "
        f"The brackets ⌊ ⌋ cut off what is left over, and the kernel spans [[dilation]] · (size {MINUS} 1) + 1."
    )
    desk.text(
        f"The kernel spans {shown.dilation} · ({shown.size} {MINUS} 1) + 1 = **{span}** pixels, so the output has "
        f"⌊({layers.SIDE} + {before + after} {MINUS} {span}) / {shown.stride}⌋ + 1 = **{found}** rows, "
        "and as many columns."
    )


def _cost(desk: Desk, shown: Shown) -> None:
    """Compare what the layer costs with others that give as many values."""
    st.header("Why convolution?", anchor=False)
    desk.text(
        "A layer of a network has many filters, and each reads all channels of the layer before. Here is what such a "
        "layer costs with your settings, beside a [[fully connected layer]] that gives as many values."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        channels = int(desk.number("channels", "Channels that are read", 1, 256, 64))
    with right:
        filters = int(desk.number("filters", "Filters (channels that come out)", 1, 256, 64))
    layer = shown.layer(channels, filters)
    usual = layer.convolution()
    costs = {
        "Convolution": usual,
        "Depthwise separable": layer.depthwise_separable(),
        "Fully connected": layer.fully_connected(),
    }
    lines = ["| Layer | Parameters | Multiply-adds |", "|---|--:|--:|"]
    lines += [f"| {name} | {cost.parameters:,} | {cost.multiply_adds:,} |" for name, cost in costs.items()]
    with st.container(key="convolution-cost"):
        st.markdown("\n".join(lines))
    times = costs["Fully connected"].parameters / usual.parameters
    less = costs["Depthwise separable"].parameters / usual.parameters
    apart = (
        f"gets by with {short(less)} times as many"
        if less < 1
        else f"needs {short(less)} times as many too: it saves only with kernels larger than 1 x 1 and several filters"
    )
    desk.text(
        f"The convolution uses the same {layer.kernel} x {layer.kernel} weights at all {layer.places:,} places: "
        f"what it learns in one corner holds in all others. The fully connected layer needs {short(times)} times the "
        f"[[parameters]], one for each pair of an input and an output; the depthwise separable one {apart}. "
        "A [[multiply-add]] is one product that is added to a sum; biases are counted among the parameters."
    )


def _own(text: str | None) -> tuple[float, ...] | None:
    """Read nine numbers, commas between them; what is not there is the kernel that changes nothing."""
    if text is None:
        return OWN
    try:
        values = tuple(float(part) for part in text[:LONGEST].split(","))
    except ValueError:
        return None
    fit = len(values) == 9 and len(text) <= LONGEST
    return values if fit and all(math.isfinite(value) and abs(value) <= LARGEST for value in values) else None


DEMONSTRATION = Demonstration(
    key="convolution",
    title="Convolution",
    summary="A small grid of weights slides over a picture and writes down one sum at each place.",
    question="The output of the upright-edges kernel is the same whether a cat sits on the left or on the right, only "
    "moved. Why can a fully connected layer not promise that, and what does the promise cost?",
    answer="The convolution uses the **same weights at every place**, so what it answers moves with the picture. "
    "A [[fully connected layer]] has other weights for every place and would have to learn the cat anew everywhere. "
    "The price: a [[kernel]] cannot treat places differently, and it sees only its small patch. Seeing more takes more "
    "layers, a larger [[stride]], [[dilation]] or [[pooling]].",
    controls=(
        *("kind", "picture", "kernel", "size", "filter", "own", "red", "green", "blue"),
        *("stride", "padding", "pad", "dilation", "channels", "filters"),
    ),
    topics=(
        *("kernels for edges, blur, sharpening and emboss", "own kernels", "trained kernels"),
        *("stride", "padding", "dilation", "output size", "1 x 1 convolution", "depthwise separable convolution"),
        "parameters and multiply-adds beside a fully connected layer",
    ),
    draw=draw,
)
