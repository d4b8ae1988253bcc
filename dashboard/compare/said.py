"""The sentences of the Compare page: what is asked, what each pane says, how alike the maps are, what the scale is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.catalogue import catalogue
from dashboard.classes import name_of
from dashboard.compare.axes import AXES
from dashboard.words import escaped, percent

if TYPE_CHECKING:
    from dashboard.compare.axes import Axis
    from dashboard.compare.filling import Seen
    from dashboard.compare.place import Place

#: From which rank correlation on two maps are called so.
ALIKE = ((0.9, "nearly the same"), (0.6, "much alike"), (0.3, "somewhat alike"), (-0.3, "hardly alike"))
OPPOSITE = "opposite"
CUT = " Shown is the part of the picture that all of the networks see."
SCALE = {
    "one": "One colour bar: the values as they are, so that panes can be compared in strength, too.",
    "own": "Each pane has its own colour bar: compare places, not strengths.",
    "rank": "Each pixel's place among the pixels of its map, which does not depend on any unit: 100 % is the highest.",
}
NETWORKS = (
    "One colour bar: the values as they are. A network that gives larger scores has stronger maps: if one is pale, "
    "look at it on a scale of its own."
)
SHARE = (
    "One colour bar: since methods measure in different units, a value is given in percent of its map's strongest. "
    "Compare places, not strengths."
)


def headline(place: Place) -> str:
    """Ask the question that the page answers."""
    base = place.base
    against = base.choice.against
    rather = "" if against is None else f" rather than *{escaped(name_of(against, base.rail.model.classes))}*"
    about = f"*{escaped(base.label)}*{rather}"
    return {
        "methods": f"Do the methods agree on {about}?",
        "classes": f"What speaks for {about}, what for others?",
        "networks": f"Do the networks see {about} in the same place?",
        "pictures": "Where does the model look, picture by picture?",
    }[place.axis.key]


def alike(first: str, second: str, spearman: float | None, ssim: float | None) -> str:
    """Say how alike two maps are."""
    names = f"**{escaped(first)}** and **{escaped(second)}**"
    if spearman is None:
        return f"{names} cannot be compared: a map is the same everywhere."
    word = next((word for least, word in ALIKE if spearman >= least), OPPOSITE)
    structure = "" if ssim is None else f", structural similarity {number(ssim)}"
    return f"{names} are **{word}**: their pixels' ranks correlate by **{number(spearman)}**{structure}."


def number(value: float) -> str:
    """Write a figure between -1 and 1 with two digits."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def answer(axis: Axis, one: Seen) -> str:
    """Say what a pane's network says, what hiding the strongest part of its map does, and how far to trust it."""
    found, names = one.answer, one.member.names
    first = name_of(int(found.prediction.indices[0]), names)
    explained = name_of(found.index, names)
    parts = []
    if axis is not AXES["methods"]:
        parts.append(f"{explained} {percent(found.probability(found.index))}.")
        if explained != first:
            parts.append(f"Says {first}, {percent(float(found.prediction.probabilities[0]))}.")
    check = found.check
    if check is None:
        parts.append("The map is empty." if one.heatmap.empty else "Not checked.")
    else:
        parts.append(
            f"Its top {percent(check.share)} hidden: {_moves(check.before, check.hidden)}; "
            f"as much elsewhere: {percent(check.elsewhere)}."
        )
    return " ".join([*parts, *caution(one.member.choice.method)])


def caution(method: str) -> tuple[str, ...]:
    """Say why the maps of a method may say little about the network; nothing where no such reason is known."""
    known = catalogue().methods[method].caution
    return (f"Caution: {known}",) if known else ()


def _moves(before: float, after: float) -> str:
    if percent(before) == percent(after):
        return f"stays at {percent(after)}"
    return f"{percent(before)} {'falls' if after < before else 'rises'} to {percent(after)}"


def alt(one: Seen) -> str:
    """Describe a pane to those who cannot see it."""
    explained = name_of(one.answer.index, one.member.names)
    return f"{one.member.alt} Laid over it, the evidence for {explained}: {one.title}."


def difference(one: str, other: str) -> str:
    """Say what the colours of the difference mean."""
    return f"Orange: more in {one}. Blue: more in {other}."


def scale(how: str, axis: Axis) -> str:
    """Say what the colours stand for."""
    if how == "one" and axis is AXES["networks"]:
        return NETWORKS
    return SHARE if how == "one" and not axis.one_unit else SCALE[how]
