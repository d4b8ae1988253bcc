"""From a result to what is drawn: one function for each kind of result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from dashboard import cache, concepts, lens, state, words
from dashboard.catalogue import catalogue
from explain.pictures import divided, overlay, painted_parts, tiles
from explain.results import Concepts, Explanation, FeatureMaps, Heatmap

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.answers import Answer, Choice
    from dashboard.classes import Question


#: What values are called that compare with each other alone.
UNKNOWN_UNIT = "evidence"


@dataclass(frozen=True)
class Shown:
    """What a drawing needs to know: the choice, its answer, the question in names, how the map came about, and what
    the picture shows."""

    choice: Choice
    answer: Answer
    question: Question
    origin: str
    alt: str

    @property
    def about(self) -> str:
        """Say what the evidence speaks for."""
        rather = self.question.rather
        return f"“{self.question.name}”" + ("" if rather is None else f" rather than “{rather}”")


    @property
    def asks_probability(self) -> bool:
        """Whether the map explains the probability of a class; a contrast is always one of scores."""
        return self.choice.ask == "probability" and self.choice.against is None

    @property
    def whence(self) -> str:
        """Say how the map came about, so that a line breaks between two parts only: "1 ms on the CPU" stays whole."""
        return " · ".join(part.replace(" ", words.UNBROKEN) for part in self.origin.split(" · "))

    @property
    def unit(self) -> str:
        """Say what a value of the map is: signed ones of most methods are shares of the score, others only compare."""
        explanation = self.answer.explanation
        shares = catalogue().methods[self.choice.method].shares
        if not isinstance(explanation, Heatmap) or not explanation.signed or not shares:
            return UNKNOWN_UNIT
        return "points of probability" if self.asks_probability else "points of score"


@singledispatch
def show(explanation: Explanation, shown: Shown) -> None:
    """Draw a result; each kind of result registers its own way."""
    st.info(f"There is no drawing for {type(explanation).__name__} yet.")


@show.register
def _heatmap(explanation: Heatmap, shown: Shown) -> None:
    image = shown.choice.picture.image
    pin = state.pixel()
    alt = f"{shown.alt} Laid over it, the evidence for {shown.about}: {shown.origin}."
    unit = "" if shown.unit == UNKNOWN_UNIT else f", in {shown.unit}"
    data = lens.pack(
        image,
        shown.answer.box,
        explanation,
        caption=f"Evidence for {shown.about}{unit} · {shown.whence}",
        alt=alt + " Arrow keys move over the pixels, the keys 1 to 4 change the view.",
        unit=shown.unit,
        look=state.look(),
        pin=pin,
    )
    lens.lens(data, on_picked=_pick, on_look=_look)
    if pin is not None:
        _pixel(explanation, pin, shown.unit)
    if explanation.segments is not None:
        count = int(explanation.segments.max()) + 1
        with st.expander(f"The {count} superpixels", icon=":material/grid_view:"):
            st.image(
                divided(image.crop(shown.answer.box), explanation.segments),
                caption=f"Each of the {count} parts is hidden or shown as one, and has one value in the map.",
                width="stretch",
            )


def _pixel(explanation: Heatmap, pin: tuple[int, int], unit: str) -> None:
    """Say exactly what the map holds at the picked pixel."""
    x, y = pin
    rows, columns = explanation.values.shape
    if x >= columns or y >= rows:
        return
    value = float(explanation.values[y, x])
    rank = float((explanation.values < value).mean())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Picked pixel x {x}, y {y}: **{value:.4g}** {unit}, above {words.percent(rank)} of the map.",
            width="content",
        )
        st.button("Forget", key="forget_pixel", type="tertiary", on_click=state.mirror, args=("pixel", None))


@show.register
def _maps(explanation: FeatureMaps, shown: Shown) -> None:
    channels, height, width = explanation.maps.shape
    order = np.argsort(-explanation.maps.max((1, 2)), kind="stable")
    strongest = explanation.maps[order[:64]]
    sheet = Image.fromarray(tiles(strongest))
    times = max(1, 640 // sheet.width)
    st.image(
        sheet.resize((sheet.width * times, sheet.height * times), Image.Resampling.NEAREST),
        width="stretch",
        caption=f"The {len(strongest)} strongest of {channels} channels, {height} x {width} each · {shown.whence}",
    )


@show.register
def _parts(explanation: Concepts, shown: Shown) -> None:
    probability = shown.asks_probability
    what = "probability" if probability else "score"
    count, said = len(explanation.maps), concepts.described(explanation, probability)
    concepts.draw(
        explanation,
        cache.crop(shown.choice),
        alt=f"{shown.alt} Painted over it, {count} parts: {said}",
        caption=f"What each part adds to the {what} of {shown.about}, to first order · {shown.whence}",
        probability=probability,
    )


class Underway:
    """Draws, where the lens will be, a result that is still under way."""

    def __init__(self, place: DeltaGenerator, crop: Image.Image) -> None:
        self._place = place
        self._crop = crop
        self._slot: DeltaGenerator | None = None

    def __call__(self, partial: object) -> None:
        """Draw the result so far over the picture; an empty one is not worth a picture."""
        if isinstance(partial, Concepts):
            drawn = painted_parts(self._crop, partial)
        elif isinstance(partial, Heatmap) and not partial.empty:
            drawn = overlay(self._crop, partial)
        else:
            return
        if self._slot is None:
            self._slot = self._place.empty()
        self._slot.image(lens.passing(drawn), width="stretch", caption="So far")

    def clear(self) -> None:
        """Make room for the lens."""
        if self._slot is not None:
            self._slot.empty()


def _pick() -> None:
    pixel = state.get("lens")["picked"]
    state.mirror("pixel", f"{int(pixel['x'])}-{int(pixel['y'])}")


def _look() -> None:
    state.keep_look(state.get("lens")["look"])
