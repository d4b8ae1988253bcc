"""The small network for digits as a figure in which any unit can be picked, and the numbers it comes from."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.components import component
from dashboard.layers import numbers, step
from dashboard.layers.numbers import short
from explain.pictures import colour_table
from explain.steps import Activation, Pooling, WeightedSum
from explain.teaching.digit_steps import NAMES, TITLES, Run, Unit
from explain.teaching.digits import FULL, STAGES

if TYPE_CHECKING:
    from dashboard.learn.desk import Desk

_stages = component("stages", "numbers", "canvas")

#: Of each stage: its part of the network; how many tiles stand side by side on a wide and a narrow page; the most that
#: a tile takes, and the cells along it; the largest cell; where its cells come from; and a line about it.
LAYOUT: dict[str, tuple[int, int, int, int, int, int, str, str]] = {
    "picture": (0, 4, 2, 190, 8, 17, "", "8 x 8 pixels, each from 0 (paper) to 1 (ink)"),
    "conv1": (1, 8, 4, 115, 8, 13, "patch", "8 maps: a kernel of 3 x 3 each, slid over the picture"),
    "activation1": (1, 8, 4, 115, 8, 13, "same", "all below zero becomes zero"),
    "pool1": (1, 8, 4, 115, 8, 13, "block", "the largest of each 2 x 2: the maps shrink to 4 x 4"),
    "conv2": (2, 8, 4, 115, 4, 17, "patch", "16 maps, each reads all 8 maps above"),
    "activation2": (2, 8, 4, 115, 4, 17, "same", "all below zero becomes zero"),
    "pool2": (2, 8, 4, 115, 4, 17, "block", "16 maps of 2 x 2 are left"),
    "flatten": (3, 32, 16, 25, 1, 20, "flat", "the same 64 numbers, one after the other"),
    "hidden1": (3, 32, 16, 25, 1, 20, "all", "32 units, each reads all 64 numbers"),
    "hidden_activation1": (3, 32, 16, 25, 1, 20, "same", "all below zero becomes zero"),
    "scores": (4, 10, 5, 62, 1, 52, "all", "a number for each digit, read from all 32 units"),
    "probabilities": (4, 10, 5, 62, 1, 52, "all", "softmax: all above zero, together 1"),
}
READS = {
    "": "the count of ink that goes in",
    "patch": "comes from the outlined 3 x 3 cells of every map above",
    "same": "comes from the outlined cell above",
    "block": "the largest of the outlined cells above",
    "flat": "is the outlined cell above",
    "all": "comes from all cells above",
}
#: Where a picked unit is told apart by its digit.
BY_DIGIT = ("scores", "probabilities")
FIRST = Unit("conv1", 0, 3, 3)
#: How the table of all numbers of a map looks.
WHOLE = "table-layout:fixed;width:100%;max-width:34rem;font-size:0.6875rem;text-align:center;white-space:nowrap;"
#: The key of what holds the arithmetic.
BELOW = "digits-arithmetic"


def written(unit: Unit) -> str:
    """Write a unit as the address does: conv1-0-3-3."""
    return f"{unit.stage}-{unit.channel}-{unit.row}-{unit.column}"


def parsed(text: str) -> Unit | None:
    """Read a unit as the address writes it."""
    stage, *places = text.split("-")
    if stage not in STAGES or len(places) != 3 or not all(each.isascii() and each.isdigit() for each in places):
        return None
    channel, row, column = (int(each[:6]) for each in places)
    return Unit(stage, channel, row, column)


def figure(desk: Desk, run: Run) -> Unit:
    """Draw all stages and return the picked unit."""

    def accepts(text: str) -> bool:
        unit = parsed(text)
        return unit is not None and run.has(unit)

    asked = desk.held("unit", accepts, "the unit")
    unit = (parsed(asked) if asked else None) or FIRST
    key = desk.key("network")

    def pick() -> None:
        picked = state.get(key)["unit"]
        desk.hold("unit", written(Unit(picked["stage"], *(int(picked[name]) for name in ("channel", "row", "column")))))

    _stages(key=key, data=pack(run, unit), on_unit_change=pick)
    return unit


def pack(run: Run, unit: Unit) -> bytes:
    """Put the values of all stages, and what is said about them, into the bytes that the browser reads."""
    header: dict[str, Any] = {"stages": [], "picked": vars(unit)}
    offset = 0
    for name in STAGES:
        values = run.stages[name]
        part, wide, narrow, most, span, cell, reads, note = LAYOUT[name]
        channels, rows, columns = values.shape
        # The stages of one part share a scale, so that a colour means the same number before and after the ReLU.
        alike = [run.stages[other] for other in STAGES if LAYOUT[other][0] == part and other not in BY_DIGIT]
        largest = max(float(np.abs(each).max()) for each in alike or [values])
        labelled = reads == "patch" or name in BY_DIGIT
        header["stages"].append(
            {
                "name": name,
                "title": TITLES[name],
                "note": note,
                "alt": f"{TITLES[name]}: {note}. Arrow keys move over its cells, Enter shows the arithmetic of one.",
                "from": READS[reads],
                "reads": reads,
                "part": part_name(name),
                "first": part > 0 and LAYOUT[STAGES[STAGES.index(name) - 1]][0] != part,
                "channels": channels,
                "rows": rows,
                "columns": columns,
                "wide": wide,
                "narrow": narrow,
                "most": most,
                "span": span,
                "cell": cell,
                "labels": [str(each) for each in range(channels)] if labelled else None,
                "grey": name == "picture",
                "percent": name == "probabilities",
                "top": 1.0 if name in ("picture", "probabilities") else largest,
                "offset": offset,
            }
        )
        offset += values.size
    header |= {"said": f"Picked: {said(run, unit)}", "below": BELOW}
    numbers_of_all: bytes = np.concatenate([run.stages[name].ravel() for name in STAGES]).astype("<f4").tobytes()
    header["answer"] = hashlib.sha256(numbers_of_all + json.dumps(header).encode()).hexdigest()[:16]
    text = json.dumps(header).encode()
    tables = colour_table("blue-orange").tobytes() + np.arange(256, dtype=np.uint8).repeat(3).tobytes()
    return len(text).to_bytes(4, "little") + text + tables + numbers_of_all


def part_name(stage: str) -> str:
    """Say what a stage has many of."""
    if stage in BY_DIGIT:
        return "digit"
    return "map" if LAYOUT[stage][4] > 1 else "number"


def place(run: Run, unit: Unit) -> str:
    """Say where a unit is: the first convolution, map 0, row 3, column 3."""
    parts = [NAMES[unit.stage]]
    if unit.stage != "picture":
        parts.append(f"{part_name(unit.stage)} {unit.channel}")
    if run.stages[unit.stage][0].size > 1:
        parts.append(f"row {unit.row}, column {unit.column}")
    return ", ".join(parts)


def said(run: Run, unit: Unit) -> str:
    """Say in a line what a unit gives and how that comes about."""
    found = run.step(unit)
    line = f"{place(run, unit)}: {short(run.value(unit))}"
    if isinstance(found, WeightedSum):
        summed = short(float(found.products.sum()))
        return f"{line} = the sum of {found.patch.size} products, {summed}, plus the bias, {short(found.bias or 0.0)}"
    if isinstance(found, Pooling):
        return f"{line} = the largest of {', '.join(short(float(each)) for each in found.patch.ravel())}"
    return f"{line} = the larger of 0 and {short(found.value)}" if isinstance(found, Activation) else line


def arithmetic(run: Run, unit: Unit) -> None:
    """Write out the numbers that a unit comes from."""
    st.markdown(f"**{short(run.value(unit))}** stands in {place(run, unit)}.")
    found = run.step(unit)
    if unit.stage == "picture":
        count = int(run.pixels[unit.row, unit.column])
        st.markdown(f"{count} of the {FULL} points of this block bear ink; {count} / {FULL} = {short(count / FULL)}.")
    elif found is None:
        _softmax(run, unit.channel)
    elif isinstance(found, WeightedSum) and len(found.channels) == 1:
        _single_patch(found)
    else:
        step.show(found)
    whole = NAMES[unit.stage]
    if unit.stage != "picture" and run.stages[unit.stage][0].size > 1:
        whole += f", {part_name(unit.stage)} {unit.channel}"
    with st.expander(f"All numbers of {whole}"):
        st.html(_whole(run, unit))


def _single_patch(found: WeightedSum) -> None:
    """Write out a sum over one patch."""
    patch, kernel, products = found.patch[0], found.kernel[0], found.products[0]
    rows, columns = found.rows.tolist(), found.columns.tolist()
    inner = list(range(len(rows)))
    st.html(
        numbers.in_a_row(
            numbers.grid("Patch of the digit", patch, rows, columns, found.padded),
            step.TIMES,
            numbers.grid("Kernel", kernel, inner, inner),
            "=",
            numbers.grid(f"Products, sum {short(float(products.sum()))}", products, rows, columns, found.padded),
        )
    )
    pairs = zip(patch.ravel().tolist(), kernel.ravel().tolist(), strict=True)
    terms = " + ".join(f"{short(value)} {step.TIMES} {_bracketed(weight)}" for value, weight in pairs)
    bias = found.bias or 0.0
    st.markdown(f"{terms} + bias {_bracketed(bias)} = **{short(found.result)}**")
    if found.padded.any():
        st.caption("Hatched cells are padding beyond the edge; they count as zero.")


def _bracketed(value: float) -> str:
    """Write a number, one below zero in brackets."""
    return f"({short(value)})" if value < 0 else short(value)


def _softmax(run: Run, digit: int) -> None:
    """Write out how a probability comes from all scores."""
    scores = run.scores.astype(np.float64)
    powers = np.exp(scores - scores.max())
    total = float(powers.sum())
    st.markdown(
        f"The largest score, {short(float(scores.max()))}, is taken off all of them; then e is raised to each, and "
        f"each power is divided by their sum: {short(float(powers[digit]))} / {short(total)} = "
        f"**{short(float(powers[digit]) / total)}**."
    )
    lines: list[list[str | float]] = [
        [f"digit {each}", float(scores[each]), float(powers[each]), float(powers[each]) / total] for each in range(10)
    ]
    heads = ["", "score", "e to the (score \N{MINUS SIGN} largest)", "divided by the sum"]
    st.html(numbers.table("From scores to probabilities", heads, lines))


def _whole(run: Run, unit: Unit) -> str:
    """Write all numbers of the picked map, or of a stage without places, as a table that fits a narrow page."""
    values = run.stages[unit.stage]
    spatial = values[0].size > 1
    across = 5 if unit.stage in BY_DIGIT else 8
    lines = values[unit.channel] if spatial else values.reshape(-1, across)
    marked = (unit.row, unit.column) if spatial else divmod(unit.channel, across)
    starts = range(len(lines)) if spatial else range(0, len(values), across)
    largest = float(np.abs(lines).max(initial=0))
    body = f"<tr><td></td>{''.join(f'<th scope=col>{each}</th>' for each in range(lines.shape[1]))}</tr>"
    for row, line in enumerate(lines):
        cells = ""
        for column, value in enumerate(line.tolist()):
            style = numbers.colour(value, largest) + "outline:2px solid currentColor;" * ((row, column) == marked)
            cells += f'<td style="padding:0.2rem 0;{style}">{short(value, 2)}</td>'
        body += f'<tr><th scope="row">{starts[row]}</th>{cells}</tr>'
    caption = "Row by row" if spatial else "In front of each line, the number of its first cell"
    return f'<table style="{WHOLE}"><caption style="text-align:left">{caption}</caption>{body}</table>'
