"""The demonstration of a whole network: a digit on its way from the picture to ten probabilities, number by number."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import lens, sheet, state, words
from dashboard.components import component
from dashboard.learn import digits_network
from dashboard.learn.desk import Demonstration, Desk
from dashboard.learn.digits_comparison import compared
from explain.sprites import sprite
from explain.teaching import digit_sheet
from explain.teaching.digit_steps import Run
from explain.teaching.digits import BITMAP, FULL, SIDE, digits, fitted, forward, reduced, shifted, weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.teaching.digits import Floats, Grey

_drawing = component("drawing")

SOURCES = {"test": "A digit of the test set", "own": "Draw one yourself"}
TRAINED = {"plain": "the digits as they are", "shifted": "shifted copies too"}
AMONG = {"some": "Some of each", "wrong": "Named wrong", "unsure": "Barely right"}
#: How many of each digit the first list shows, and how many the list of the least sure.
EACH, LEAST_SURE = 2, 20
#: How the table of the picture looks.
TABLE = "border-collapse:collapse;table-layout:fixed;width:100%;max-width:17rem;font-size:0.75rem;"
CELL = "padding:0;height:2.1rem;text-align:center;border:1px solid rgba(128,128,128,0.35);"
CAPTION = "text-align:left;font-size:0.875rem;padding-bottom:0.4rem;"


def draw(desk: Desk) -> None:
    """Draw the demonstration."""
    desk.text(
        "This is a whole [[convolution|convolutional]] network, small enough to see all of it: two convolutions, each "
        "followed by a [[ReLU]] and [[pooling]], then two [[fully connected layer]]s. It has learned to read digits of "
        "8 x 8 pixels. **Pick a digit or draw one**, and follow its numbers down the page to the ten probabilities."
    )
    with st.container(horizontal=True, gap="large"):
        source = desk.choice("source", "Picture", SOURCES)
        kind = desk.choice("trained", "The network has learned from", TRAINED)
    picking, seen, said = st.columns([4, 3, 3], gap="large")
    with picking:
        pixels, truth = _own(desk) if source == "own" else _picked(desk, kind)
    with seen:
        st.markdown("**What the network reads**")
        place = st.container()
        right = int(desk.number("right", "Shift to the right, pixels", -2, 2, 0))
        down = int(desk.number("down", "Shift down, pixels", -2, 2, 0))
    run = Run(weights(kind), shifted(pixels, down, right))
    place.html(_counts(run.pixels))
    with said:
        _answer(run, truth)
    st.header("All that happens in between", anchor=False)
    desk.text(
        "Each cell is one [[unit]], and its colour a number: orange is above zero, blue below, and in one part of the "
        "network the same colour is the same number. Watch the blue disappear at each ReLU, and the maps shrink at "
        "each pooling. Point at a cell: the cells that it comes from are outlined in the row above. Click it, or move "
        "there with the arrow keys and press Enter, for the arithmetic."
    )
    unit = digits_network.figure(desk, run)
    with st.container(border=True, key=digits_network.BELOW):
        digits_network.arithmetic(run, unit)
    desk.picture("digit", lambda: digit_sheet.picture(run.pixels))
    desk.picture("all-stages", lambda: digit_sheet.stages(run.stages))
    compared(desk)
    with st.container(horizontal=True, key="links"):
        desk.link("Train this network yourself", "learn", demo="training")
        desk.link("See the maps of a network for photographs", "layers", section="maps", layer="layer2")
        desk.link("See what such a network gets wrong", "mistakes", show="wrong")


def _picked(desk: Desk, kind: str) -> tuple[Grey, int]:
    """Let a digit of the test set be picked; return its pixels and what it is."""
    among = desk.choice("among", "Which ones", AMONG)
    test, named = digits().test, _named(kind)
    listed = _listed(kind)[among]
    asked = desk.held("digit", _in_test, "the test digit")
    chosen = int(asked) if asked else int(listed[0])
    if not desk.shown("digit"):
        return test.pixels[chosen], int(test.labels[chosen])
    tiles = [_tile(int(each), int(test.labels[each]), int(named[each])) for each in listed]
    colours = np.rint(test.pixels[listed] * (255 / FULL)).astype(np.uint8)[..., None].repeat(3, -1)
    key = desk.key("sheet")
    wrong = int((named != test.labels).sum())
    sheet.draw(
        sheet.pack(
            sprite(colours, columns=10),
            tiles,
            chosen=chosen,
            alt=f"{len(listed)} digits of the test set. Arrow keys move over them, Enter picks one.",
            hint=f"Below each stands what it is. Of {len(test.labels)} test digits the network names {wrong} wrong.",
            signed=True,
            coloured=True,
            across=7,
        ),
        key=key,
        on_picked=lambda: desk.hold("digit", str(int(state.get(key)["picked"]))),
    )
    return test.pixels[chosen], int(test.labels[chosen])


def _tile(number: int, truth: int, named: int) -> sheet.Tile:
    if truth == named:
        return sheet.Tile(number, str(truth), f"a {truth}, named right")
    return sheet.Tile(number, f"{truth} \N{RIGHTWARDS ARROW} {named}", f"a {truth}, named {named}")


def _in_test(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) < len(digits().test.labels)


@cache
def _scores(kind: str) -> Floats:
    return forward(weights(kind), digits().test.inputs)["scores"]


def _named(kind: str) -> NDArray[np.int64]:
    named: NDArray[np.int64] = _scores(kind).argmax(1)
    return named


@cache
def _listed(kind: str) -> Mapping[str, NDArray[np.int64]]:
    """List the numbers of the test digits of each choice."""
    labels, named = digits().test.labels, _named(kind)
    right = np.flatnonzero(named == labels)
    best, second = np.sort(_scores(kind), 1)[:, :-3:-1].T
    return {
        "some": np.concatenate([right[labels[right] == digit][:EACH] for digit in (*range(3, 10), *range(3))]),
        "wrong": np.flatnonzero(named != labels),
        "unsure": right[np.argsort((best - second)[right], kind="stable")[:LEAST_SURE]],
    }


def _own(desk: Desk) -> tuple[Grey, None]:
    """Let a digit be drawn."""
    held = desk.held("drawing", _drawn, "the drawing") or ""
    key = desk.key("sheet-of-paper")

    def take() -> None:
        digits_drawn = str(state.get(key)["drawn"])
        desk.hold("drawing", digits_drawn if _drawn(digits_drawn) else None)

    data = {
        "drawing": held,
        "alt": "Sheet of 32 x 32 points to draw a digit on. Arrow keys move the pen, with Shift by four points; "
        "space puts it down and lifts it.",
        "hint": "Draw with the mouse or a finger; or with the arrow keys, where space puts the pen down and lifts it.",
    }
    if desk.shown("drawing"):
        _drawing(key=key, data=data, on_drawn_change=take)
    fit = desk.switch(
        "fit",
        "Fit it to the data set",
        default=True,
        help="Every digit of the data set was brought to one size: it reaches from the top row to the bottom row and "
        "stands in the middle. With the switch on, so does yours. With it off, the network sees what it never learned.",
    )
    st.caption(
        f"Your {BITMAP} x {BITMAP} points become {SIDE} x {SIDE} pixels as in the data set: the points with ink are "
        f"counted in each block of 4 x 4, which gives 0 to {FULL}."
    )
    bitmap = bitmap_of(held)
    return reduced(fitted(bitmap) if fit else bitmap), None


def _drawn(text: str) -> bool:
    return len(text) == BITMAP * BITMAP // 4 and all(each in "0123456789abcdef" for each in text)


def bitmap_of(text: str) -> NDArray[np.bool_]:
    """Read a drawing as the address writes it: 256 hexadecimal digits, four points each; no text is a blank sheet."""
    if not text:
        return np.zeros((BITMAP, BITMAP), bool)
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8)).astype(bool).reshape(BITMAP, BITMAP)


def _answer(run: Run, truth: int | None) -> None:
    """Say what the network names, and how sure it is of each digit."""
    st.markdown(f"**The network says {run.answer}**, {words.percent(float(run.probabilities[run.answer]))} sure")
    options = [
        lens.Option(str(digit), str(digit), words.percent(float(share)), float(share), quiet=digit != run.answer)
        for digit, share in enumerate(run.probabilities)
    ]
    lens.picker(options, key="digits-bars", label="Probability of each digit")
    if not run.pixels.any():
        st.markdown(
            f"**The sheet is blank, and still it names a {run.answer}.** It has ten answers and no way to say “none "
            "of them”: the ten probabilities always add up to 1. What it says of a blank sheet comes from its "
            "biases alone."
        )
    elif truth is None:
        st.markdown(
            "It has ten answers and no way to say “that is no digit”. **Try a scribble**: it names one all the same, "
            "and is often quite sure."
        )
    else:
        st.markdown(f"It is a {truth}: **{'right' if truth == run.answer else 'wrong'}**.")


def _counts(pixels: Grey) -> str:
    """Write the picture as a table of its counts of ink, each cell as bright as its count."""
    lines = []
    for line in pixels.tolist():
        cells = []
        for count in line:
            level = round(255 * count / FULL)
            ink = "#000" if level > 127 else "#fff"
            cells.append(f'<td style="{CELL}color:{ink};background:rgb({level},{level},{level})">{count}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"{SIDE} x {SIDE} counts of ink, from 0 to {FULL}"
    return f'<table style="{TABLE}"><caption style="{CAPTION}">{caption}</caption>{"".join(lines)}</table>'


DEMONSTRATION = Demonstration(
    key="digits",
    title="Inside a small network",
    summary="A digit, yours if you like, on its way through a whole network: every map and every number.",
    question="Pick a digit and shift it by a pixel, or switch off “Fit it to the data set” and draw a small one in a "
    "corner. You still see which digit it is. Why does the network often not?",
    answer="It has only ever seen digits of one size in one place. Its convolutions find the same strokes anywhere, "
    "and pooling forgives a little, but the fully connected layers behind them read each place with weights of its "
    "own, and learned them for digits in the middle. Set “The network has learned from” to “shifted copies too”, and "
    "shifts by a pixel hardly matter any more: what a network is to put up with, it has to see while it learns.",
    controls=("source", "trained", "among", "digit", "drawing", "right", "down", "fit"),
    topics=(
        "a LeNet-sized network on digits, every map and number of it",
        "draw your own digit",
        "convolutional network, fully connected network, support vector machine and random forest on the same digits",
    ),
    draw=draw,
)
