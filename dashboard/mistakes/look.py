"""What a run shows as a whole: how often the network is right, what it takes for what, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state, widgets
from dashboard.mistakes import confusion as matrices
from dashboard.mistakes import place as places
from dashboard.mistakes import said
from dashboard.words import escaped, percent
from explain.mistakes import confuse, summarise, worst_pairs

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.mistakes.place import Place
    from explain.mistakes import Confusion, Summary

#: Worst pairs that are listed.
PAIRS = 6
KEY = "confusion"
#: The charts beside the matrix, and what they are called.
CHARTS = {"calibration": "Calibration", "confidence": "How sure", "classes": "By class"}


def headline(place: Place, title: DeltaGenerator, text: DeltaGenerator) -> None:
    """Say the answer: how many are named right, and the most frequent mistake."""
    summary, confusion = summarise(place.run.cases), confuse(place.run.cases)
    title.title(said.headline(summary, place.run.finished), anchor=False)
    text.markdown(said.sentence(summary, confusion, place.names, place.pictures.title))


def figures(place: Place) -> None:
    """Draw the figures in a row."""
    summary = summarise(place.run.cases)
    with st.container(horizontal=True, gap="small", key="figures"):
        for label, value, help in _figures(summary):
            st.metric(label, value, help=help, width=160)
    out = said.left_out(summary)
    if out:
        st.caption(f"Not counted: {', '.join(out)}.")


def _figures(summary: Summary) -> list[tuple[str, str, str]]:
    """List what is measured: its name, its value, and what it means."""
    found = []
    if summary.accuracy is not None and summary.top5_accuracy is not None and summary.interval is not None:
        likely = said.span(*summary.interval)
        means = f"Accuracy: {summary.right:,} of {summary.counted:,}. With more pictures like these, likely {likely}."
        found.append(("First guess right", percent(summary.accuracy), means))
        means = f"Top-5 accuracy: the true class is among the five most likely in {summary.top5:,} pictures."
        found.append(("Among the first five", percent(summary.top5_accuracy), means))
    if summary.confidence is not None:
        means = "The mean probability that the network gives its first guess."
        found.append(("How sure, on average", percent(summary.confidence), means))
    if summary.calibration_error is not None:
        means = (
            "Expected calibration error: how far, on average over 15 bins, the probability that it gives lies from "
            "how often it is right."
        )
        found.append(("Calibration error", percent(summary.calibration_error), means))
    return found


def draw(place: Place) -> DeltaGenerator:
    """Draw the confusion matrix and the most frequent mistakes; return the place for the chart beside them."""
    confusion = confuse(place.run.cases)
    if not confusion.matrix.any():
        return st.container()
    left, right = st.columns([58, 42], gap="large")
    with left:
        st.subheader("What is taken for what", anchor=False)
        asked = place.filter
        chosen = None if asked.true is None or asked.predicted is None else (asked.true, asked.predicted)
        matrices.draw(confusion, place.names, chosen, KEY, _pick_cell)
        # The callback knows a class by its number only.
        state.put("confusion_names", place.names)
    with right:
        _pairs(place, confusion)
        return st.container()


def _pick_cell() -> None:
    cell = matrices.picked(KEY)
    names: tuple[str, ...] = state.get("confusion_names")
    if cell is not None and max(cell) < len(names):
        places.pick_cell(names[cell[0]], names[cell[1]])


def _pairs(place: Place, confusion: Confusion) -> None:
    """Draw the most frequent mistakes as buttons, each of which lists its pictures."""
    pairs = worst_pairs(confusion, PAIRS)
    st.subheader("Most frequent mistakes", anchor=False)
    if not pairs:
        st.markdown("None: every picture with a known class is named right.")
        return
    asked = (place.filter.true, place.filter.predicted)
    with st.container(horizontal=True, gap="xsmall", key="pairs"):
        for number, pair in enumerate(pairs):
            true, guess = place.names[pair.true], place.names[pair.predicted]
            st.button(
                f"{escaped(true)} → {escaped(guess)} · {pair.count:,} of {pair.of:,}",
                key=f"pair-{number}",
                type="primary" if asked == (pair.true, pair.predicted) else "secondary",
                help=f"{pair.count:,} of the {pair.of:,} pictures of {escaped(true)} are taken for {escaped(guess)}.",
                on_click=places.pick_cell,
                args=(true, guess),
            )


def chart(place: Place) -> None:
    """Draw the chart that was picked; only now is the library that draws it imported."""
    if not place.run.cases.counted.any():
        return
    name = widgets.pick("Chart", CHARTS, "chart", "the chart", label_shown=False)
    from explain import run_figures
    from explain.mistakes import by_class, calibrate

    cases = place.run.cases
    if name == "calibration":
        found = calibrate(cases)
        figure = run_figures.calibration_figure(found)
        pictures = said.counted(int(found.count.sum()), "picture")
        alt = f"Calibration curve over {pictures}: how often the network is right, by how sure it is."
    elif name == "confidence":
        figure = run_figures.confidence_figure(cases)
        alt = "How sure the network is of its first guess, in pictures named right and in pictures named wrong."
    else:
        figure = run_figures.class_figure(by_class(cases), place.names)
        alt = "For each class, the share of its pictures that are named right."
    st.plotly_chart(figure, key=f"chart-{name}", alt=alt, config={"displayModeBar": False})
