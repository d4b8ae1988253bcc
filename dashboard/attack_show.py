"""From an attack and what was measured around it to what is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import attack_words, panes, state, words
from dashboard.classes import TOP, name_of
from dashboard.lens import Option, picker, scale
from dashboard.panes import Pane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dashboard.around import Attacked, Maps
    from explain.outcomes import Said, Survival, Sweep, Transfer

    Floats = NDArray[np.float32]
    Names = tuple[str, ...]

#: Where an enlarged change is to end, in levels from mid-grey, and the largest factor of the slider.
REACH, MOST = 100, 100
#: Up to this much per colour, a change at its own size is hard to see.
SEEN = 8 / 255
HINT = "Point at a picture, or use the arrow keys, to compare the same pixel in all three."


def pictures(found: Attacked, clean: Floats, names: Names, alt: str) -> None:
    """Draw the picture, the change enlarged, and the attacked picture, with one cursor."""
    result = found.result
    change = 255 * (result.pixels - clean)
    before, after = (int(index) for index in found.said)
    usual = int(np.clip(round(REACH / max(255 * result.linf, 1e-6)), 1, MOST))
    shown = [
        Pane("picture", "Before", _said(result.before, before, names), alt, "before", picture=rounded(clean)),
        Pane(
            "change",
            "The change, enlarged",
            f"At most {attack_words.levels(result.linf)} of 255 per colour, length {result.l2:.2g}; grey is no change."
            + (" At its own size hardly anybody sees it." if result.linf <= SEEN else ""),
            f"The change of the colours, enlarged around mid-grey: {_texture(change)}.",
            "change",
            layer=change,
            top=255 * result.linf,
        ),
        Pane(
            "picture",
            "After",
            _said(result.after, after, names),
            f"The attacked picture, which the model takes for {name_of(after, names)}. {alt}",
            "after",
            picture=rounded(result.pixels),
        ),
    ]
    asked = state.mirrored("times", lambda text: text.isdigit() and 1 <= int(text) <= MOST, "an enlargement of")
    panes.draw(panes.pack(shown, times=int(asked) if asked else usual, hint=HINT), key="pictures", on_times=_times)


def _times() -> None:
    state.mirror("times", str(round(state.get("pictures")["times"])))


def _said(chances: Floats, index: int, names: Names) -> str:
    return f"The model says {name_of(index, names)}, {words.percent(float(chances[index]))} sure."


def _texture(change: Floats) -> str:
    moved = float((np.abs(change) >= 0.5).mean())
    return f"a fine pattern that moves {words.percent(moved)} of the colours by half a level or more"


def rounded(pixels: Floats) -> NDArray[np.uint8]:
    """Turn pixels in [0, 1] into levels of a screen."""
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def bars(found: Attacked, names: Names) -> None:
    """Draw the five most likely classes before and after, and what the attack cost."""
    result = found.result
    left, middle, right = st.columns(3, gap="medium")
    for place, key, heading, chances in (
        (left, "before", "Top five before", result.before),
        (right, "after", "Top five after", result.after),
    ):
        with place:
            st.subheader(heading, anchor=False)
            picker(_options(chances, found, names), key=f"top-{key}", label=heading)
    with middle:
        st.subheader("In figures", anchor=False)
        times = "times" if result.evaluations != 1 else "time"
        st.markdown(
            f"- largest change of a colour: {attack_words.levels(result.linf)} of 255\n"
            f"- length of the whole change (L2): {result.l2:.3g}\n"
            f"- the network was asked {result.evaluations:,} {times}, in {words.duration(result.seconds)}\n"
            f"- the attack {'succeeded' if result.success else 'did not succeed'}"
        )


def _options(chances: Floats, found: Attacked, names: Names) -> list[Option]:
    """List the top five; the class to leave and the one reached stand out, and are there in any case."""
    marked = {found.left, found.said[1]} | ({found.goal} - {None})
    order = [int(index) for index in np.argsort(-chances, kind="stable")]
    chosen = order[:TOP] + [index for index in order[TOP:] if index in marked]
    return [
        Option(
            id=str(index),
            name=name_of(index, names),
            figure=words.percent(float(chances[index])),
            share=float(chances[index]),
            quiet=index not in marked,
        )
        for index in chosen
    ]


def maps(both: Maps, found: Attacked, clean: Floats, index: int, names: Names, label: str) -> None:
    """Draw the two maps on one scale, and between them how they differ."""
    before, after = both.before.values, both.after.values
    top, exceeds = scale(np.concatenate([before, after]))
    difference = after - before
    widest, wider = scale(difference)
    about = f"evidence for {name_of(index, names)} by {label}"
    signed, legend = both.before.signed, f"Evidence, {'at least ' if exceeds else ''}one scale for both"
    shown = [
        Pane(
            *("map", "Evidence before", _most(before), f"The picture with {about} laid over it.", "before"),
            *(rounded(clean), before, top, signed, legend),
        ),
        Pane(
            *("map", "What changed", "Orange is more evidence after, blue less.", f"The change of {about}.", "change"),
            *(rounded(clean), difference, widest, True, f"Change{', at least' if wider else ''}"),
        ),
        Pane(
            *("map", "Evidence after", _most(after), f"The attacked picture with {about} laid over it.", "after"),
            *(rounded(found.result.pixels), after, top, signed, legend),
        ),
    ]
    panes.draw(panes.pack(shown, hint=HINT), key="maps")


def _most(values: Floats) -> str:
    top = float(values.max(initial=0))
    return "No evidence for it at all." if top <= 0 else f"At most {top:.2g}."


def sizes(curves: dict[str, Sweep], found: Attacked) -> None:
    """Draw how sure each network is at each size."""
    from explain import figures

    norm = found.attack.measured_in
    ends = [
        f"{name}: {words.percent(float(curve.left[0]))} without a change, {words.percent(float(curve.left[-1]))} "
        f"at {attack_words.size(float(curve.epsilons[-1]), norm)}"
        for name, curve in curves.items()
    ]
    alt = f"How sure the network is of the class to leave, by the size of the change. {'; '.join(ends)}."
    st.plotly_chart(
        figures.sizes(curves, found.attack.budget, norm), key="sizes", config={"displayModeBar": False}, alt=alt
    )
    st.caption("Filled marks: the network is fooled. The dotted line is the size asked for above.")


def transfers(rows: Sequence[Transfer], found: Attacked, names: Names) -> None:
    """List what other networks say before and after."""
    from dashboard.catalogue import catalogue

    entries = catalogue().models
    st.markdown(attack_words.transferred(rows, found, names, {key: entry.classes for key, entry in entries.items()}))
    _table(
        ("Network", "Before", "After", "Changes its answer"),
        [
            (words.escaped(entries[row.model].label), _words(row.before), _words(row.after), _yes(row.fooled))
            for row in rows
        ],
        key="transfer-table",
    )


def survivals(rows: Sequence[Survival], found: Attacked) -> None:
    """List what the network says once the pictures have been through something."""
    if not found.result.success:
        st.markdown("The attack did not succeed, so there is nothing to survive; this is what the network says.")
    else:
        st.markdown(attack_words.survived(rows, found.left))
    heads = ("Done to both pictures", "Before", "After") + (("Attack survives",) if found.result.success else ())
    _table(
        heads,
        [
            (row.defence, _words(row.clean), _words(row.attacked), attack_words.survives(row, found.left))[: len(heads)]
            for row in rows
        ],
        key="defence-table",
    )


def _words(said: Said) -> str:
    return f"{words.escaped(said.name)}, {words.percent(said.probability)}"


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]], key: str) -> None:
    """Draw a table; the cells are Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    with st.container(key=key):
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
