"""The section of feature visualisation: a picture made from nothing that drives a channel, a unit or a class up."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from dashboard import cache, lens, state, widgets, words
from dashboard.answers import Choice
from dashboard.classes import name_of
from dashboard.layers import place as places
from dashboard.layers.numbers import short
from explain.results import Visualisation

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.layers.place import Place
    from explain.tracing import Trace
    from models.loaded import LoadedModel

METHOD = "ActivationMaximisation"
#: What may be driven up, as the method's parameter has it.
AIMS = {"channel": "the whole channel", "unit": "one unit of it", "class": "a class"}
#: What may be adjusted here; the rest follows from the place.
ADJUSTED = ("steps", "moves", "seed")
#: Side of the picture on the page, in pixels.
SIDE = 512
#: Under what the session keeps the picture that is under way, and what it answers.
PARTIAL = "partial-visualisation"


def draw(place: Place, hear: Listening) -> None:
    """Draw the section."""
    choice, about = _asked(place, hear)
    left, right = st.columns([52, 48], gap="large")
    with left:
        slot = st.empty()

    def so_far(partial: object) -> None:
        state.put(PARTIAL, (choice.key, partial))
        _show(slot, partial, about)

    hear.work(f"Making a picture for {about}", so_far)
    found = cache.answer(choice, hear).explanation
    assert isinstance(found, Visualisation)
    state.drop(PARTIAL)
    _show(slot, found, about)
    hear.work("Measuring the picked picture")
    own = _measured(place, choice, hear)
    with right:
        _say(place, found, own, about)
        _climb(found, own)
        _save(place, found, about)


def draw_stopped(place: Place, hear: Listening) -> None:
    """Draw the controls, and the picture as far as it came before it was stopped."""
    choice, about = _asked(place, hear)
    key, partial = state.get(PARTIAL, ("", None))
    if key != choice.key or not isinstance(partial, Visualisation):
        return
    left, right = st.columns([52, 48], gap="large")
    with left:
        _show(st.empty(), partial, about)
    with right:
        steps, all_steps = len(partial.scores), int(dict(choice.parameters)["steps"])
        st.markdown(f"Stopped after **{steps}** of {all_steps} steps. The picture is what there was by then.")
        _climb(partial, None)
        _save(place, partial, about)


def _asked(place: Place, hear: Listening) -> tuple[Choice, str]:
    """Draw the controls; return what is asked for, and what to call it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        aim = _aim(place)
        index = _class(place, hear) if aim == "class" else None
        if aim != "class":
            _number(place)
    if aim == "unit":
        st.caption(f"The unit in row {place.unit[0]}, column {place.unit[1]}; pick another one in “What a unit sees”.")
    return _choice(place, aim, index, _adjusted()), _about(place, aim, index)


def _save(place: Place, found: Visualisation, about: str) -> None:
    st.download_button(
        "Save the picture",
        _png(found),
        file_name=re.sub(r"[^a-z0-9]+", "-", f"{place.rail.model.key} {about}".lower()) + ".png",
        mime="image/png",
        icon=":material/download:",
        key="save-visualisation",
        on_click="ignore",
    )


def _aim(place: Place) -> str:
    """Ask what to drive up."""
    aims = AIMS if place.spatial else {"channel": "one value of the layer", "class": AIMS["class"]}
    return widgets.pick("Drive up", aims, "aim", "the aim")


def _number(place: Place) -> None:
    """Let the channel be picked by its number, as it stands in the address."""
    key = f"visualised-{place.layer}"
    state.put(key, place.channel)
    most = place.size[0] - 1
    st.number_input(
        f"{place.part.capitalize()}, 0 to {most}",
        0,
        most,
        key=key,
        width=180,
        on_change=lambda: places.pick_channel(int(state.get(key))),
    )


def _class(place: Place, hear: Listening) -> int:
    """Ask which class to drive up; at first the one that the model sees."""
    hear.work("Looking at the picture")
    names = place.rail.model.classes
    predicted = name_of(int(cache.predict(place.choice, hear).indices[0]), names)
    state.check_option("class", names, str, "the class", lambda name: str(names.index(name)))
    chosen = st.selectbox(
        "Class", names, index=None, key="class", placeholder=predicted, bind="query-params", width=260
    )
    return names.index(chosen or predicted)


