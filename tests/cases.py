"""A small run with pictures of every kind, for tests of what the page says about one of them."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import cache, samples
from dashboard.mistakes import question
from dashboard.mistakes.place import Place
from dashboard.mistakes.source import Album
from dashboard.uploads import Picture
from explain.corruptions import corrupt
from explain.runs import Case
from explain.sources import Source
from models.errors import PictureError
from models.loaded import LoadedModel

KEY = "everyday_resnet"
Open = Callable[..., AppTest]


def network() -> LoadedModel:
    """Return the network that was asked about all of them."""
    return cache.model(KEY, False, deaf)


def deaf(progress: object) -> None:
    """Hear nothing."""


def album() -> Album:
    """Pictures that are named right, named wrong, of no known class, and broken."""
    grey = [corrupt(small("basketball"), "colour", strength) for strength in (3, 5)]
    shown = [
        *(source_of(name, samples.SAMPLES[name].everyday_class, small(name)) for name in ("lemon", "orange", "coffee")),
        *(source_of(f"grey {number}", "basketball", image) for number, image in enumerate(grey)),
        source_of("_unlabelled_", None, small("bus")),
        source_of("foreign", "*unheard of*", small("bus")),
        Source("broken", "lemon", "broken", broken),
    ]
    return Album("own", "test pictures", tuple(shown))


def small(name: str) -> Image.Image:
    image = samples.SAMPLES[name].picture().image
    return image.resize((round(image.width * 128 / image.height), 128))


def source_of(name: str, label: str | None, image: Image.Image) -> Source:
    return Source(name, label, name, lambda: Picture(image, f"test {name} {label}", name=name))


def broken() -> Picture:
    raise PictureError("This picture is damaged and cannot be read.")


def named(place: Place, name: str) -> Case:
    """Return the case of this name."""
    return place.run.case(list(place.run.cases.name).index(name))


def asked(place: Place, name: str) -> question.Question:
    """Ask about the case of this name."""
    return question.of(place, named(place, name))


def drawn(place: object, case: object) -> None:
    """Draw one case as the page does; run as a script of its own."""
    import streamlit as st

    from dashboard.feedback import Listening
    from dashboard.mistakes import one

    with Listening(st.container(), "Looking at this picture") as hear:
        one.draw(place, case, hear)


def texts(app: AppTest) -> str:
    """Join all that stands on the page as Markdown."""
    return plain("\n".join(str(text.value) for text in app.markdown))


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")
