"""One step of backpropagation with real numbers: a weight of the network in training, forward, back, moved, checked."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.layers.numbers import RAISED, short
from dashboard.learn.training_watch import inline_digit, inline_map
from explain.teaching.backpropagation import NUDGE, one_step
from explain.teaching.digit_network import DigitNetwork
from explain.teaching.digits import digits, forward, weights
from explain.teaching.first_weights import shapes
from explain.teaching.training import start, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.learn.desk import Desk
    from dashboard.learn.training_bench import Bench
    from explain.teaching.backpropagation import OneStep

LAYERS = {"last": "The last layer", "first": "The first layer"}
#: The controls of this section, by their names in the address.
NAMES = ("layer", "picture", "score", "unit", "filter", "row", "column")
SCORES = {"right": "The right digit", "other": "The strongest other"}
TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
STYLE = """<style>
.steps { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; align-items: flex-start; }
.steps figure { margin: 0; font-size: 0.8125rem; }
.steps img { image-rendering: pixelated; display: block; border-radius: 0.25rem; }
.steps table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
.steps th, .steps td { padding: 0.16rem 0.6rem; text-align: right; white-space: nowrap; }
.steps th, .steps td { border-bottom: 1px solid rgba(128, 128, 128, 0.4); }
.steps th:first-child { text-align: left; }
.steps .true { font-weight: 700; background: rgba(128, 128, 128, 0.18); }
.maps3 { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; }
.maps3 figure { margin: 0; font-size: 0.8125rem; }
.maps3 img { image-rendering: pixelated; display: block; border-radius: 0.25rem; }
.maps3 img { border: 1px solid rgba(128, 128, 128, 0.45); }
</style>"""


def draw(desk: Desk, bench: Bench) -> None:
    """Draw the section."""
    st.header("One step of backpropagation, with real numbers", anchor=False)
    desk.text(
        "[[Backpropagation]] asks of every weight: if it were a little larger, how much would the [[loss]] change? "
        "Pick a weight and follow its number; every other weight gets its own in the same way."
    )
    settings = bench.setups[0].settings
    now, whose = _weights(bench)
    part = digits().validation
    left, right = st.columns([1, 2.2], gap="large")
    with left:
        layer = desk.choice("layer", "The weight lies in", LAYERS)
        row = int(desk.number("picture", "Picture", 0, 19, 10, help="0 to 9: one of each digit; 10 to 19: hard ones."))
        picture = watched()[row]
        label = int(part.labels[picture])
        with np.errstate(over="ignore", invalid="ignore"):
            stages = forward(now, part.inputs[[picture]])
        place = _place(desk, layer, label, stages)
    with right:
        st.caption(whose)
        if not all(np.isfinite(values).all() for values in now.values()):
            st.markdown("The weights are no numbers any more: training has diverged. Reset it to go on here.")
            return
        name = "scores" if layer == "last" else "conv1"
        step = one_step(now, part.inputs[picture], label, name, place, settings.learning_rate, settings.loss)
        if not step.finite:
            st.markdown("The weights have grown so far that the computer has no numbers for this step. Reset to go on.")
            return
        _forward(desk, step, picture, label)
        _last(step) if layer == "last" else _first(step, part.inputs[picture][0])
        _update(desk, step)


def _place(desk: Desk, layer: str, label: int, stages: dict[str, NDArray[np.float32]]) -> tuple[int, ...]:
    """Draw what picks the weight, and return its place in its layer."""
    sizes = shapes(DigitNetwork())
    if layer == "last":
        scores, units = stages["scores"][0], stages["hidden_activation1"][0]
        right = desk.choice("score", "It leads to the score of", SCORES) == "right"
        other = int(np.where(np.arange(len(scores)) == label, -np.inf, scores).argmax())
        rank = desk.number("unit", "It comes from hidden unit, by strength", 1, sizes["scores"][1], 1)
        return label if right else other, int((-units).argsort(kind="stable")[int(rank) - 1])
    kernel = int(desk.number("filter", "Filter", 0, sizes["conv1"][0] - 1, 0))
    return kernel, 0, int(desk.number("row", "Row", 0, 2, 1)), int(desk.number("column", "Column", 0, 2, 1))


def _weights(bench: Bench) -> tuple[dict[str, NDArray[np.float32]], str]:
    """Return the weights that are looked at, and say whose they are."""
    settings = bench.setups[0].settings
    if settings.batch_norm:
        return dict(weights()), "With batch norm the chain is longer; these are the weights of the shipped network."
    if not bench.begun:
        return start(settings), "The network above before its first step."
    trainer, name = bench.trainers[0], bench.setups[0].name
    steps = len(trainer.record.batches)
    of = f" of “{name}”" if len(bench.setups) > 1 else ""
    return trainer.weights, f"The network above{of} after {steps:,} steps; it moves on when you train it further."


def _forward(desk: Desk, step: OneStep, picture: int, label: int) -> None:
    desk.text("**1. Forward.** The picture goes through the network; [[softmax]] turns its scores into probabilities.")
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Digit", "Score", "Probability", "∂loss/∂score"))
    columns = zip(step.scores, step.probabilities, step.errors, strict=True)
    body = "".join(
        f'<tr{_true(digit, label)}><th scope="row">{digit}</th>'
        + "".join(f"<td>{_fixed(value)}</td>" for value in values)
        + "</tr>"
        for digit, values in enumerate(columns)
    )
    st.html(
        f'{STYLE}<div class="steps"><figure><img src="{inline_digit(picture)}" width="96" height="96" '
        f'alt="A handwritten {label}"><figcaption>a {label}</figcaption></figure>'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    if step.kind == "squared":
        st.markdown(f"The loss is the squared distance from the right answer: **{step.loss:.4f}**.")
    else:
        chance = step.probabilities[label]
        if chance > 0:
            st.markdown(f"The loss is {MINUS}ln {chance:.4g} = **{step.loss:.4f}**.")
        else:
            st.markdown(
                f"The loss is **{step.loss:.4f}**. The probability of the right digit, e to the power of "
                f"{MINUS}{step.loss:.0f}, is too small to be written, so its logarithm is computed from the scores."
            )


def _last(step: OneStep) -> None:
    digit, unit = step.place
    blame, read = float(step.blames[0]), float(step.reads[0])
    how = "" if step.kind == "squared" else ": its probability, less 1 if it is the right digit"
    st.markdown(
        f"**2. Back, by the chain rule.** The loss changes with the score of {digit} by {_number(blame, 4)}{how}. The "
        f"weight ({_number(step.weight, 4)}) enters that score multiplied by hidden unit {unit}, which is "
        f"{_number(read, 4)}:"
    )
    st.markdown(f"gradient = {_number(blame, 4)} {TIMES} {_bracketed(read, 4)} = **{_number(step.gradient, 6)}**")
    if read == 0:
        st.markdown("The hidden unit is off here (ReLU gave 0), so this weight learns nothing from this picture.")


def _first(step: OneStep, picture: NDArray[np.float32]) -> None:
    kernel, _, row, column = step.place
    products = step.reads * step.blames
    st.markdown(
        f"**2. Back, by the chain rule.** The error comes back through both linear layers, the pooling and the second "
        f"convolution. The weight ({_number(step.weight, 4)}; filter {kernel}, row {row}, column {column}) is used at "
        "all 64 places, each time on another pixel: its gradient is the sum of the 64 products."
    )
    tiles = [
        (step.reads, "pixel under the weight", "Picture as the weight sees it"),
        (step.blames, "∂loss/∂sum there", "How the loss changes with the sum at each place"),
        (products, "product", "Products at each place"),
    ]
    figures = [
        f'<figure><img src="{inline_map(values)}" width="96" height="96" alt="{html.escape(alt)}">'
        f"<figcaption>{words}<br>up to {_number(float(np.abs(values).max()), 2)}</figcaption></figure>"
        for values, words, alt in tiles
    ]
    st.html(f'<div class="maps3">{figures[0]}<b>{TIMES}</b>{figures[1]}<b>=</b>{figures[2]}</div>')
    order = np.argsort(-np.abs(products), axis=None)[:3]
    largest = " + ".join(
        f"({_number(float(step.reads.flat[at]), 3)} {TIMES} {_bracketed(float(step.blames.flat[at]), 4)})"
        for at in order
    )
    st.markdown(f"gradient = {largest} + 61 others = **{_number(step.gradient, 6)}**")


def _update(desk: Desk, step: OneStep) -> None:
    desk.text(
        f"**3. Update.** A step of plain [[gradient]] descent with the [[learning rate]] {step.rate:g}: "
        f"{_number(step.weight, 6)} {MINUS} {step.rate:g} {TIMES} {_bracketed(step.gradient, 6)} = "
        f"**{_number(step.moved, 6)}**. The loss goes from {step.loss:.6f} to {step.loss_after:.6f} if this weight "
        f"alone moves, and to **{step.loss_after_all:.4f}** if all of them do."
    )
    apart = abs(step.difference - step.gradient)
    agreed = f"the gradient to within {short(apart, 2)}" if apart else "the gradient exactly"
    desk.text(
        f"**4. Check, without the chain rule.** With the weight {NUDGE:.5f} larger the loss is {step.loss_above:.9f}, "
        f"with it {NUDGE:.5f} smaller {step.loss_below:.9f}. The difference, divided by {2 * NUDGE:.5f}, is "
        f"**{_number(step.difference, 6)}**: {agreed}."
    )


def _true(digit: int, label: int) -> str:
    return ' class="true"' if digit == label else ""


def _fixed(value: float) -> str:
    """Write a number with two decimals, three below one."""
    return f"{value:.{2 if abs(value) >= 1 else 3}f}".replace("-", MINUS)


def _number(value: float, digits_: int) -> str:
    """Write a number with so many significant figures, a real minus, and powers of ten raised."""
    figure, _, power = f"{value:.{digits_}g}".partition("e")
    raised = f"·10{str(int(power)).translate(RAISED)}" if power else ""
    return f"{figure}{raised}".replace("-", MINUS)


def _bracketed(value: float, digits_: int) -> str:
    """Write a number like `_number`, one below zero in brackets."""
    return f"({_number(value, digits_)})" if value < 0 else _number(value, digits_)
