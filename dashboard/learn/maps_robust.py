"""A standard network beside one that was trained against attacks: same picture, same method, other gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, panes, samples, words
from dashboard.catalogue import catalogue
from dashboard.layers.numbers import short
from dashboard.learn import maps_asking as asking
from dashboard.learn.maps_cards import figure, levels, painted, sheet
from dashboard.lens import scale
from dashboard.panes import Pane
from explain.teaching.edges import edges
from explain.teaching.randomising import likeness
from explain.teaching.smoothness import neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.learn.desk import Desk
    from dashboard.learn.maps_asking import Said
    from explain.tracing import Trace
    from models.loaded import LoadedModel

    Floats = NDArray[np.float32]

#: The two networks, and what the page calls them.
STANDARD, ROBUST = "everyday_resnet", "everyday_robust"
NAMES = {STANDARD: "Standard", ROBUST: "Robust"}
#: What is shown: by its name in the address. COLOURS is the gradient itself, as a picture.
COLOURS = "colours"
METHODS = {"Saliency": "Saliency", COLOURS: "The gradient in colours", "IntegratedGradients": "Integrated Gradients"}
#: Those of them that show the gradient itself.
GRADIENTS = ("Saliency", COLOURS)


@dataclass(frozen=True, eq=False)
class Seen:
    """A network's map for a class: values (H, W), or (H, W, 3) where it is the gradient itself; signed or not."""

    values: Floats
    signed: bool

    @property
    def map(self) -> Floats:
        """One number for each pixel: of the gradient in colours their mean."""
        return self.values.mean(2) if self.values.ndim == 3 else self.values


def draw(desk: Desk) -> None:
    """Draw the part: what both networks say at once, then their maps."""
    desk.text(
        "The second network was trained on [[adversarial examples|attacked pictures]], so that tiny changes fool it "
        "less. Its [[gradient]] looks different. Look from one map to the other: which shows the thing, and which "
        "shows specks?"
    )
    sample = asking.picture(desk)
    method = desk.choice("method", "What to show", METHODS)
    pixels = asking.pixels_of(STANDARD, sample)
    both = {name: asking.said(name, pixels) for name in NAMES}
    index = both[STANDARD].index
    desk.text(answers(both))
    with asking.job(st.container(), ("robust", sample, method), STANDARD, ROBUST) as hear:
        if hear is None:
            return
        found = {name: _seen(name, sample, method, index, hear) for name in NAMES}
        _panes(pixels, found, method, both[STANDARD].name, samples.SAMPLES[sample].alt)
        desk.text(verdict(pixels, found, method))
    parts = [levels(pixels), *(_picture(each) for each in found.values())]
    desk.picture("Maps of both networks", lambda: sheet(parts, 3))
    asked = "Saliency" if method == COLOURS else METHODS[method]
    with st.container(horizontal=True, key="links"):
        desk.link("Explain it on the robust network", "explain", model=ROBUST, sample=sample, method=asked)
        desk.link("Attack both networks with this picture", "attack", sample=sample)


def answers(both: dict[str, Said]) -> str:
    """Say what both networks call the picture, and how good they are."""
    told = [
        f"{NAMES[name]}: **{words.escaped(said.name)}**, {words.percent(said.sure)} sure" for name, said in both.items()
    ]
    entries = catalogue().models
    right = {name: words.percent(entries[name].top1 or 0) for name in NAMES}
    return (
        f"{'. '.join(told)}. Of its test pictures the standard network names {right[STANDARD]} right, the robust one "
        f"{right[ROBUST]}. Both maps below are for “{words.escaped(both[STANDARD].name)}”."
    )


def _seen(model: str, sample: str, method: str, index: int, hear: Listening) -> Seen:
    """Explain the class on one network."""

    def compute(network: LoadedModel, trace: Trace) -> Seen:
        from explain.target import ClassLogit

        if method == COLOURS:
            gradient = trace.input_gradient(ClassLogit(index))[0]
            return Seen(gradient.permute(1, 2, 0).cpu().numpy(), True)
        found = asking.heatmap(trace, method, index)
        return Seen(found.values, found.signed)

    hear.work(f"{METHODS[method]} on {catalogue().models[model].label}")
    return cache.study(asking.asked(model, sample), f"learn robust {method} {index}", compute, hear)


def _picture(found: Seen) -> NDArray[np.uint8]:
    """Paint a map by itself; the gradient in colours is drawn around mid-grey, up to its 99th percentile."""
    if found.values.ndim == 2:
        return painted(found.values, found.signed)
    top = float(np.quantile(np.abs(found.values), 0.99)) or 1.0
    return levels(0.5 + found.values / (2 * top))


def _panes(pixels: Floats, found: dict[str, Seen], method: str, about: str, alt: str) -> None:
    """Draw the picture and both maps with one cursor; each map on its own scale, which the legend gives."""
    shown = [Pane("picture", "The picture", "As both networks see it.", alt, "picture", picture=levels(pixels))]
    for name, each in found.items():
        told = f"{alt} {METHODS[method]} of the {NAMES[name].lower()} network for {about}."
        smooth = f"Neighbouring pixels alike: {neighbours(each.map):.2f}."
        if method == COLOURS:
            shown.append(Pane("picture", NAMES[name], smooth, told, NAMES[name], picture=_picture(each)))
            continue
        top, exceeds = scale(each.values)
        legend = f"{NAMES[name]}{', at least' if exceeds else ''}"
        shown.append(
            Pane(
                kind="map",
                title=NAMES[name],
                caption=smooth,
                alt=told,
                short=NAMES[name],
                picture=np.zeros_like(levels(pixels)),
                layer=each.values,
                top=top,
                signed=each.signed,
                legend=legend,
            )
        )
    hint = "Point at a picture, or use the arrow keys, to compare the same pixel."
    panes.draw(panes.pack(shown, hint=hint), key="maps-robust")


def verdict(pixels: Floats, found: dict[str, Seen], method: str) -> str:
    """Say how the two maps differ, and what that does not mean."""
    one, other = found[STANDARD].map, found[ROBUST].map
    outline = edges(pixels)
    smooth = [neighbours(each) for each in (one, other)]
    alike = [likeness(each, outline) for each in (one, other)]
    smoother = "is smoother" if smooth[1] > smooth[0] else "is not smoother"
    return (
        f"The robust network's map {smoother}: neighbouring pixels correlate by **{smooth[1]:.2f}**, those of the "
        f"standard one by **{smooth[0]:.2f}**. Compared with the edges of the picture, it agrees by Spearman "
        f"{figure(alike[1])}; the standard one by {figure(alike[0])}. {_reaction(one, other, method)}The method is "
        "the same; **the network differs**. A smooth map tells you that this network reacts less to fine noise. It "
        "does not tell you that the network is right, and the specks of the other are not an error of the method: that "
        "network does react to them."
    )


def _reaction(one: Floats, other: Floats, method: str) -> str:
    """Compare how strongly both networks react to the smallest change; only gradients say that."""
    largest = [float(np.abs(each).max()) for each in (one, other)]
    if method not in GRADIENTS or not largest[1]:
        return ""
    return (
        f"The largest value of the standard network's gradient is **{short(largest[0] / largest[1])} times** that of "
        "the other: so much more can a tiny change of one pixel move its score. "
    )
