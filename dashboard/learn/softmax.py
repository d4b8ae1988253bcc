"""The demonstration of softmax: from a network's real logits to probabilities, and to the loss and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import samples, state, words
from dashboard.layers import numbers
from dashboard.layers.numbers import short, signed
from dashboard.learn import bars, curves, real
from dashboard.learn.bars import Bar
from dashboard.learn.curves import Chart, Line
from dashboard.learn.desk import Demonstration
from explain.teaching.softmax import cross_entropy, cross_entropy_gradient, entropy, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.learn.desk import Desk

    Floats = NDArray[np.float64]

#: Pictures that the network names right, some surely, some hardly.
PICTURES = ("chelsea", "basketball", "grace_hopper", "bus", "teapot")
TOP, MOVABLE = 7, 4
COLDEST, HOTTEST, STEP = 0.1, 10.0, 0.1
#: Below this, four places say too little of a probability.
SMALL = 1e-3


def draw(desk: Desk) -> None:
    """Draw the demonstration."""
    desk.text(
        "The last layer of a network gives each class a [[logit]], any number at all. [[Softmax]] turns them into "
        "[[probabilities]]: e to the power of each logit, divided by the sum of all. The [[temperature]] T "
        "divides the logits first."
    )
    sample = desk.choice("sample", "Picture", {name: samples.SAMPLES[name].title for name in PICTURES})
    network = real.network(real.RESIDUAL)
    classes = network.classes
    logits = real.logits(real.RESIDUAL, sample).astype(np.float64)
    temperature = float(desk.number("temperature", "Temperature", COLDEST, HOTTEST, 1.0, STEP))
    _heated(desk, classes, logits, temperature, samples.SAMPLES[sample].alt)
    moved = _moved(desk, classes, logits, temperature)
    true = classes.index(str(samples.SAMPLES[sample].everyday_class))
    _loss(desk, classes, moved, temperature, true)
    with st.container(horizontal=True, key="links"):
        desk.link("Ask why the network said so", "explain", sample=sample)
        desk.link("Change its probabilities by an attack", "attack", sample=sample)
        desk.link("See mistakes it was very sure of", "mistakes", show="wrong", sure="90-100")


def _heated(desk: Desk, classes: tuple[str, ...], logits: Floats, temperature: float, alt: str) -> None:
    """Draw the first classes at this temperature, and how sure the network would be at any other."""
    probabilities = softmax(logits, temperature)
    order = np.argsort(-logits)[:TOP]
    shown = [Bar(classes[each], f"logit {short(float(logits[each]))}", float(probabilities[each])) for each in order]
    rest = 1 - float(probabilities[order].sum())
    left, right = st.columns(2, gap="large")
    with left:
        bars.draw(f"Probabilities at T = {temperature:g}", shown)
        others = f"The other {len(classes) - TOP} classes have {words.percent(max(0.0, rest))} together."
        st.caption(f"{others} The picture: {words.escaped(alt)}")
    with right:
        curves.draw("softmax-curve", _chart(logits, temperature), _turn(desk))
    desk.picture("Probabilities", lambda: bars.png(f"Probabilities at T = {temperature:g}", shown))
    desk.text(_said(classes, logits, probabilities, temperature))


def _said(classes: tuple[str, ...], logits: Floats, probabilities: Floats, temperature: float) -> str:
    """Say how sure the answer is, what the temperature changes and what it leaves."""
    best = int(logits.argmax())
    once = softmax(logits)
    bits, most = entropy(probabilities), float(np.log2(len(classes)))
    usual = "" if temperature == 1 else f", and {words.percent(float(once[best]))} at T = 1, as the network was trained"
    order = "in the same order as at T = 1" if _same_order(once, probabilities) else "with ties too close to tell apart"
    return (
        f"**{words.escaped(classes[best])}** has **{words.percent(float(probabilities[best]))}** at T = "
        f"{temperature:g}{usual}. The [[entropy]] is **{bits:.2f} bits**, of at most {most:.2f} for {len(classes)} "
        f"classes that share alike. All classes stand {order}: the temperature changes how sure the network sounds, "
        "never what it names. **Try** 0.1 and 10."
    )


def _same_order(first: Floats, second: Floats) -> bool:
    """Tell whether no class that had more has less now; those too small to be told from 0 count as equal."""
    return bool((np.diff(second[np.argsort(-first)]) <= 0).all())


def _chart(logits: Floats, temperature: float) -> Chart:
    places = np.round(np.arange(COLDEST, HOTTEST + STEP / 2, STEP), 1)
    every = [softmax(logits, float(each)) for each in places]
    across, most = tuple(places.tolist()), float(np.log2(len(logits)))
    return Chart(
        title="How sure, at any temperature",
        alt="The highest probability falls and the entropy rises with the temperature, which stands at "
        f"{temperature:g}.",
        across="temperature T",
        lines=(
            Line("highest probability", across, tuple(float(each.max()) for each in every)),
            Line("entropy, as a share of the most", across, tuple(entropy(each) / most for each in every), "second"),
        ),
        up=(0.0, 1.0),
        at=temperature,
        height=270,
    )


def _turn(desk: Desk) -> curves.Pick | None:
    """Let a click on the curve set the temperature, as long as its slider is there."""
    if not desk.shown("temperature"):
        return None
    return lambda at: state.put(desk.key("temperature"), round(at, 1))


def _moved(desk: Desk, classes: tuple[str, ...], logits: Floats, temperature: float) -> Floats:
    """Draw what becomes of the probabilities when all logits are moved, or one; return the moved logits."""
    st.header("Move the logits", anchor=False)
    order = np.argsort(-logits)
    left, right = st.columns(2, gap="large")
    with left:
        constant = float(desk.number("constant", "Add to all logits", -100.0, 100.0, 0.0, 1.0))
    with right:
        ranks = {str(place + 1): classes[order[place]] for place in range(MOVABLE)}
        rank = desk.choice("class", "One class", ranks)
        push = float(desk.number("push", "Add to its logit alone", -10.0, 10.0, 0.0, 0.1))
    chosen = int(order[int(rank) - 1])
    together = logits + constant
    moved = together.copy()
    moved[chosen] += push
    before, shifted, after = (softmax(each, temperature) for each in (logits, together, moved))
    lines: list[list[str | float]] = [
        [
            classes[each],
            short(float(logits[each])),
            words.percent(float(before[each])),
            short(float(moved[each])),
            words.percent(float(after[each])),
        ]
        for each in dict.fromkeys([*order[:5].tolist(), chosen])
    ]
    left, right = st.columns(2, gap="large", vertical_alignment="center")
    left.html(numbers.table("Before and after", ["", "logit", "p", "logit then", "p then"], lines))
    largest = float(np.abs(shifted - before).max())
    all_of_them = (
        f"Adding **{signed(constant)}** to all logits moved no probability by more than {short(largest)}: only the "
        "distances between logits count."
        if constant
        else "Add something to all logits: no probability moves, since only the distances between logits count."
    )
    with right:
        desk.text(f"{all_of_them}\n\n{_alone(classes[chosen], push, before, after, chosen)}")
    return moved


def _alone(name: str, push: float, before: Floats, after: Floats, chosen: int) -> str:
    """Say what moving one logit did to its class and to all others."""
    if not push:
        return "Move one logit alone: its class gains or loses, and **all** others pay or profit by the same factor."
    other = int(np.argsort(-before)[0])
    other = int(np.argsort(-before)[1]) if other == chosen else other
    factor = float(after[other] / before[other])
    return (
        f"**{words.escaped(name)}** went from {words.percent(float(before[chosen]))} to "
        f"**{words.percent(float(after[chosen]))}**, and every other class was multiplied by **{short(factor)}**: "
        "softmax makes classes compete."
    )


def _loss(desk: Desk, classes: tuple[str, ...], logits: Floats, temperature: float, true: int) -> None:
    """Draw the cross-entropy of the true class and its gradient."""
    st.header("What it costs to be wrong", anchor=False)
    loss = cross_entropy(logits, true, temperature)
    gradient = cross_entropy_gradient(logits, true, temperature)
    probabilities = softmax(logits, temperature)
    lines: list[list[str | float]] = [
        [classes[each], _probability(float(probabilities[each])), "1" if each == true else "0", float(gradient[each])]
        for each in dict.fromkeys([true, *np.argsort(-probabilities)[:5].tolist()])
    ]
    divided = "p \N{MINUS SIGN} y" if temperature == 1 else f"(p \N{MINUS SIGN} y) / {temperature:g}"
    name, held = words.escaped(classes[true]), _probability(float(probabilities[true]))
    desk.text(
        f"The picture really shows **{name}**. [[Cross-entropy]] asks only what probability the true class got: "
        f"\N{MINUS SIGN}ln({held}) = **{loss:.4f}**, with the logits and the temperature as they "
        "stand above. Its [[gradient]] is as simple as can be: the probability, less 1 for the true class."
    )
    left, right = st.columns(2, gap="large", vertical_alignment="center")
    left.html(numbers.table("The gradient, class by class", ["", "p", "y", divided], lines))
    with right:
        desk.text(
            f"A step of training goes against it: the logit of {name}, with {signed(float(gradient[true]))}, rises, "
            f"and all others fall, each in proportion to its probability. Over all {len(classes)} classes the gradient "
            f"adds up to {short(_clean(float(gradient.sum())))}.\n\n**Try** to move the logit of {name} down: the loss "
            "grows without end, but the push back never beyond 1 / T."
        )


def _probability(value: float) -> str:
    """Write a probability with four places, one too small for them in a power of ten."""
    return short(value) if value < SMALL else f"{value:.4f}"


def _clean(number: float) -> float:
    """Take rounding for the zero that it stands for."""
    return 0.0 if abs(number) < 1e-12 else number


DEMONSTRATION = Demonstration(
    key="softmax",
    title="Softmax and cross-entropy",
    summary="From a network's last numbers to probabilities: how sure it sounds, and what a wrong answer costs.",
    question="A network says “tabby, 99.9 %”. By what you have seen here, can you tell that it is right 999 times in "
    "1,000 when it says so?",
    answer="No. The same [[logits]] give 60 % or 99.9 %, depending on a [[temperature]] that leaves every answer as "
    "it is. Whether the figure can be trusted must be measured on pictures with known answers: that is "
    "[[calibration]]. A temperature chosen on such pictures is the simplest way to mend it.",
    controls=("sample", "temperature", "constant", "class", "push"),
    topics=("softmax", "temperature", "entropy", "cross-entropy", "its gradient"),
    draw=draw,
)
