"""The section inside a step: the real numbers from which the picked unit is computed."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import cache, lens, state, words
from dashboard.layers import around, numbers
from dashboard.layers import place as places
from dashboard.layers.numbers import short
from explain.steps import Activation, Combination, Norm, Pooling, Step, WeightedSum
from models.errors import LayerError

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.layers.place import Place
    from explain.tracing import Trace
    from models.loaded import LoadedModel

#: Input channels shown as bars, and lines of a table of single numbers.
BARS, LINES = 10, 16
READ = "step-input"
TIMES = "\N{MULTIPLICATION SIGN}"
#: What the first layer reads, as `explain.inside` calls it, and its channels.
PICTURE, COLOURS = "the picture", ("red", "green", "blue")


def draw(place: Place, hear: Listening) -> None:
    """Draw the section."""
    hear.work(f"Looking into {place.layer}")
    with st.container(horizontal=True, vertical_alignment="top", gap="large"):
        left = st.container(width="stretch")
        around.on_the_picture(place)
    with left:
        _unit(place)
    row, column = place.unit

    def compute(network: LoadedModel, trace: Trace) -> Step:
        from explain.inside import inside

        return inside(trace, place.layer, place.channel, row, column)

    try:
        step = cache.study(place.choice, f"step:{place.channel}:{row}:{column}", compute, hear)
    except LayerError as error:
        st.text(f"{error.message} {error.hint}".strip())
        return
    left.markdown(_head(place, step))
    show(step)
    if isinstance(step, (Activation, Norm)):
        around.maps(place, step.source, hear)
    st.caption(_compared(step))
    _sources(place, step)


def _compared(step: Step) -> str:
    """Compare what the network gave with what its numbers come to."""
    gave, found = short(step.output, 6), short(step.result, 6)
    if gave == found:
        return f"Worked out from all numbers of this step it is {found}, just what the network gave."
    return f"Worked out from all numbers of this step it is {found}; the network, which rounds each sum, gave {gave}."


def _unit(place: Place) -> None:
    """Let the unit be picked by its numbers."""
    channels, rows, columns = place.size
    asked = {"step-channel": place.channel, "step-row": place.unit[0], "step-column": place.unit[1]}
    for key, number in asked.items():
        state.put(key, number)

    def pick() -> None:
        places.pick_channel(int(state.get("step-channel")))
        if place.spatial:
            places.pick_unit(int(state.get("step-row")), int(state.get("step-column")))

    with st.container(horizontal=True):
        st.number_input(
            "Channel" if place.spatial else "Value", 0, channels - 1, key="step-channel", on_change=pick, width=140
        )
        if rows * columns > 1:
            st.number_input("Row", 0, rows - 1, key="step-row", on_change=pick, width=140)
            st.number_input("Column", 0, columns - 1, key="step-column", on_change=pick, width=140)


def _head(place: Place, step: Step) -> str:
    inner = "" if step.kind == place.info.kind else f", whose last operation is **{words.escaped(step.kind)}**"
    where = words.escaped(place.named)
    where += f", row {place.unit[0]}, column {place.unit[1]}" if place.size[1] * place.size[2] > 1 else ""
    return (
        f"**{words.escaped(place.layer)}** ({words.escaped(place.info.kind)}{inner}) gives "
        f"**{short(step.output)}** at {where}."
    )


@singledispatch
def show(step: Step) -> None:
    """Draw what goes on inside a step of this kind."""
    raise NotImplementedError


@show.register
def _(step: WeightedSum) -> None:
    count = step.patch.size
    summed = float(step.products.sum())
    if step.bias is None:
        adds = f"adds them up to **{short(summed)}**; there is no bias."
    else:
        sign = "+" if step.bias >= 0 else "\N{MINUS SIGN}"
        adds = (
            f"adds them up: sum of products **{short(summed)}** {sign} bias **{short(abs(step.bias))}** = "
            f"**{short(step.result)}**."
        )
    source = words.escaped(step.source) + (", shifted and scaled for the network" if step.source == PICTURE else "")
    st.markdown(f"It reads **{count:,}** numbers of {source}, multiplies each by a weight, and {adds}")
    if step.patch[0].size == 1:
        _single_numbers(step)
    else:
        _patches(step)


def _single_numbers(step: WeightedSum) -> None:
    """List the largest products of a sum over single numbers; all others as one line."""
    added = step.contributions
    order = np.argsort(-np.abs(added), kind="stable")
    shown, rest = order[:LINES], order[LINES:]
    lines: list[list[str | float]] = [
        [_input(step, each), float(step.patch[each, 0, 0]), float(step.kernel[each, 0, 0]), float(added[each])]
        for each in shown
    ]
    if len(rest):
        lines.append([f"{len(rest):,} others together", "", "", float(added[rest].sum())])
    if step.bias is not None:
        lines.append(["bias", "", "", step.bias])
    st.html(numbers.table("Largest products first", ["input", "number", f"{TIMES} weight", "= product"], lines))


def _patches(step: WeightedSum) -> None:
    """Show patch, kernel and products of one input channel, and let another be picked, largest first."""
    added = step.contributions
    order = [int(each) for each in np.argsort(-np.abs(added), kind="stable")]
    if state.get(READ) not in order:
        state.put(READ, order[0])
    left, right = st.columns([24, 76], gap="medium")
    with left:
        largest = float(np.abs(added).max(initial=0)) or 1.0
        st.markdown(":small[Input channels that add the most]")
        options = [
            lens.Option(
                str(each),
                _input(step, each),
                short(float(added[each])),
                abs(float(added[each])) / largest,
                quiet=bool(added[each] < 0),
            )
            for each in order[:BARS]
        ]
        if len(order) > 1:
            lens.picker(options, key="step-bars", label="Input channels", chosen=str(state.get(READ)), on_picked=_pick)
            if any(option.quiet for option in options):
                st.caption("Grey bars are below zero.")
        if len(order) > BARS:
            rest = float(added[order[BARS:]].sum())
            st.caption(f"The other {len(order) - BARS:,} channels add {short(float(rest))} together.")
            st.selectbox(
                "Any input channel, largest first",
                order,
                format_func=lambda each: f"{_input(step, each)}: {short(float(added[each]))}",
                key=READ,
            )
    with right:
        each = int(state.get(READ))
        rows, columns = step.rows.tolist(), step.columns.tolist()
        inner = list(range(len(rows))), list(range(len(columns)))
        products = step.products[each]
        st.html(
            numbers.in_a_row(
                numbers.grid(f"Patch of {_input(step, each)}", step.patch[each], rows, columns, step.padded),
                TIMES,
                numbers.grid("Kernel", step.kernel[each], *inner),
                "=",
                numbers.grid(f"Products, sum {short(float(added[each]))}", products, rows, columns, step.padded),
            )
        )
        beyond = " Hatched cells are padding beyond the edge; they count as zero." if step.padded.any() else ""
        st.caption(f"Rows and columns of the patch are those of {words.escaped(step.source)}.{beyond}")


def _input(step: WeightedSum, each: int) -> str:
    """Name one of the inputs of a weighted sum."""
    number = int(step.channels[each])
    if step.source == PICTURE:
        return COLOURS[number]
    return f"value {number} of {step.source}" if step.kind == "Linear" else f"channel {number}"


def _pick() -> None:
    state.put(READ, int(state.get("step-bars")["picked"]))


@show.register
def _(step: Pooling) -> None:
    seen = step.patch[~step.padded]
    marked = None
    if step.way == "largest":
        candidates = np.where(step.padded, -np.inf, step.patch)
        row, column = np.unravel_index(int(candidates.argmax()), candidates.shape)
        marked = (int(row), int(column))
        text = f"the **largest** of {seen.size} numbers of {words.escaped(step.source)}: **{short(step.result)}**."
    else:
        summed = float(seen.astype(np.float64).sum())
        text = (
            f"the **average** of its window on {words.escaped(step.source)}: sum **{short(summed)}** / "
            f"**{step.divisor}** = **{short(step.result)}**."
        )
    st.markdown(f"It is {text}")
    columns = step.columns.tolist()
    st.html(numbers.grid("Its window", step.patch, step.rows.tolist(), columns, step.padded, marked))


@show.register
def _(step: Norm) -> None:
    centred = step.value - step.mean
    scale = (step.variance + step.epsilon) ** 0.5
    scaled = centred / scale
    st.markdown(
        f"It shifts and scales one number of {words.escaped(step.source)} by the mean and variance of "
        f"{words.escaped(step.over)}, then by a learned weight and bias."
    )
    lines: list[list[str | float]] = [
        ["number read", "", step.value],
        [f"less the mean {short(step.mean)}", "", centred],
        [f"divided by √(variance {short(step.variance)} + {short(step.epsilon)})", f"÷ {short(scale)}", scaled],
        ["times the weight", f"{TIMES} {short(step.weight)}", scaled * step.weight],
        ["plus the bias", f"+ {short(step.bias)}", step.result],
    ]
    st.html(numbers.table("Step by step", ["", "by", "gives"], lines))


@show.register
def _(step: Activation) -> None:
    if step.function == "relu":
        said = "It is above zero and passes as it is." if step.value > 0 else "It is not above zero, so it is cut to 0."
    else:
        said = ""
    st.markdown(
        f"It turns one number of {words.escaped(step.source)}, x = **{short(step.value)}**, by "
        f"{words.escaped(step.formula)} into **{short(step.result)}**. {said}"
    )


@show.register
def _(step: Combination) -> None:
    if step.way == "move":
        st.markdown("It only puts numbers elsewhere; this one comes from here:")
        heads = ["from", "where", "number"]
    else:
        st.markdown(f"It is the **{step.way}** of {len(step.parts)} numbers:")
        heads = ["part", "where", "number"]
    lines: list[list[str | float]] = [[part.source, part.place, part.value] for part in step.parts]
    if step.way != "move":
        lines.append([step.way, "", step.result])
    st.html(numbers.table("Its parts", heads, lines))


def _sources(place: Place, step: Step) -> None:
    """Lead on to the layers that the numbers came from."""
    read = [part.source for part in step.parts] if isinstance(step, Combination) else [step.source]
    network = places.here(place.rail.model.key, place.rail.untrained)
    known = {layer.name for layer in network.layers()}
    with st.container(horizontal=True):
        for name in dict.fromkeys(read):
            if name in known:
                channel: Any = place.channel if isinstance(step, (Norm, Activation, Pooling)) else None
                label = f"Go to {words.escaped(name)}"
                st.button(label, key=f"go-{name}", on_click=places.pick_layer, args=(name, channel))
