"""The section of dying units: one ReLU, one step that is too large, and a leaky ReLU beside it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import samples, words
from dashboard.layers.numbers import short
from dashboard.learn import curves, real
from dashboard.learn.curves import Chart, Line
from explain.teaching import dying

if TYPE_CHECKING:
    from dashboard.learn.desk import Desk
    from explain.teaching.dying import Life

RATE, LEAK = 0.8, 0.1


def draw(desk: Desk) -> None:
    """Draw the section."""
    st.header("How a ReLU dies", anchor=False)
    desk.text(
        f"One [[unit]], f(w x + b), is trained on {dying.INPUTS} inputs to give x where it is above zero, else 0. It "
        f"begins at w = {dying.WEIGHT:g} and b = {dying.BIAS:g}: too high, so the first [[gradient]] is large. Move "
        "the [[learning rate]] and watch how many inputs still switch the unit on."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        rate = float(desk.number("rate", "Learning rate", 0.05, 1.0, RATE, 0.05))
    with right:
        leak = float(desk.number("leak", "Slope of the leaky ReLU below zero", 0.01, 0.3, LEAK, 0.01))
    plain, leaky = _life(rate, 0.0), _life(rate, leak)
    steps = tuple(float(step) for step in range(len(plain.on)))
    left, right = st.columns(2, gap="large")
    with left:
        curves.draw(
            "activations-on",
            Chart(
                title="Share of the inputs that switch the unit on",
                alt=f"Over {dying.STEPS} steps. In the end {words.percent(plain.on[-1])} for ReLU and "
                f"{words.percent(leaky.on[-1])} for leaky ReLU.",
                across="step",
                lines=(Line("ReLU", steps, plain.on), Line("leaky ReLU", steps, leaky.on, "second")),
                up=(0.0, 1.0),
                hint="Point at a step, or use the arrow keys, for its numbers.",
                height=230,
            ),
        )
    with right:
        curves.draw(
            "activations-loss",
            Chart(
                title="Loss: the mean squared error, in powers of ten",
                alt=f"Over {dying.STEPS} steps. In the end {short(plain.losses[-1])} for ReLU and "
                f"{short(leaky.losses[-1])} for leaky ReLU.",
                across="step",
                lines=(Line("ReLU", steps, plain.losses), Line("leaky ReLU", steps, leaky.losses, "second")),
                up=(1e-5, 100.0),
                log=True,
                hint="Point at a step, or use the arrow keys, for its numbers.",
                height=230,
            ),
        )
    desk.text(f"{_fate(plain, rate)} {_beside(plain, leaky)}")
    _in_the_network(desk)


@lru_cache(maxsize=128)
def _life(rate: float, leak: float) -> Life:
    return dying.train(*dying.data(), rate, leak)


def _fate(plain: Life, rate: float) -> str:
    """Say when the ReLU died and why, or that it did not."""
    step = plain.died
    if step is None:
        return (
            f"At a learning rate of {rate:g} the **ReLU lives**: in the end {words.percent(plain.on[-1])} of the "
            f"inputs switch it on, and the loss is {short(plain.losses[-1])}. Raise the learning rate."
        )
    bias, weight = plain.biases[step], plain.weights[step]
    highest = float((weight * dying.data()[0] + bias).max())
    return (
        f"**The ReLU dies in step {step}.** The gradient was {short(plain.gradients[step - 1])}; times {rate:g}, it "
        f"moved the bias from {short(plain.biases[step - 1])} to **{short(bias)}**. Now even the largest sum w x + b "
        f"is {short(highest)}, below zero: the unit gives 0 for every input, its slope is 0 there, and its gradient is "
        f"exactly **{short(plain.gradients[step])}**. No further step moves it."
    )


def _beside(plain: Life, leaky: Life) -> str:
    """Say what became of the leaky ReLU."""
    if plain.died is None:
        return ""
    if leaky.came_back is None:
        return (
            f"The **leaky ReLU** still gets a gradient ({short(leaky.gradients[-1])} in the last step), but "
            f"{dying.STEPS} steps are not enough to come back. Raise its slope."
        )
    return (
        f"The **leaky ReLU** was off too, but a little gradient came through: in step **{leaky.came_back}** an input "
        f"switches it on again, and it ends with a loss of {short(leaky.losses[-1])} instead of "
        f"{short(plain.losses[-1])}."
    )


def _in_the_network(desk: Desk) -> None:
    """Tell a channel of a real network that is silent on a picture from one that is dead."""
    highest = np.array([real.first_maps(real.PLAIN, name).max((1, 2)) for name in real.PICTURES])
    off = highest <= 0
    if not off.any():
        return
    picture, channel = (int(place) for place in np.argwhere(off)[0])
    name, dead = samples.SAMPLES[real.PICTURES[picture]].title, int(off.all(0).sum()) or "none"
    loudest = real.PICTURES[int(highest[:, channel].argmax())]
    seen = f"On {samples.SAMPLES[loudest].title} it answers up to {short(float(highest[:, channel].max()))}"
    desk.text(
        f"**Silent is not dead.** In the first layer of the bundled Everyday VGG, channel {channel} is 0 at every "
        f"place of {name}. {seen}. Dead is a unit that no input switches on. Of the {off.shape[1]} channels, "
        f"**{dead}** stay 0 on all {len(real.PICTURES)} pictures of this page."
    )
