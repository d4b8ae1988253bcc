"""The one place that caches: networks, traces and answers, shared by all sessions and bounded in bytes."""

from __future__ import annotations

import atexit
import gc
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from dashboard import own, shipped
from dashboard.answers import Answer, Choice, Declined
from dashboard.catalogue import catalogue
from dashboard.store import MIB, Store, bytes_of, half_the_memory
from dashboard.suited import Suited
from explain.results import Heatmap
from models.errors import ConvLensError
from models.weights import weights_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from dashboard.answers import Outcome
    from explain.method import Method
    from explain.metric import Metric
    from explain.results import Prediction
    from explain.target import Target
    from explain.tracing import Trace
    from models.layout import Layout
    from models.loaded import LoadedModel
    from models.progress import Listener, Progress

Found = TypeVar("Found")


def _deaf(progress: Progress) -> None:
    """Hear nothing and go on."""


@dataclass(frozen=True)
class Shelf:
    """What the server keeps: at most three networks, the last four traces, and answers up to 256 MiB."""

    models: Store[LoadedModel] = field(
        default_factory=lambda: Store(most=3, bytes_at_most=half_the_memory(), size=_bytes_of_weights)
    )
    traces: Store[Trace] = field(
        default_factory=lambda: Store(most=4, bytes_at_most=1024 * MIB, size=lambda trace: trace.nbytes)
    )
    answers: Store[Answer] = field(
        default_factory=lambda: Store(most=5000, bytes_at_most=256 * MIB, size=lambda answer: answer.nbytes)
    )
    #: What is measured around an answer: control, sizes, files.
    studies: Store[Any] = field(default_factory=lambda: Store(most=500, bytes_at_most=128 * MIB, size=bytes_of))
    predictions: Store[Prediction] = field(
        default_factory=lambda: Store(most=1000, bytes_at_most=64 * MIB, size=lambda found: found.logits.nbytes * 20)
    )
    #: Small versions of pictures, by checksum, as files.
    thumbnails: Store[bytes] = field(
        default_factory=lambda: Store(most=5000, bytes_at_most=32 * MIB, size=lambda small: len(small))
    )
    #: Runs over pictures that are under way, so that no two sessions write one; what they found lies in their files.
    runs: Store[None] = field(default_factory=lambda: Store(most=0, bytes_at_most=0, size=lambda run: 0))
    suited: Suited = field(default_factory=Suited)


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """Return the one shelf of this server."""
    return Shelf()


@st.cache_resource(show_spinner=False)
def once(name: str, _act: Callable[[], None]) -> None:
    """Do something once in the life of the server."""
    _act()


@cache
def ready_torch() -> None:
    """Import torch once, and spare its million objects from every later garbage collection."""
    import_module("explain.methods")
    import_module("models.registry")
    import_module("skimage.filters")  # half a second, which the first quick check would wait for
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else what is frozen counts as leaked when the server ends


def model(key: str, untrained: bool, listener: Listener) -> LoadedModel:
    """Load a network, or return it if it is loaded; the listener hears of a download in bytes."""
    held = None if untrained else _own(key)
    return held or shelf().models.ask((key, untrained), lambda: load(key, untrained), listener)


def load(key: str, untrained: bool = False) -> LoadedModel:
    """Load a network without looking whether it is there already."""
    ready_torch()
    import models

    held = _own(key)
    if held is not None:
        from models.own import untrained as filled_anew

        return filled_anew(held) if untrained else held
    return models.load(key, weights="random" if untrained else None)


def loaded(key: str, untrained: bool) -> LoadedModel | None:
    """Return a network only if it is loaded."""
    held = None if untrained else _own(key)
    return held or shelf().models.get((key, untrained))


def _own(key: str) -> LoadedModel | None:
    """Return a network that does not ship; these are held by their sessions, never among what all sessions share."""
    found = own.find(key)
    return None if found is None else found.model


def needs_download(key: str) -> bool:
    """Tell whether the weights of a network are nowhere on this machine."""
    return loaded(key, False) is None and weights_here(key, catalogue().models[key].files) is None


def layers(key: str, untrained: bool) -> tuple[str, ...] | None:
    """List the names of a network's layers, or None while it is not loaded and not in the catalogue."""
    known = catalogue().models[key].layers
    if known is not None:
        return known
    network = loaded(key, untrained)
    return None if network is None else tuple(layer.name for layer in network.layers())


def unsuitable(key: str, untrained: bool) -> dict[str, str]:
    """Say by method why it means nothing on a network, as far as that is known by now: probing takes time.

    What is picked is probed before its answer, all others in the background (`warm`).
    """
    network = loaded(key, untrained)
    if network is None or catalogue().models[key].layers is not None:
        return catalogue().models[key].unsuitable
    return shelf().suited.unsuitable(network)


def peek(choice: Choice) -> Answer | None:
    """Return the answer to a choice if it is known without computing: shipped, or asked before."""
    network = loaded(choice.model, choice.untrained)
    early = shipped.find(choice)
    if network is not None:
        fits = early is not None and early.weights == network.weights.identity
        return early if fits else shelf().answers.get((network.weights.identity, choice.key))
    bundled = weights_here(choice.model, catalogue().models[choice.model].files) == "bundled"
    return early if bundled else None


