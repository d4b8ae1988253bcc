"""The sentences of the Explain page: what the model said, how sure it is, and how far to trust the map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dashboard.lens import marked
from explain.results import Concepts, FeatureMaps, Heatmap, QuickCheck

if TYPE_CHECKING:
    from dashboard.answers import Answer
    from dashboard.classes import Question
    from explain.method import Question as Asks
    from explain.results import Explanation

#: What a method can be asked, in the order in which a newcomer would ask it.
QUESTIONS: dict[Asks, str] = {
    "where": "Where does it look?",
    "pixels": "Which pixels count?",
    "parts": "Which parts does it see?",
    "hidden": "What if it were hidden?",
}
#: Below this share, nothing counts as missing from what should add up.
ADDS_UP = 0.01
#: A space at which no line is broken.
UNBROKEN = "\N{NO-BREAK SPACE}"


def escaped(text: str) -> str:
    """Write any text so that Markdown shows it as it is."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def percent(share: float) -> str:
    """Write a share as people say it: 71 %, 0.3 %, under 0.1 %, over 99.9 %; figure and sign stay on one line."""
    figure = 100 * share
    if figure >= 99.95:
        return f"100{UNBROKEN}%" if share == 1 else f"over 99.9{UNBROKEN}%"
    if figure < 0.05:
        return f"0{UNBROKEN}%" if share == 0 else f"under 0.1{UNBROKEN}%"
    return f"{figure:.0f}{UNBROKEN}%" if 9.95 <= figure < 99 else f"{figure:.1f}{UNBROKEN}%"


def duration(seconds: float) -> str:
    """Write a time as people say it: 38 ms, 2.4 s."""
    if seconds < 0.001:
        return "under 1 ms"
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def headline(question: Question) -> str:
    """Ask the question that the page answers."""
    if question.rather is not None:
        return f"Why *{escaped(question.name)}* rather than *{escaped(question.rather)}*?"
    if question.name == question.said:
        return f"Why did the model say *{escaped(question.name)}*?"
    return f"What speaks for *{escaped(question.name)}*?"


def sentence(answer: Answer, question: Question) -> str:
    """Answer it in a line or two, with the quick check."""
    outlined = isinstance(answer.explanation, Heatmap) and marked(answer.explanation.values)
    return f"{_certainty(answer, question)} {evidence(answer, outlined)}".strip()


def refused(method: str) -> str:
    """Say that a method has no answer to what is asked; the reason follows."""
    return f"**{escaped(method)} has no answer here.**"


def measured(question: Question) -> str:
    """Say which probability the quick check measures."""
    if question.rather is None:
        return f"Probability of {question.name}"
    return f"Share of {question.name} in the probabilities of it and {question.rather}"


def _certainty(answer: Answer, question: Question) -> str:
    sure = answer.probability(answer.index)
    if question.rather is not None:
        share = percent(answer.between)
        return f"Between these two, the model is **{share}** for {escaped(question.name)}."
    if question.name == question.said:
        return f"**{percent(sure)}** sure."
    top = percent(float(answer.prediction.probabilities[0]))
    return f"The model says {escaped(question.said)} ({top}) and gives this class **{percent(sure)}**."


def evidence(answer: Answer, outlined: bool) -> str:
    """Say what hiding the strongest part of the map does; `outlined`: whether a line is drawn round that part."""
    explanation = answer.explanation
    if isinstance(explanation, FeatureMaps):
        return "The channels of one layer show what is there, not what the answer rests on."
    if isinstance(explanation, Concepts):
        return (
            f"The colours mark {len(explanation.shares)} parts that the layer tells apart by itself; "
            f"they leave out {percent(explanation.error)} of what it answers."
        )
    if not isinstance(explanation, Heatmap):
        return ""
    if explanation.empty:
        return "The map holds no positive evidence for this class." if not explanation.signed else "The map is empty."
    if answer.check is None:
        return "How far this map can be trusted was not measured."
    return _checked(answer.check, outlined)


