"""The demonstration of activation functions: the curve, its slope, and both at work in real layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import samples, state, words
from dashboard.layers.numbers import short
from dashboard.learn import activations_deep, activations_dying, curves, real, sheets
from dashboard.learn.curves import Chart, Line
from dashboard.learn.desk import Demonstration
from dashboard.learn.sheets import Sheet
from explain.teaching.activations import ACTIVATIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.learn.desk import Desk
    from explain.teaching.activations import Activation

REACH, STEP, START = 6.0, 0.1, 1.0
CHANNEL, CHANNELS = 18, 32
#: Where a gradient is multiplied by less than this, next to nothing of it comes through.
NEARLY_NOTHING = 0.05


def draw(desk: Desk) -> None:
    """Draw the demonstration."""
    desk.text(
        "Without an [[activation function]], layers on top of each other could be replaced by a single one: sums of "
        "sums are sums again. The bend makes the difference, and its [[derivative]] decides how much of the "
        "[[gradient]] comes back through it."
    )
    key = desk.choice("function", "Function", {name: each.label for name, each in ACTIVATIONS.items()})
    activation = ACTIVATIONS[key]
    _curve(desk, activation)
    _at_work(desk, activation)
    activations_deep.draw(desk, key)
    activations_dying.draw(desk)
    with st.container(horizontal=True, key="links"):
        desk.link(
            "Step inside the network's own ReLU",
            "layers",
            model=real.PLAIN,
            layer="features.2",
            channel=str(CHANNEL),
            section="step",
        )
        desk.link("Look for dead channels: the audit", "layers", model=real.PLAIN, layer="features.2", section="audit")


def _curve(desk: Desk, activation: Activation) -> None:
    """Draw the curve and its slope, with a point to move."""
    at = desk.number("x", "The point x", -REACH, REACH, START, STEP)
    places = np.round(np.arange(-REACH, REACH + STEP / 2, STEP), 1)
    values, slopes = activation.value(places), activation.slope(places)
    value, slope = (float(each(np.array([at]))[0]) for each in (activation.value, activation.slope))
    lowest, highest = float(min(values.min(), slopes.min())), float(max(values.max(), slopes.max()))
    across = tuple(places.tolist())
    chart = Chart(
        title=f"{activation.label}: its value and its slope",
        alt=f"The curve of {activation.label} from {-REACH:g} to {REACH:g}, and its derivative. At x = {at:g} the "
        f"value is {short(value)} and the slope {short(slope)}.",
        across="x",
        lines=(
            Line("value f(x)", across, tuple(values.tolist())),
            Line("derivative f'(x)", across, tuple(slopes.tolist()), "second", jump=0.5),
        ),
        up=(min(-0.3, lowest - 0.3), max(1.3, highest)),
        at=at,
        tangent=(at, value, slope),
    )
    left, right = st.columns([62, 38], gap="large", vertical_alignment="center")
    with left:
        curves.draw("activations-curve", chart, _move(desk))
    with right:
        desk.text(
            f"f(x) = {words.escaped(activation.formula)}\n\nf'(x) = {words.escaped(activation.slope_formula)}\n\n"
            f"At x = **{short(at)}** the value is **{short(value)}** and the derivative **{short(slope)}**: of a "
            f"gradient of 1 that arrives from above, **{short(slope)}** goes on to the layer below. "
            f"{activation.remark}\n\nMove x far to the left and to the right. Where is the curve flat?"
        )


def _move(desk: Desk) -> curves.Pick | None:
    """Let a click on the curve move the point, as long as its slider is there."""
    if not desk.shown("x"):
        return None
    return lambda at: state.put(desk.key("x"), round(at, 1))


def _at_work(desk: Desk, activation: Activation) -> None:
    """Apply the function to a real map, as the network computes it just before its first activation."""
    st.header("On a real feature map", anchor=False)
    with st.container(horizontal=True, gap="medium"):
        sample = desk.choice("sample", "Picture", {name: samples.SAMPLES[name].title for name in real.PICTURES})
        channel = int(desk.number("channel", "Channel", 0, CHANNELS - 1, CHANNEL))
    before = real.first_maps(real.PLAIN, sample)[channel]
    after, slopes = activation.value(before), activation.slope(before)
    shown = _sheets(activation, channel, before, after, slopes)
    sheets.draw("activations-map", shown)
    desk.picture("Before and after", lambda: sheets.png(shown))
    zeros, shut = float((after == 0).mean()), float((np.abs(slopes) < NEARLY_NOTHING).mean())
    own = (
        " This is what the network itself does here."
        if activation is ACTIVATIONS["relu"]
        else (
            " The network itself was trained with ReLU; this is what another function would make of the same numbers."
        )
    )
    desk.text(
        f"Of {before.size:,} numbers **{words.percent(float((before < 0).mean()))}** are below zero before. After "
        f"{activation.label}, **{words.percent(zeros)}** are exactly 0, and at **{words.percent(shut)}** of the places "
        f"a gradient is cut to less than a twentieth on its way back.{own}"
    )


def _sheets(
    activation: Activation,
    channel: int,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    slopes: NDArray[np.float32],
) -> list[Sheet]:
    top = float(np.abs(before).max())
    label = activation.label
    return [
        Sheet(
            "Before",
            "x",
            before,
            f"Channel {channel} before its activation; orange is above zero, blue below.",
            f"{short(float(before.min()))} to {short(float(before.max()))}",
            top,
            "blue-orange",
        ),
        Sheet(
            f"After {label}",
            "f(x)",
            after,
            f"The same channel after {label}.",
            f"{short(float(after.min()))} to {short(float(after.max()))}",
            top if after.max() > 1 else 1.0,
            "blue-orange",
        ),
        _slopes(activation, slopes),
    ]


def _slopes(activation: Activation, slopes: NDArray[np.float32]) -> Sheet:
    """Show the slope at every place, on one scale for all pictures: as far as this function's slope goes anywhere."""
    every = activation.slope(np.linspace(-REACH, REACH, 241))
    top, two_signs = max(1.0, math.ceil(100 * float(np.abs(every).max())) / 100), bool(every.min() < 0)
    scale = f"orange: above 0, blue: below, up to {short(top)}" if two_signs else f"dark: 0, light: {short(top)}"
    return Sheet(
        "Its slope there",
        "f'(x)",
        slopes,
        f"The derivative of {activation.label} at every place.",
        f"{short(float(slopes.min()))} to {short(float(slopes.max()))} ({scale})",
        top,
        "blue-orange" if two_signs else "viridis",
    )


DEMONSTRATION = Demonstration(
    key="activations",
    title="Activation functions",
    summary="The bend after every layer: what it lets through, forward and back, and how gradients vanish and units "
    "die.",
    question="Sigmoid gives a number between 0 and 1, which is easily read as “how much is there”. Why do deep "
    "networks use it between their layers hardly any more?",
    answer="Its [[derivative]] is at most 0.25, and far less where it is saturated. Going back through ten layers a "
    "[[gradient]] is multiplied by ten such numbers: at most 0.25¹⁰, about one in a million. ReLU multiplies by 1 "
    "wherever it is on. At the very end, where one number is wanted between 0 and 1, sigmoid still has its place.",
    controls=(
        *("function", "x", "sample", "channel", "initialisation", "layers", "seed"),
        *("rate", "leak"),
    ),
    topics=(
        *("ReLU", "leaky ReLU", "sigmoid", "tanh", "GELU", "derivatives", "vanishing gradients", "exploding gradients"),
        *("weight initialisation", "dying ReLU"),
    ),
    draw=draw,
)
