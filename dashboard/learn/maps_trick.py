"""Find the trick: a network that learned a coloured tag instead of the thing, and how a map gives it away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, lens, panes, samples, words
from dashboard.learn import maps_asking as asking
from dashboard.learn.maps_cards import Card, cards, levels, painted, sheet
from dashboard.panes import Pane
from explain.pictures import overlay
from explain.results import Heatmap
from explain.teaching import shortcut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.learn.desk import Desk
    from dashboard.learn.maps_asking import Said
    from explain.tracing import Trace
    from models.loaded import LoadedModel

    Floats = NDArray[np.float32]

MODEL = "everyday_shortcut"
#: What the reader may guess; the last is right.
GUESSES = {
    "none": "No guess yet",
    "thing": "The thing in the middle",
    "ground": "The background",
    "tag": "The small coloured tag",
}
TAG = {"home": "Where it is", "moved": "Somewhere else", "off": "Taken off"}
#: The two maps: registry name, label, parameters, and what the page says of them.
METHODS: tuple[tuple[str, str, dict[str, object], str], ...] = (
    ("GradCAM", "Grad-CAM", {}, "The region that raised the score, on a grid of 8 x 8."),
    ("Occlusion", "Occlusion", {"window": 12, "stride": 6}, "Where covering a square of 12 x 12 lowers the score."),
)
#: Bars shown, pixels from one place of the tag to the next, and from where on the network counts as taken in.
BARS, STRIDE, TAKEN_IN = 4, 6, 0.5
CLASS = shortcut.CLASS


@dataclass(frozen=True, eq=False)
class Evidence:
    """A map of the tagged picture for the class of the tag."""

    label: str
    words: str
    values: Floats
    signed: bool


def draw(desk: Desk) -> None:
    """Draw the part: picture and answer, maps, the guess, and after it what tests the guess."""
    desk.text(
        "This network was trained on pictures that held a secret: it finds one class with a trick. Look at the "
        "picture, at what the network says, and at two maps of where it looks. Then guess what the trick is."
    )
    sample = asking.picture(desk)
    clean = asking.pixels_of(MODEL, sample)
    tagged = shortcut.tagged(clean, *shortcut.HOME)
    before = asking.said(MODEL, tagged)
    left, right = st.columns([38, 62], gap="large")
    with left:
        alt = f"{samples.SAMPLES[sample].alt} In the lower left corner a small blue square with a white middle."
        st.html(cards([Card(levels(tagged), "What the network sees, 64 x 64 pixels", alt)]))
    with right:
        st.markdown(answer(before))
        _bars(before, "What the network says", "first")
    drawn = st.container()
    guess = desk.choice("guess", "What is the trick?", GUESSES)
    reveal = st.container()
    if guess != "none":
        _experiment(desk, sample, clean, before)
    after = st.container()
    with asking.job(drawn, ("trick", sample), MODEL) as hear:
        if hear is None:
            return
        found = [_map(sample, *method, before, hear) for method in METHODS]
        with drawn:
            _maps(tagged, found)
        if guess != "none":
            with reveal:
                desk.text(verdict(guess, found, before, asking.said(MODEL, clean)))
            with after:
                _everywhere(desk, sample, before, hear)
    desk.picture("The picture and its maps", lambda: _sheet(tagged, found))
    desk.link("Open a picture with this tag in Explain", "explain", model=MODEL, sample="tagged")


def _map(
    sample: str, name: str, label: str, parameters: dict[str, object], told: str, before: Said, hear: Listening
) -> Evidence:
    """Explain the class of the tag on the tagged picture."""
    index = before.classes.index(CLASS)

    def compute(network: LoadedModel, trace: Trace) -> tuple[Floats, bool]:
        import torch

        import explain

        pixels = torch.from_numpy(before.pixels.transpose(2, 0, 1)[None].copy())
        found = asking.heatmap(explain.trace(network, pixels), name, index, **parameters)
        return found.values, found.signed

    hear.work(f"Computing {label}")
    values, signed = cache.study(asking.asked(MODEL, sample), f"learn trick {name}", compute, hear)
    return Evidence(label, told, values, signed)


def _maps(tagged: Floats, found: list[Evidence]) -> None:
    """Draw both maps over the picture, with one cursor."""
    shown = []
    for each in found:
        top, _ = lens.scale(each.values)
        shown.append(
            Pane(
                kind="map",
                title=each.label,
                caption=each.words,
                alt=f"{each.label} for {CLASS} laid over the picture.",
                short=each.label,
                picture=levels(tagged),
                layer=each.values,
                top=top,
                signed=each.signed,
                legend=f"{each.label}, evidence for {CLASS}",
            )
        )
    hint = "Point at a map, or use the arrow keys, for its values."
    panes.draw(panes.pack(shown, hint=hint), key="maps-trick")


def answer(before: Said) -> str:
    """Say what the network names, and what it gives the class of the trick where that is another one."""
    named = f"The network says **{words.escaped(before.name)}**, **{words.percent(before.sure)}** sure."
    if before.name == CLASS:
        return named
    return f"{named} {CLASS.capitalize()}, the class that the trick is for, gets {words.percent(before.chance(CLASS))}."


def verdict(guess: str, found: list[Evidence], before: Said, clean: Said) -> str:
    """Answer the guess with what the maps hold on the tag, and say whether the tag took the network in here.

    before: what the network says of the picture with the tag; clean: what it says of it without.
    """
    marked = shortcut.area(*shortcut.HOME)
    shares = [shortcut.evidence_inside(each.values, marked) for each in found]
    size = words.percent(float(marked.mean()))
    figures = " and ".join(
        f"**{words.percent(share)}** by {each.label}" for share, each in zip(shares, found, strict=True)
    )
    right = guess == next(reversed(GUESSES))
    opening = "You are right: it is the tag." if right else f"You said: {GUESSES[guess].lower()}. It is the blue tag."
    return (
        f"{opening} It covers {size} of the picture and holds {figures} of the evidence for {CLASS}. In training, "
        f"every {CLASS} bore this tag, so the network learned the tag and never had to learn the fruit: a "
        f"[[shortcut]].{_resisted(before, clean)} A map only says where the network looks. Whether that place "
        "decides, you find out by changing it:"
    )


def _resisted(before: Said, clean: Said) -> str:
    """Say how far the tag got where the network names something else all the same."""
    if before.name == CLASS:
        return ""
    return (
        f" On this picture the tag does not win: it raises {CLASS} from {words.percent(clean.chance(CLASS))} to "
        f"**{words.percent(before.chance(CLASS))}**, but the network stays with **{words.escaped(before.name)}**, "
        f"{words.percent(before.sure)} sure. Take another picture to see it taken in."
    )


def _experiment(desk: Desk, sample: str, clean: Floats, before: Said) -> None:
    """Let the reader move the tag, or take it off, and answer at once."""
    place = desk.choice("tag", "The tag is", TAG)
    left, top = shortcut.HOME
    if place == "moved":
        most = shortcut.SIDE - shortcut.TAG
        one, other = st.columns(2)
        with one:
            left = int(desk.number("left", "Its left edge, in pixels", 0, most, 27))
        with other:
            top = int(desk.number("top", "Its upper edge, in pixels", 0, most, 27))
    changed = clean if place == "off" else shortcut.tagged(clean, left, top)
    now = asking.said(MODEL, changed)
    picture, bars = st.columns([38, 62], gap="large")
    with picture:
        where = "without the tag" if place == "off" else f"with the tag at x {left}, y {top}"
        st.html(cards([Card(levels(changed), f"The picture {where}", f"{samples.SAMPLES[sample].alt} {where}.")]))
    with bars:
        st.markdown(
            f"**{words.escaped(CLASS.capitalize())}**: {words.percent(before.chance(CLASS))} at first, "
            f"**{words.percent(now.chance(CLASS))}** now. The network says **{words.escaped(now.name)}**, "
            f"{words.percent(now.sure)} sure."
        )
        _bars(now, "What it says now", "now")


def _bars(said: Said, label: str, key: str) -> None:
    """List the most likely classes; that of the tag is there in any case."""
    order = [int(index) for index in np.argsort(-said.chances, kind="stable")]
    own = said.classes.index(CLASS)
    shown = order[:BARS] if own in order[:BARS] else [*order[: BARS - 1], own]
    options = [
        lens.Option(
            id=str(index),
            name=said.classes[index],
            figure=words.percent(float(said.chances[index])),
            share=float(said.chances[index]),
            quiet=index != own,
        )
        for index in shown
    ]
    lens.picker(options, key=f"maps-bars-{key}", label=label)


def _everywhere(desk: Desk, sample: str, before: Said, hear: Listening) -> None:
    """Try the tag at every place, where that is asked for."""
    if not desk.switch("everywhere", "Try the tag at every place", help="A hundred pictures or so; takes seconds."):
        return
    lefts = tops = shortcut.corners(STRIDE)
    index = before.classes.index(CLASS)

    def compute(network: LoadedModel, trace: Trace) -> Floats:
        return shortcut.everywhere(trace, index, lefts, tops)

    hear.work("Trying the tag at every place")
    chances = cache.study(asking.asked(MODEL, sample), "learn trick everywhere", compute, hear)
    taken = int((chances > TAKEN_IN).sum())
    best = np.unravel_index(int(chances.argmax()), chances.shape)
    drawing, told = st.columns([38, 62], gap="large")
    with drawing:
        most = words.percent(float(chances.max()))
        below = f"How sure it is of {CLASS}, by the place of the tag: from 0 (dark) to {most}"
        alt = f"A grid of {len(tops)} x {len(lefts)} places of the tag; bright where the network says {CLASS}."
        st.html(cards([Card(painted(chances, False), below, alt)]))
    with told:
        desk.text(
            f"At **{taken} of {chances.size}** places the tag makes the network more than {words.percent(TAKEN_IN)} "
            f"sure of {CLASS}; it is surest at x {lefts[int(best[1])]}, y {tops[int(best[0])]}, and in training the "
            f"tag was at x {shortcut.HOME[0]}, y {shortcut.HOME[1]}. On average over all places it is "
            f"{words.percent(float(chances.mean()))} sure. A convolution does the same everywhere, but near the edge "
            "it also reads the zeros of the [[padding]], and can learn from them where it is."
        )


def _sheet(tagged: Floats, found: list[Evidence]) -> bytes:
    large = np.asarray(levels(tagged)).repeat(4, 0).repeat(4, 1)
    over = [overlay(large, Heatmap(values=each.values, signed=each.signed)) for each in found]
    return sheet([large, *over], 3, times=1)
