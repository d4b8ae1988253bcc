"""Saturation and baselines: a network solved by hand, then Integrated Gradients on a picture from three baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, panes, samples, state, words
from dashboard.layers.numbers import short, table
from dashboard.learn import curves
from dashboard.learn import maps_asking as asking
from dashboard.learn.maps_cards import figure, levels, sheet
from dashboard.lens import scale
from dashboard.panes import Pane
from explain.pictures import overlay
from explain.results import Heatmap
from explain.teaching import saturation
from explain.teaching.smoothness import extreme, share_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.learn.desk import Desk
    from explain.tracing import Trace
    from models.loaded import LoadedModel

    Floats = NDArray[np.float32]

MODEL = "everyday_resnet"
#: The largest input of the small network, and the steps of the chart.
MOST, GRID = 3.0, 0.1
#: Baselines of the real picture, with what the page calls them, and points on each path.
BASELINES = {"black": "black", "white": "white", "blur": "the blurred picture"}
STEPS = 50
#: The darkest and the lightest share of the pixels that are compared.
TENTH = 0.1


@dataclass(frozen=True, eq=False)
class Shared:
    """How a score is shared out from one baseline: the map, the baseline's score, and the difference it adds up to."""

    values: Floats
    start: float
    end: float
    missing: float


def draw(desk: Desk) -> None:
    """Draw the part: the small network at once, then the picture."""
    _by_hand(desk)
    _on_a_picture(desk)


def _by_hand(desk: Desk) -> None:
    desk.text(
        "The smallest network with [[saturation]] has one input: **f(x) = 1 \N{MINUS SIGN} relu(1 \N{MINUS SIGN} x)**. "
        "It rises up to x = 1 and is flat from there on. Move x across 1 and watch the [[gradient]]."
    )
    one, other, third = st.columns(3)
    with one:
        value = float(desk.number("input", "The input x", 0.0, MOST, 2.0, GRID))
    with other:
        start = float(desk.number("from", "The baseline: x where nothing is there", 0.0, MOST, 0.0, GRID))
    with third:
        steps = int(desk.number("steps", "Steps of Integrated Gradients", 1, 20, 10))
    way = saturation.path(start, value, steps)
    chart, told = st.columns([58, 42], gap="large")
    with chart:
        _chart(desk, value)
    with told:
        desk.text(by_hand(value, start, way))
        rows: list[list[str | float]] = [
            ["Gradient", short(float(saturation.gradient(value)))],
            ["Gradient times (x \N{MINUS SIGN} baseline)", short(float(saturation.gradient(value)) * (value - start))],
            ["Occlusion: f(x) \N{MINUS SIGN} f(baseline)", short(rise(start, value))],
            [f"Integrated Gradients, {steps} steps", short(round(way.total, 12))],
        ]
        st.html(table("What each method gives x", ["method", "value"], rows))
    with st.expander("Integrated Gradients, step by step"):
        columns = (way.points, way.gradients, way.shares)
        lines: list[list[str | float]] = [
            [str(number), *(short(round(float(each), 12)) for each in row)]
            for number, row in enumerate(zip(*columns, strict=True), 1)
        ]
        heads = ["step", "x in its middle", "gradient there", "gradient times step"]
        st.html(table(f"{steps} steps add up to {short(round(way.total, 12))}", heads, lines))


def rise(start: float, value: float) -> float:
    """Return f(x) - f(baseline)."""
    return round(float(saturation.output(value) - saturation.output(start)), 12)


def by_hand(value: float, start: float, way: saturation.Path) -> str:
    """Say what gradient and Integrated Gradients make of the input."""
    slope, difference, total = float(saturation.gradient(value)), rise(start, value), round(way.total, 12)
    reached = short(float(saturation.output(value)))
    opening = f"At x = {value:g} the output is {reached} and the gradient is **{short(slope)}**. "
    if difference == 0:
        why = "the input equals the baseline" if value == start else "the output is the same at the baseline"
        return opening + (
            f"From the baseline {start:g} Integrated Gradients gives x **{short(total)}**: {why}, so there is no "
            "difference to share out. Whatever equals the [[baseline]] counts for nothing."
        )
    if slope == 0:
        opening += "By the gradient, x does not matter at all. "
    missing = abs(total - difference)
    sums = "just the difference" if missing < 1e-9 else f"{short(missing)} off: take more steps, or other ones"
    return opening + (
        f"But without it, at {start:g}, the output would be {short(float(saturation.output(start)))}: a difference of "
        f"**{short(difference)}**. [[Integrated Gradients]] adds up the gradients on the way from {start:g} to "
        f"{value:g} and gives x **{short(total)}**, {sums}."
    )


