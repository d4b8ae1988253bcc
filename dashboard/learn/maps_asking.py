"""What the parts of the demonstration of maps share: pictures, what a network says of them, jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, feedback, samples, sidebar
from dashboard.answers import Choice
from dashboard.catalogue import catalogue
from dashboard.feedback import Listening
from explain.teaching.everyday import everyday
from explain.teaching.softmax import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.learn.desk import Desk
    from explain.results import Heatmap
    from explain.tracing import Trace

    Floats = NDArray[np.float32]

#: The samples that the demonstration shows; the bundled networks know what is on them.
PICTURES = ("teapot", "mushroom", "bus", "ladybug", "coffee")


@dataclass(frozen=True, eq=False)
class Said:
    """What a bundled network says of a picture: pixels (H, W, 3) in [0, 1], and probabilities of all classes."""

    pixels: Floats
    chances: Floats
    classes: tuple[str, ...]

    @property
    def index(self) -> int:
        """The most likely class."""
        return int(self.chances.argmax())

    @property
    def name(self) -> str:
        """Its name."""
        return self.classes[self.index]

    @property
    def sure(self) -> float:
        """How sure the network is of it, 0..1."""
        return float(self.chances[self.index])

    def chance(self, name: str) -> float:
        """How sure the network is of a class, 0..1."""
        return float(self.chances[self.classes.index(name)])


def picture(desk: Desk) -> str:
    """Draw the choice of the picture and return the sample's name."""
    return desk.choice("picture", "Picture", {name: samples.SAMPLES[name].title for name in PICTURES})


def pixels_of(model: str, sample: str) -> Floats:
    """Cut out what a bundled network sees of a sample, (H, W, 3) in [0, 1], without torch."""
    return everyday(model).pixels(sidebar.sample_picture(sample).image).transpose(1, 2, 0)


def said(model: str, pixels: Floats) -> Said:
    """Ask a bundled network about pixels (H, W, 3), at once and without torch."""
    network = everyday(model)
    logits = network.logits(np.ascontiguousarray(pixels.transpose(2, 0, 1))).astype(np.float64)
    return Said(pixels, softmax(logits).astype(np.float32), network.classes)


def asked(model: str, sample: str) -> Choice:
    """Name a picture and a network, under which `cache.study` keeps what is measured of them."""
    return Choice(model=model, picture=sidebar.sample_picture(sample), method="Saliency")


@contextmanager
def job(place: DeltaGenerator, work: tuple[object, ...], *models: str) -> Iterator[Listening | None]:
    """Let a part compute under a progress bar in a place of the page; None where the user has stopped just this.

    An error becomes a sentence in that place, and what stands below it is still drawn.
    """
    with place, feedback.guarded():
        if feedback.stopped(work):
            feedback.offer_to_begin("Change anything above, or begin again.")
            yield None
            return
        hear = Listening(st.container(), f"Making {catalogue().models[models[0]].label} ready")
        with hear:
            if any(cache.loaded(model, False) is None for model in models):
                hear.starting()
            for model in models:
                hear.work(f"Making {catalogue().models[model].label} ready")
                cache.model(model, False, hear)
            yield hear
        feedback.finished()


def heatmap(trace: Trace, method: str, index: int, **parameters: object) -> Heatmap:
    """Explain a class by a method of the registry, whose parameters may be named."""
    import explain
    from explain.results import Heatmap as Map

    found = explain.run(trace.model, trace, explain.METHODS[method](**parameters), index)
    assert isinstance(found, Map)
    return found