def _checked(check: QuickCheck, outlined: bool) -> str:
    share = percent(check.share)
    area = f"marked {share} of the picture" if outlined else f"strongest {share} of the map"
    if check.passed is None:
        return (
            f"Hiding the {area} changes next to nothing, and so does hiding as much elsewhere: "
            "there is **no evidence** that it counts."
        )
    before, hidden, elsewhere = shares(check)
    first = moved("the figure", before, hidden, check.hidden < check.before)
    second = moved("the figure", before, elsewhere, check.elsewhere < check.before)
    test = f"hiding it {first}, hiding as much elsewhere {second.removeprefix(f'{first.split()[0]} the figure ')}."
    if check.passed:
        return f"The {area} raised that the most: {test}"
    more = no_more(check)
    more = f"{more[0].upper()}{more[1:]}."
    if check.may_be_chance:
        return f"By this map, the {area} raised that the most: {test} {more}"
    return f"By this map, the {area} raised that the most; but {test} {more} So the map is a **weak guide** here."


def no_more(check: QuickCheck) -> str:
    """Say in a few words how little hiding the marked area does, by itself or beside hiding as much elsewhere."""
    if check.hidden >= check.elsewhere:
        return "hiding what it marks does no more than hiding as much elsewhere"
    if not check.falls:
        return "hiding what it marks takes next to nothing away"
    return f"places elsewhere differ by ± {percent(check.spread)} among themselves, so chance alone may do as much"


def shares(check: QuickCheck) -> tuple[str, str, str]:
    """Write how sure the network is: before, with the marked area hidden, with as much hidden elsewhere.

    With more digits than usual where a change that counts would not show.
    """
    figures = (check.before, check.hidden, check.elsewhere)
    before, hidden, elsewhere = map(percent, figures)
    if any(check.counts(after) and percent(after) == before for after in figures[1:]):
        before, hidden, elsewhere = (f"{100 * figure:.2g}{UNBROKEN}%" for figure in figures)
    return before, hidden, elsewhere


def moved(what: str, before: str, after: str, falls: bool, start: str = "") -> str:
    """Say how a share has moved, both as they are written: "drops it to 9 %", "leaves it at 71 %"."""
    if before == after:
        return f"leaves {what} at {after}"
    return f"{'drops' if falls else 'raises'} {what} {start}to {after}"


def trust(answer: Answer, asks_probability: bool = False) -> list[str]:
    """List what else was measured, each figure with what it is; a method's own note on it goes first."""
    if isinstance(answer.explanation, Concepts):
        return [*answer.explanation.notes, _together(answer.explanation, asks_probability)]
    if adds_up(answer.explanation) is None or answer.explanation.notes:
        return list(answer.explanation.notes)
    return [adding_up(answer.explanation, asks_probability)]


def adds_up(explanation: Explanation) -> bool | None:
    """Tell whether evidence that is meant to add up to the answer does; None where it is not meant to."""
    missing = explanation.checks.get("completeness")
    return None if missing is None else abs(missing) < ADDS_UP


def adding_up(explanation: Explanation, asks_probability: bool) -> str:
    """Say how much is missing of what evidence should add up to."""
    adds = "adds up" if adds_up(explanation) else "does not quite add up"
    what, missing = "probability" if asks_probability else "score", abs(explanation.checks["completeness"])
    share = percent(missing)
    if share == percent(ADDS_UP) and missing != ADDS_UP:
        # Whether it is more or less than what may be missing must show.
        share = f"{'over' if missing > ADDS_UP else 'under'} {percent(ADDS_UP)}"
    return f"The evidence {adds} to the {what}: {share} of the difference is missing."


def _together(concepts: Concepts, asks_probability: bool) -> str:
    """Say how much of what the layer adds is in its parts."""
    size, unit = (100, "points of 100") if asks_probability else (1, "points")
    parts, layer = (size * float(added) for added in (concepts.shares.sum(), concepts.checks["layer_adds"]))
    return (
        f"To first order the parts add {parts:.3g} {unit} together, and all of {concepts.layer} {layer:.3g}; "
        "the difference lies in what the parts leave out."
    )


def origin(answer: Answer, method: str, model: str) -> str:
    """Say how the map came about: method, layer, network, time, device."""
    layer = getattr(answer.explanation, "layer", None)
    device = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the GPU"}.get(answer.device, answer.device)
    parts = [method, layer, model, f"{duration(answer.explanation.seconds)} on {device}"]
    return " · ".join(part for part in parts if part)