def predict(choice: Choice, listener: Listener) -> Prediction:
    """Name all classes of the picture, best first."""
    known = peek(choice)
    if known is not None:
        return known.prediction
    network = model(choice.model, choice.untrained, listener)
    return _prediction(shelf(), network, choice, listener)


def answer(choice: Choice, listener: Listener) -> Answer:
    """Answer a choice: at once if it is known, else computed once for all sessions that ask for it."""
    known = peek(choice)
    if known is not None:
        return known
    network = model(choice.model, choice.untrained, listener)
    key = (network.weights.identity, choice.key)
    return shelf().answers.ask(key, lambda: compute(shelf(), network, choice, listener), listener)


def compute(kept: Shelf, network: LoadedModel, choice: Choice, listener: Listener = _deaf) -> Answer:
    """Compute an answer, using the traces and predictions that are kept."""
    import explain

    prediction = _prediction(kept, network, choice, listener)
    index = int(prediction.indices[0]) if choice.index is None else choice.index
    target = target_of(choice, index)
    trace = _trace(kept, network, choice, listener)
    kept.suited.find(network, choice.method)
    found = explain.run(network, trace, method_of(choice), target)
    check = None
    if isinstance(found, Heatmap) and not found.empty:
        check = explain.quick_check(trace, found, target)
    box = network.card.pixels.box(choice.picture.image)
    return Answer(prediction, found, check, index, box, network.weights.identity, network.device.type)


def study(choice: Choice, name: str, compute: Callable[[LoadedModel, Trace], Found], listener: Listener) -> Found:
    """Measure something around the answer to a choice, once for all sessions; `name` tells what and how."""
    network = model(choice.model, choice.untrained, listener)
    key = (network.weights.identity, choice.key, name)

    def work() -> Found:
        from explain.memory import within_memory

        return within_memory(_trace(shelf(), network, choice, listener), lambda trace: compute(trace.model, trace))

    found: Found = shelf().studies.ask(key, work, listener)
    return found


def check(choice: Choice, answer: Answer, metric: Metric, listener: Listener) -> Outcome:
    """Check the map of an answer by one metric, once for all sessions; where that means nothing, say why."""

    return study(choice, repr(metric), lambda network, trace: measured(trace, choice, answer, metric), listener)


def measured(trace: Trace, choice: Choice, answer: Answer, metric: Metric) -> Outcome:
    """Check the map of an answer without looking whether that was done already."""
    import explain

    assert isinstance(answer.explanation, Heatmap)
    try:
        return explain.measure(trace, metric, answer.explanation, target_of(choice, answer.index), method_of(choice))
    except ConvLensError as error:
        return Declined(error.message)


def checked(choice: Choice, answer: Answer, metric: Metric) -> Outcome | None:
    """Return what a check said, if it was made."""
    found: Outcome | None = shelf().studies.get((answer.weights, choice.key, repr(metric)))
    return found


def layout(key: str, untrained: bool, listener: Listener) -> Layout:
    """Lay out a network as boxes and what flows between them, once for all sessions."""
    network = model(key, untrained, listener)

    def work() -> Layout:
        from models.layout import layout_of

        return layout_of(network)

    found: Layout = shelf().studies.ask((network.weights.identity, key, "layout"), work, listener)
    return found


def crop(choice: Choice, side: int = 448) -> Image.Image:
    """Cut out what the network sees, for people: from the original, larger than the network's own pixels."""
    network = loaded(choice.model, choice.untrained)
    image = choice.picture.image
    box = (0.0, 0.0, *image.size) if network is None else network.card.pixels.box(image)
    return image.resize((side, side), box=box)


def _prediction(kept: Shelf, network: LoadedModel, choice: Choice, listener: Listener) -> Prediction:
    def compute() -> Prediction:
        import explain

        return explain.predict(network, _trace(kept, network, choice, listener), k=len(network.card.classes))

    return kept.predictions.ask(_picture_key(network, choice), compute, listener)


def _trace(kept: Shelf, network: LoadedModel, choice: Choice, listener: Listener) -> Trace:
    import explain

    key = _picture_key(network, choice)
    return kept.traces.ask(key, lambda: explain.trace(network, choice.picture.image), listener)


def _picture_key(network: LoadedModel, choice: Choice) -> tuple[str, ...]:
    return (network.weights.identity, choice.model, choice.picture.sha256)


def method_of(choice: Choice) -> Method:
    """Make the method of a choice."""
    import explain

    return explain.METHODS[choice.method](**dict(choice.parameters))


def target_of(choice: Choice, index: int) -> Target:
    """Say what a choice asks of a class."""
    from explain.target import ClassLogit, ClassProbability, Contrast

    if choice.against is not None:
        return Contrast(index, choice.against)
    return ClassProbability(index) if choice.ask == "probability" else ClassLogit(index)


def _bytes_of_weights(network: LoadedModel) -> int:
    held = [*network.network.parameters(), *network.network.buffers()]
    return sum(tensor.nbytes for tensor in held)