def _adjusted() -> dict[str, Any]:
    from explain.methods.activation_maximisation import ActivationMaximisation
    from explain.params import params_of

    with st.expander("Adjust", icon=":material/tune:"):
        params = tuple(param for param in params_of(ActivationMaximisation) if param.name in ADJUSTED)
        return dict(widgets.configure(METHOD, params))


def _choice(place: Place, aim: str, index: int | None, adjusted: dict[str, Any]) -> Choice:
    """Ask for the picture, with nothing in the question that it does not depend on."""
    asked: dict[str, Any] = {"objective": aim, **adjusted}
    if aim != "class":
        asked |= {"layer": place.layer, "channel": place.channel}
    if aim == "unit":
        asked |= {"row": place.unit[0], "column": place.unit[1]}
    return Choice(
        model=place.rail.model.key,
        picture=places.BLANK,
        method=METHOD,
        parameters=tuple(sorted(asked.items())),
        index=index,
        untrained=place.rail.untrained,
    )


def _measured(place: Place, choice: Choice, hear: Listening) -> float:
    """Score the picture in the rail in the same way."""

    def compute(network: LoadedModel, trace: Trace) -> float:
        from explain.methods.activation_maximisation import ActivationMaximisation
        from explain.target import ClassLogit

        return ActivationMaximisation(**dict(choice.parameters)).measure(trace, ClassLogit(choice.index or 0))

    return cache.study(place.choice, f"measured:{choice.index}:{choice.parameters}", compute, hear)


def _about(place: Place, aim: str, index: int | None) -> str:
    if index is not None:
        return f"the class {name_of(index, place.rail.model.classes)}"
    channel = f"{place.named} of {place.layer}"
    return f"unit {place.unit[0]}-{place.unit[1]} of {channel}" if aim == "unit" else channel


def _show(slot: Any, found: object, about: str) -> None:
    """Draw the picture so far, or the one at the end, larger than the network sees it."""
    if not isinstance(found, Visualisation):
        return
    rows, columns = found.pixels.shape[:2]
    large = Image.fromarray(_levels(found)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    step = f"after {len(found.scores)} steps" if len(found.scores) != 1 else "after one step"
    slot.image(
        lens.passing(large),
        width="stretch",
        caption=f"Made from nothing for {words.escaped(about)}, {step}; {rows} x {columns} pixels, enlarged",
        alt=f"A picture made from nothing that drives {about} up: the network's own idea of what it looks for.",
    )


def _say(place: Place, found: Visualisation, own: float, about: str) -> None:
    """Say what the picture reaches, beside the picture in the rail, and what it is not."""
    averaged = found.layer is not None and found.unit is None and place.spatial
    what = " on average over its places" if averaged else " as a score" if found.layer is None else ""
    st.markdown(
        f"Here **{words.escaped(about)}** reaches **{short(found.score)}**{what}; on the picked picture it is "
        f"**{short(own)}**."
    )
    for note in found.notes:
        st.caption(words.escaped(note))
    st.markdown(
        "It shows what raises this number most, not what raises it in photographs: one draw of many that would do. "
        "Another draw under Adjust shows another side of it; “Top pictures” shows what excites it in real pictures."
    )


def _climb(found: Visualisation, own: float | None) -> None:
    """Draw how the score rose, and that of the picked picture where it is known."""
    import plotly.graph_objects as go

    from explain.figures import GREY, LINES

    steps = list(range(1, len(found.scores) + 1))
    figure = go.Figure(
        go.Scatter(
            x=steps,
            y=found.scores.tolist(),
            mode="lines",
            line_color=LINES[0],
            hovertemplate="step %{x}: %{y:.3g}<extra></extra>",
        )
    )
    if own is not None:
        figure.add_hline(y=own, line={"color": GREY, "dash": "dot"}, annotation_text="the picked picture")
    figure.update_xaxes(title="Step")
    figure.update_yaxes(title="Score")
    figure.update_layout(height=260, margin={"l": 10, "r": 10, "t": 10, "b": 10}, showlegend=False)
    first, last = (short(float(found.scores[place])) for place in (0, -1))
    alt = f"The score rises from {first} to {last} in {len(steps)} steps."
    st.plotly_chart(figure, key="climb", config={"displayModeBar": False}, alt=alt)


def _png(found: Visualisation) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(_levels(found)).save(buffer, "PNG")
    return buffer.getvalue()


def _levels(found: Visualisation) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.rint(found.pixels * 255).astype(np.uint8)
