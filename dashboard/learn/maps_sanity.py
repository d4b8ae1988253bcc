"""Does the map depend on the network? The same maps of a network whose weights are random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, samples, words
from dashboard.layers.numbers import table
from dashboard.learn import maps_asking as asking
from dashboard.learn.maps_cards import Card, cards, figure, levels, painted, sheet
from explain.teaching.edges import edges
from explain.teaching.randomising import PARTS, likeness

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.feedback import Listening
    from dashboard.learn.desk import Desk
    from explain.tracing import Trace
    from models.loaded import LoadedModel

    Floats = NDArray[np.float32]

MODEL = "everyday_resnet"
#: Points on the path of Integrated Gradients: enough here, where two maps are only compared.
STEPS = 20
#: The methods, the quick ones first: registry name, label, parameters.
METHODS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("Saliency", "Saliency", {}),
    ("GradCAM", "Grad-CAM", {}),
    ("IntegratedGradients", "Integrated Gradients", {"steps": STEPS}),
)
EDGES = "Edge detector"
#: From here on two maps look the same; below the other one hardly alike.
SAME, OTHER = 0.9, 0.5


@dataclass(frozen=True, eq=False)
class Maps:
    """A method's map of the trained network and of the randomised one."""

    label: str
    trained: Floats
    random: Floats
    signed: bool = False

    @property
    def likeness(self) -> float | None:
        """Spearman's correlation of their sizes."""
        return likeness(self.trained, self.random)


def draw(desk: Desk) -> None:
    """Draw the part: what needs no network first, then each map as it is ready."""
    desk.text(
        "A map that explains a network must change when the network does. So fill the network with [[random "
        "weights]] and look again: it has forgotten all that it learned. A map that stays the same was never about "
        "the network. Move the slider, and compare the two maps of each pair."
    )
    sample = asking.picture(desk)
    left, right = st.columns(2)
    with left:
        depth = int(desk.number("depth", "Parts filled with random numbers, from the output down", 1, len(PARTS), 5))
    with right:
        drawn = int(desk.number("draw", "Which random numbers", 0, 9, 0))
    known = asking.said(MODEL, asking.pixels_of(MODEL, sample))
    st.markdown(
        f"The trained network says **{words.escaped(known.name)}**, {words.percent(known.sure)} sure; all maps are "
        f"for that class. Random: {parts(depth)}."
    )
    first, *places = st.columns(len(METHODS) + 2, gap="medium")
    found = [Maps(EDGES, edges(known.pixels), edges(known.pixels))]
    with first:
        st.markdown("**Picture**")
        alt = samples.SAMPLES[sample].alt
        st.html(cards([Card(levels(known.pixels), "What the network sees, 64 x 64 pixels", alt)]))
    _pair(places[-1], found[0])
    verdict = st.empty()
    with asking.job(st.container(), ("sanity", sample, depth, drawn), MODEL) as hear:
        if hear is None:
            return
        for place, (name, label, parameters) in zip(places, METHODS, strict=False):
            hear.work(f"Computing {label} twice")
            trained, signed = values(sample, name, parameters, 0, 0, known.index, hear)
            random, _ = values(sample, name, parameters, depth, drawn, known.index, hear)
            found.insert(-1, Maps(label, trained, random, signed))
            _pair(place, found[-2])
        with verdict.container():
            desk.text(verdict_of(found, depth))
        _cascade(desk, sample, drawn, known.index, found, hear)
    desk.picture("Maps of both networks", lambda: _sheet(found))
    address = {"sample": sample, "method": "Saliency", "untrained": "true"}
    desk.link("Explain the same picture with random weights", "explain", **address)


def parts(depth: int) -> str:
    """Name the parts that are random."""
    return "the whole network" if depth == len(PARTS) else _listed([name for name, _ in PARTS[:depth]])


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def values(
    sample: str, name: str, parameters: dict[str, object], depth: int, drawn: int, index: int, hear: Listening
) -> tuple[Floats, bool]:
    """Return a method's map with so many parts random (0 = the trained network), and whether it has two signs."""

    def compute(network: LoadedModel, trace: Trace) -> tuple[Floats, bool]:
        import explain
        from explain.teaching.randomising import maps, randomised

        model = randomised(network, depth, drawn) if depth else network
        (found,) = maps(model, trace.pixels, (explain.METHODS[name](**parameters),), index)
        return found.values, found.signed

    told = f"learn sanity {name} {depth} {drawn} {index}"
    return cache.study(asking.asked(MODEL, sample), told, compute, hear)


def _pair(place: DeltaGenerator, found: Maps) -> None:
    """Draw both maps of a method, and how alike they are."""
    alike = figure(found.likeness)
    shown = [
        Card(painted(found.trained, found.signed), "trained", f"{found.label} of the trained network."),
        Card(painted(found.random, found.signed), "random", f"{found.label} of the randomised network."),
    ]
    with place:
        st.markdown(f"**{found.label}**")
        st.html(cards(shown))
        st.markdown(f"Spearman **{alike}**")


def verdict_of(found: list[Maps], depth: int) -> str:
    """Say which maps changed and which did not."""
    *methods, edge = found
    alike = {each.label: each.likeness for each in methods}
    groups: dict[str, list[str]] = {"changes": [], "changes in part": [], "stays": []}
    for label, value in alike.items():
        kind = "stays" if (value or 0) >= SAME else "changes" if (value or 0) < OTHER else "changes in part"
        groups[kind].append(f"{label} ({figure(value)})")
    told = [f"{_listed(names)} {_verb(kind, len(names))}" for kind, names in groups.items() if names]
    return (
        f"With {parts(depth)} random: {'; '.join(told)}. The edge detector stays as it is "
        f"(**{figure(edge.likeness)}**), for it never asked the network. Its map looks like an explanation all the "
        "same: **that a map looks right says nothing.** [[Spearman correlation|Spearman's correlation]] compares the "
        "order of the pixels: 1 is the same order, 0 none in common."
    )


def _verb(kind: str, count: int) -> str:
    if count == 1:
        return kind
    return kind.replace("changes", "change").replace("stays", "stay")


def _cascade(desk: Desk, sample: str, drawn: int, index: int, found: list[Maps], hear: Listening) -> None:
    """Measure every depth, where that is asked for."""
    if not desk.switch("cascade", "Measure it part by part, from the output down", help="Takes a few seconds."):
        return
    *methods, edge = found
    figures: dict[str, list[str]] = {each.label: [] for each in found}
    for depth in range(1, len(PARTS) + 1):
        hear.work(f"Randomising {parts(depth)}")
        for each, (name, _, parameters) in zip(methods, METHODS, strict=True):
            random, _ = values(sample, name, parameters, depth, drawn, index, hear)
            figures[each.label].append(figure(likeness(each.trained, random)))
        figures[edge.label].append(figure(edge.likeness))
    heads = ["parts random", *(str(depth) for depth in range(1, len(PARTS) + 1))]
    rows: list[list[str | float]] = [[label, *row] for label, row in figures.items()]
    st.html(table("Spearman's correlation with the trained network's map", heads, rows))
    st.caption("From the output down: " + ", ".join(f"{n} {name}" for n, (name, _) in enumerate(PARTS, 1)) + ".")


def _sheet(found: list[Maps]) -> bytes:
    upper = [painted(each.trained, each.signed) for each in found]
    lower = [painted(each.random, each.signed) for each in found]
    return sheet([*upper, *lower], len(found))
