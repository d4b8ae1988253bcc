"""The side "Both classes": what speaks for one, what for the other, and what for the one rather than the other."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, panes, state, words
from dashboard.around import pixels_of
from dashboard.attack_show import rounded
from dashboard.catalogue import catalogue
from dashboard.lens import scale
from dashboard.mistakes import question
from dashboard.panes import Pane
from explain.results import Heatmap, share_of_area
from models.errors import UnsuitableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.answers import Answer, Choice
    from dashboard.catalogue import MethodEntry
    from dashboard.feedback import Listening
    from dashboard.mistakes.place import Place
    from dashboard.mistakes.question import Question
    from explain.runs import Case

#: The share of each map that is compared, and from which share in common two maps lie at the same place, or do not.
STRONGEST, SAME, APART = 0.1, 0.5, 0.15
HINT = "Point at a picture, or use the arrow keys, to compare the same place in all four."
LEGEND = "Evidence, {}one scale for all three"


def draw(place: Place, case: Case, hear: Listening) -> None:
    """Draw the picture and the three maps, and say how far to trust each."""
    asked = question.of(place, case)
    method = _method(place)
    answers = []
    for number, choice in enumerate(_choices(asked, method), 1):
        hear.work(f"Computing {method.label}, map {number} of 3")
        answers.append(cache.answer(choice, hear))
    seen = cache.study(asked.choice, "seen", lambda network, trace: rounded(pixels_of(trace)), hear)
    maps = [_map(answer, method) for answer in answers]
    st.markdown(said(maps, asked))
    panes.draw(panes.pack(_panes(maps, seen, asked, method), hint=HINT), key="both-classes")
    st.markdown("\n".join(f"- {line}" for line in _trusted(answers, asked)))


def _method(place: Place) -> MethodEntry:
    """Draw the choice of a method among those that give a map and suit the network."""
    entries = catalogue().maps
    unsuitable = cache.unsuitable(place.model.key, place.untrained)
    offered = [name for name in entries if name not in unsuitable]
    if not offered:
        raise UnsuitableError("No method of explanation suits this network.", "Look at it from another side.")
    state.check_option("explanation", offered, lambda name: entries[name].label, "the explanation", str)
    name = st.selectbox(
        "Explained by",
        offered,
        format_func=lambda name: entries[name].label,
        key="explanation",
        bind="query-params",
        width=320,
    )
    return entries[name]


def _choices(asked: Question, method: MethodEntry) -> list[Choice]:
    """Ask for the one class, for the other, and for the one rather than the other."""
    parameters = tuple((param.name, param.default) for param in method.params)
    usual = dataclasses.replace(asked.choice, method=method.name, parameters=parameters)
    return [
        dataclasses.replace(usual, index=asked.first),
        dataclasses.replace(usual, index=asked.second),
        dataclasses.replace(usual, index=asked.first, against=asked.second),
    ]


def _map(answer: Answer, method: MethodEntry) -> Heatmap:
    if not isinstance(answer.explanation, Heatmap):
        raise UnsuitableError(f"{method.label} gives no map over the picture.", "Pick another explanation.")
    return answer.explanation


def said(maps: list[Heatmap], asked: Question) -> str:
    """Say whether both classes are read off the same place, which tells what to look for."""
    first, second = asked.named(asked.first), asked.named(asked.second)
    for name, heatmap in ((first, maps[0]), (second, maps[1])):
        if heatmap.empty:
            return f"By this method, nothing in the picture speaks for {name}."
    shared = in_common(maps[0], maps[1])
    figure = f"**{words.percent(shared)}** of the strongest tenth for {first} is also among the strongest for {second}"
    if shared >= SAME:
        return f"{figure}: both are read off the same place, so what counts is how it looks there."
    if shared <= APART:
        return f"{figure}: the two are read off different places. Are there two things in the picture?"
    return f"{figure}: the two are read off places that overlap in part."


def in_common(one: Heatmap, other: Heatmap) -> float:
    """Measure which share of the strongest tenth of a map lies in that of another."""
    both = [share_of_area(heatmap.values, STRONGEST) for heatmap in (one, other)]
    return float((both[0] & both[1]).sum() / both[0].sum())


def _panes(maps: list[Heatmap], seen: NDArray[np.uint8], asked: Question, method: MethodEntry) -> list[Pane]:
    first, second = asked.name(asked.first), asked.name(asked.second)
    top, exceeds = scale(np.concatenate([heatmap.values for heatmap in maps]))
    legend = LEGEND.format("at least " if exceeds else "")
    truth = "the true class" if asked.wrong else "the second guess"
    titles = (f"For {first}", f"For {second}", f"For {first} rather than {second}")
    about = ("What it says", truth[:1].upper() + truth[1:], "The difference of the two scores")
    short = ("first", "second", "difference")
    alt = f"What the network sees of the picture {asked.choice.picture.name}."
    return [
        Pane("picture", "The picture", "What the network sees of it.", alt, "colour", picture=seen),
        *(
            Pane(
                kind="map",
                title=titles[number],
                caption=f"{about[number]}. {_most(heatmap)}",
                alt=f"{alt} Laid over it, the evidence by {method.label}: {titles[number]}. {_most(heatmap)}",
                short=short[number],
                picture=seen,
                layer=heatmap.values,
                top=top,
                signed=heatmap.signed,
                legend=legend,
            )
            for number, heatmap in enumerate(maps)
        ),
    ]


def _most(heatmap: Heatmap) -> str:
    return "No evidence for it at all." if heatmap.empty else f"At most {float(heatmap.values.max()):.2g}."


def _trusted(answers: list[Answer], asked: Question) -> list[str]:
    """Say for each map what hiding its strongest part does, and what else is known of it."""
    first, second = asked.named(asked.first), asked.named(asked.second)
    of_both = f"{words.percent(answers[2].between)} of the two"
    titles = (
        f"**For {first}** ({words.percent(asked.sure)})",
        f"**For {second}** ({words.percent(asked.less)})",
        f"**For {first} rather than {second}** ({of_both})",
    )
    return [
        " ".join([f"{title}:", words.evidence(answer, False), *map(words.escaped, words.trust(answer))])
        for title, answer in zip(titles, answers, strict=True)
    ]
