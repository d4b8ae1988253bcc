"""The section of vanishing gradients: a stack of layers, forward and back, by activation and first weights."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import words
from dashboard.layers import numbers
from dashboard.layers.numbers import short
from dashboard.learn import curves
from dashboard.learn.curves import Chart, Line
from explain.teaching import pictures, vanishing
from explain.teaching.activations import ACTIVATIONS
from explain.teaching.vanishing import INITIALISATIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.learn.desk import Desk
    from explain.teaching.vanishing import Passage

#: The pictures that patches are cut from, each a class.
SEEN = ("chelsea", "coffee", "pretzel", "bus", "orange", "lemon", "ladybug", "mushroom", "teapot", "basketball")
LAYERS, FEWEST, MOST, SEEDS = 10, 2, 20, 9
#: A first layer that gets less than this of the last one's gradient hardly learns; more than its inverse explodes.
LITTLE = 0.1


def draw(desk: Desk, activation: str) -> None:
    """Draw the section."""
    st.header("Through many layers", anchor=False)
    desk.text(
        f"A real stack: layers of {vanishing.UNITS} units read {vanishing.PATCHES} patches of 8 x 8 pixels, and a last "
        f"one is asked which of {len(SEEN)} sample pictures each patch is from. One pass forward, one pass of "
        "[[backpropagation]]. How much of the [[gradient]] arrives at each layer, before any training?"
    )
    rules = {key: each.label for key, each in INITIALISATIONS.items()}
    rule = desk.choice("initialisation", "First weights", rules)
    left, right = st.columns(2, gap="medium")
    with left:
        layers = int(desk.number("layers", "Layers", FEWEST, MOST, LAYERS))
    with right:
        seed = int(desk.number("seed", "Draw of the weights", 0, SEEDS, 0))
    found = _passage(activation, rule, layers, seed)
    label = ACTIVATIONS[activation].label
    curves.draw("activations-stack", _chart(found, label))
    left, right = st.columns(2, gap="large", vertical_alignment="center")
    with left:
        desk.text(f"{_said(found, label)}\n\n{_why(rule)}")
    with right:
        _compared(rule, layers, seed)
    with st.expander("The numbers of each layer"):
        st.caption(
            "Spread: the standard deviation of what the layer gives. Gradient: how long the gradient is that arrives "
            "there; of its weights: the one that would move them."
        )
        lines: list[list[str | float]] = [
            [f"layer {place + 1}", spread, back, weights]
            for place, (spread, back, weights) in enumerate(
                zip(found.spreads, found.arriving, found.gradients, strict=True)
            )
        ]
        heads = ["", "spread", "gradient", "of its weights"]
        st.html(numbers.table(f"{label}, {INITIALISATIONS[rule].label}", heads, lines))


@lru_cache(maxsize=1)
def _data() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    return vanishing.patches([pictures.small(name, 64) for name in SEEN])


@lru_cache(maxsize=256)
def _passage(activation: str, rule: str, layers: int, seed: int) -> Passage:
    patches, truths = _data()
    return vanishing.passage(patches, truths, vanishing.weights(rule, layers, len(SEEN), seed), activation)


def _chart(found: Passage, label: str) -> Chart:
    layers = tuple(float(place + 1) for place in range(len(found.spreads)))
    every = [each for each in (*found.arriving, *found.spreads) if each > 0]
    low, high = 10 ** math.floor(math.log10(min(every))), 10 ** math.ceil(math.log10(max(every)))
    return Chart(
        title="How much arrives at each layer, in powers of ten",
        alt=f"A stack of {len(layers)} layers with {label}. The gradient that arrives at the first layer is "
        f"{short(found.arriving[0])}, at the last {short(found.arriving[-1])}.",
        across="layer",
        lines=(
            Line("back: gradient that arrives", layers, found.arriving, "first", spots=True),
            Line("forward: spread of what the layer gives", layers, found.spreads, "second", spots=True),
        ),
        up=(low, high if high > low else 10 * low),
        log=True,
        hint="Point at a layer, or use the arrow keys, for its numbers.",
        height=280,
        most=len(layers),
    )


def _said(found: Passage, label: str) -> str:
    """Say what became of the gradient between the last layer and the first."""
    layers, kept = len(found.arriving), found.kept
    last, front = short(found.arriving[-1]), short(found.arriving[0])
    first = f"At layer {layers} a gradient of **{last}** arrives, at layer 1 **{front}**"
    if kept < LITTLE:
        return f"{first}: with {label}, one part in **{short(1 / kept, 2)}** is left. The [[vanishing gradient]]."
    if kept > 1 / LITTLE:
        return f"{first}: **{short(kept, 2)}** times as much. The gradient explodes, and so would the first step."
    return f"{first}: **{words.percent(kept)}** of it. The first layers can learn about as fast as the last."


def _why(rule: str) -> str:
    """Say how the weights were drawn, and what to try."""
    reason = {
        "naive": "Each sum of 64 products comes out about twelve times smaller than what went in. Pick Xavier or He.",
        "large": "Each sum of 64 products comes out about eight times larger than what went in.",
        "xavier": "That keeps numbers as large as they were through a layer, as long as the curve's slope is near 1.",
        "he": "Twice Xavier's variance here, since ReLU throws half of the numbers away.",
    }[rule]
    return f"[[Initialisation]]: {INITIALISATIONS[rule].label}, {INITIALISATIONS[rule].formula}. {reason}"


def _compared(rule: str, layers: int, seed: int) -> None:
    lines: list[list[str | float]] = []
    for key, activation in ACTIVATIONS.items():
        found = _passage(key, rule, layers, seed)
        lines.append([activation.label, short(found.arriving[-1]), short(found.arriving[0]), _share(found.kept)])
    heads = ["", f"at layer {layers}", "at layer 1", "left"]
    caption = f"The gradient with all five, first weights: {INITIALISATIONS[rule].label.lower()}"
    st.html(numbers.table(caption, heads, lines))


def _share(kept: float) -> str:
    if math.isnan(kept):
        return "nothing"
    return f"1 in {short(1 / kept, 2)}" if kept < LITTLE else f"{short(kept, 2)} times"