def _chart(desk: Desk, value: float) -> None:
    # The last place before the kink, so that the gradient falls upright.
    places = np.sort(np.append(np.round(np.arange(0, MOST + GRID / 2, GRID), 6), np.nextafter(1, 0)))
    lines = (
        curves.Line("output f(x)", tuple(places.tolist()), tuple(saturation.output(places).tolist())),
        curves.Line("gradient", tuple(places.tolist()), tuple(saturation.gradient(places).tolist()), "second"),
    )
    chart = curves.Chart(
        title="Output and gradient of 1 \N{MINUS SIGN} relu(1 \N{MINUS SIGN} x)",
        alt="The output rises from 0 to 1 at x = 1 and is flat beyond; the gradient is 1 and then 0. "
        f"The input is {value:g}.",
        across="x",
        lines=lines,
        up=(-0.1, 1.3),
        at=value,
        tangent=(value, float(saturation.output(value)), float(saturation.gradient(value))),
        height=280,
    )
    curves.draw("maps-curve", chart, lambda place: state.put(desk.key("input"), round(place, 1)))


def _on_a_picture(desk: Desk) -> None:
    st.header("The same on a picture, from three baselines", anchor=False)
    desk.text(
        "[[Integrated Gradients]] must be told what “nothing there” looks like. Same network, same picture, same "
        "class; only the [[baseline]] differs. Compare the darkest and the lightest parts of the picture."
    )
    sample = asking.picture(desk)
    known = asking.said(MODEL, asking.pixels_of(MODEL, sample))
    place, told = st.container(), st.container()
    with asking.job(place, ("saturation", sample), MODEL) as hear:
        if hear is None:
            return
        found = {name: _shared(sample, name, known.index, hear) for name in BASELINES}
        with place:
            _panes(known.pixels, found, known.name, samples.SAMPLES[sample].alt)
        with told:
            desk.text(on_a_picture(known.pixels, found))
            _table(found)
    desk.picture("Three baselines", lambda: _sheet(known.pixels, found))
    address = {"sample": sample, "method": "Integrated Gradients", "integrated_gradients_baseline": "white"}
    desk.link("Explain this picture from a white baseline", "explain", **address)


def _shared(sample: str, baseline: str, index: int, hear: Listening) -> Shared:
    """Share out the score of a class from one baseline."""

    def compute(network: LoadedModel, trace: Trace) -> Shared:
        import torch

        from explain.baselines import baseline as picture_of

        found = asking.heatmap(trace, "IntegratedGradients", index, baseline=baseline, steps=STEPS)
        with torch.no_grad():
            start = float(network(picture_of(trace.pixels, baseline))[0, index])
        return Shared(found.values, start, float(trace.logits[0, index]), found.checks["completeness"])

    hear.work(f"Integrated Gradients from {BASELINES[baseline]}")
    return cache.study(asking.asked(MODEL, sample), f"learn baseline {baseline} {index}", compute, hear)


def _panes(pixels: Floats, found: dict[str, Shared], about: str, alt: str) -> None:
    shown = []
    for name, each in found.items():
        top, exceeds = scale(each.values)
        shown.append(
            Pane(
                kind="map",
                title=f"From {BASELINES[name]}",
                caption=f"Evidence for {about}: adds up to {short(float(each.values.sum()))}.",
                alt=f"{alt} Laid over it, Integrated Gradients from {BASELINES[name]}.",
                short=f"from {BASELINES[name]}",
                picture=levels(pixels),
                layer=each.values,
                top=top,
                signed=True,
                legend=f"From {BASELINES[name]}{', at least' if exceeds else ''}",
            )
        )
    hint = "Point at a picture, or use the arrow keys, to compare the same pixel."
    panes.draw(panes.pack(shown, hint=hint), key="maps-base")


def on_a_picture(pixels: Floats, found: dict[str, Shared]) -> str:
    """Say what each baseline overlooks, and how far the maps agree."""
    from explain.agreement import spearman

    dark, light = extreme(pixels, TENTH, light=False), extreme(pixels, TENTH, light=True)
    black, white = found["black"].values, found["white"].values
    alike = spearman(black, white)
    agree = "" if alike is None else f"The two maps, sign and all, agree by Spearman **{figure(alike)}**. "
    return (
        f"The darkest tenth of the pixels holds **{words.percent(share_of(black, dark))}** of the evidence, for and "
        f"against, from black, and **{words.percent(share_of(white, dark))}** from white. The lightest tenth holds "
        f"**{words.percent(share_of(black, light))}** from black and **{words.percent(share_of(white, light))}** from "
        f"white. {agree}The method is exact each time, and blind each time to what looks like its baseline: a black "
        "spot on a ladybug is no evidence from black. From the blurred picture it sees fine detail, and no large "
        "even area."
    )


def _table(found: dict[str, Shared]) -> None:
    rows: list[list[str | float]] = [
        [
            name,
            short(each.start),
            short(each.end - each.start),
            short(float(each.values.sum())),
            words.percent(each.missing),
        ]
        for name, each in found.items()
    ]
    whole = next(iter(found.values())).end
    heads = ["baseline", "score", "less by", "map's sum", "missing"]
    st.html(table(f"The picture's score is {short(whole)}; {STEPS} steps each", heads, rows))


def _sheet(pixels: Floats, found: dict[str, Shared]) -> bytes:
    large = levels(pixels).repeat(4, 0).repeat(4, 1)
    maps = [overlay(large, Heatmap(values=each.values, signed=True)) for each in found.values()]
    return sheet([large, *maps], 4, times=1)
