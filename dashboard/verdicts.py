"""What each check says of a map, in words: whether it holds, and beside what its figure must be read. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard import words
from dashboard.catalogue import catalogue
from dashboard.classes import name_of
from dashboard.lens import marked
from explain.control_maps import CONTROLS
from explain.results import Heatmap, Score

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dashboard.classes import Question
    from dashboard.show import Shown
    from explain.metric import Metric
    from explain.results import Curve, QuickCheck

#: From this rank correlation on, the maps of two classes are as good as the same: on the samples, with the network that
#: ships, Guided Backprop's correlate by 0.95 and more, those of most other methods by less than 0.9.
SAME = 0.9
#: From this rank correlation on, a map follows the edges. An object has more of them than what is around it: maps that
#: find it, Grad-CAM's among them, reach up to 0.66 on the same samples.
EDGES = 0.7
#: A sign and a word for what holds, what does not, and what is neither.
SIGNS = {True: ("✓", "Holds"), False: ("✗", "Fails"), None: ("○", "No verdict")}
PARTLY = ("◐", "In part")
#: What the quick check's two questions are called.
HIDING, ANOTHER = "Hiding it", "Another class"
#: Two probabilities, shares or correlations that differ by less are not told apart; nor are figures with a unit that
#: differ by less than this share of the larger.
LEAST = 0.01
#: Digits after the point at the most.
DIGITS = 6


@dataclass(frozen=True)
class Verdict:
    """What one check says.

    about: what was checked. text: one of our sentences. short: a failure in a few words. partly: whether a map that
    neither holds nor fails is better than some of the maps that know nothing, or than chance on average.
    """

    about: str
    holds: bool | None
    text: str
    short: str = ""
    partly: bool = False

    @property
    def sign(self) -> str:
        """The sign of whether it holds."""
        return PARTLY[0] if self.partly else SIGNS[self.holds][0]

    @property
    def word(self) -> str:
        """The word for whether it holds."""
        return PARTLY[1] if self.partly else SIGNS[self.holds][1]


def quick(shown: Shown, further: bool = False) -> tuple[Verdict, ...]:
    """Say what the quick check found, and what is known of the method; nothing of what is no map.

    further: whether all checks were made, too, so that what the quick one had no time for need not be said.
    """
    explanation, check = shown.answer.explanation, shown.answer.check
    if not isinstance(explanation, Heatmap):
        return ()
    found = tuple(_quick(shown, explanation))
    unasked = further and check is not None and check.other is None
    return tuple(verdict for verdict in found if not (unasked and verdict.about == ANOTHER))


def _quick(shown: Shown, heatmap: Heatmap) -> Iterator[Verdict]:
    answer, asked = shown.answer, shown.question
    check, caution = answer.check, catalogue().methods[shown.choice.method].caution
    if caution:
        yield Verdict("The method", False, words.escaped(caution), "this method says little of what was learned")
    if check is not None:
        yield _hiding(check, asked, marked(heatmap.values))
        yield _another(check, asked, catalogue().models[shown.choice.model].classes)
        if check.edges is not None and check.edges >= EDGES:
            text = (
                f"The map follows the picture's edges (rank correlation {check.edges:.2f}); an edge detector, which "
                "asks no network, would show much the same."
            )
            yield Verdict("Edges", False, text, "it follows the picture's edges")
    if words.adds_up(heatmap) is not None:
        text = words.adding_up(heatmap, shown.asks_probability)
        yield Verdict("Adding up", words.adds_up(heatmap), text, "it does not add up")


def _hiding(check: QuickCheck, asked: Question, outlined: bool) -> Verdict:
    share, about = words.percent(check.share), f"*{words.escaped(asked.name)}*"
    if asked.rather is not None:
        about += f" against *{words.escaped(asked.rather)}*"
    area = f"{'marked' if outlined else 'strongest'} {share}"
    if check.passed is None:
        text = f"Hiding the {area} changes next to nothing about {about}, {words.percent(check.before)}"
        return Verdict(HIDING, None, f"{text}, and so does hiding as much elsewhere: neither says what counts.")
    before, hidden, elsewhere = words.shares(check)
    first = words.moved(about, before, hidden, check.hidden < check.before, f"from {before} ")
    second = words.moved("it", before, elsewhere, check.elsewhere < check.before)
    text = f"Hiding the {area} {first}; hiding a random {share} {second}"
    if check.passed:
        return Verdict(HIDING, True, f"{text}.")
    short, chance = words.no_more(check), check.may_be_chance
    return Verdict(HIDING, None if chance else False, f"{text}: {short}.", short, partly=chance)


def _another(check: QuickCheck, asked: Question, names: tuple[str, ...]) -> Verdict:
    if check.other is None:
        # No time is named: a report must say the same on every machine.
        text = "Not asked about another class yet, since that takes as long again; “Check thoroughly” does it."
        return Verdict(ANOTHER, None, text)
    name = f"*{words.escaped(name_of(check.other, names))}*"
    alone = " alone" if asked.rather is not None else ""
    if check.refusal:
        return Verdict(ANOTHER, None, f"The method has no map for {name}{alone}: {words.escaped(check.refusal)}")
    if check.alike is None:
        return Verdict(ANOTHER, True, f"For {name}{alone} the map is empty: it tells the two apart.")
    figure = f"{check.alike:.2f}"
    if check.alike >= SAME:
        text = f"The map for {name}{alone} is nearly the same ({figure}): it does not tell the two apart."
        return Verdict(ANOTHER, False, text, f"it is nearly the same for {name}{alone}")
    return Verdict(ANOTHER, True, f"The map for {name}{alone} is another one (rank correlation {figure}).")


def notes(shown: Shown) -> list[str]:
    """List what else is said of a result, beside what `quick` says."""
    caution = catalogue().methods[shown.choice.method].caution
    if isinstance(shown.answer.explanation, Heatmap):
        return [note for note in shown.answer.explanation.notes if note != caution]
    return words.trust(shown.answer, shown.asks_probability)


def beside(found: Iterable[Verdict]) -> str:
    """Say beside the map in a line whether the quick check fails it, and in what."""
    found = list(found)
    failed = [verdict.short for verdict in found if verdict.holds is False]
    if failed:
        return f"✗ **Weak guide:** {'; '.join(failed)}."
    partly = [verdict.short for verdict in found if verdict.partly]
    if partly:
        return f"{PARTLY[0]} **Holds up in part:** {'; '.join(partly)}."
    if any(verdict.about == HIDING and verdict.holds is None for verdict in found):
        sign, word = SIGNS[None]
        return f"{sign} **{word}:** hiding what it marks, or as much elsewhere, changes next to nothing."
    return "✓ Holds up in the quick check." if any(verdict.holds for verdict in found) else ""


def measured(metric: Metric, found: Curve | Score) -> Verdict:
    """Say what a check of the registry measured, which way is good, and what maps get that know nothing."""
    holds, said, partly = _judged(metric, found)
    error = f" ± {figure(found.error)}" if isinstance(found, Score) and math.isfinite(found.error) else ""
    noted = "".join(f" {words.escaped(note)}" for note in found.notes)
    own = own_figure(metric, found, _digits(found))
    text = f"**{own}**{error} ({metric.better} is better){_others(found)}{said}{noted}"
    return Verdict(metric.label, holds, text, partly=partly)


def plain_figures(found: Curve | Score) -> str:
    """Say the figure and those of the control maps, without marks."""
    own = _shown(found)[0] if found.metric is None else own_figure(found.metric, found, _digits(found))
    return f"{own}{_others(found)}."


def own_figure(metric: Metric, found: Curve | Score, digits: int = 2) -> str:
    """Write the figure of a map, with as many digits more as tell it from the limit that it keeps or misses."""
    if isinstance(metric.passes, float) and found.value != metric.passes:
        while digits < DIGITS and float(figure(found.value, digits)) == metric.passes:
            digits += 1
    return figure(found.value, digits)


def better(metric: Metric, found: Curve | Score, other: float) -> bool | None:
    """Tell whether a map has a better figure than another has; None where they are too close to be told apart."""
    ahead = (found.value - other) * (1 if metric.better == "higher" else -1)
    least = LEAST * max(abs(found.value), abs(other)) if metric.has_unit else LEAST
    if isinstance(found, Score) and math.isfinite(found.error):
        least = max(least, found.error)
    return None if abs(ahead) <= least else ahead > 0


def beats_controls(metric: Metric, found: Curve | Score) -> bool:
    """Tell whether a map holds, and is better than every map that knows nothing."""
    holds = measured(metric, found).holds is True
    return holds and all(better(metric, found, value) for value in found.baselines.values())


def _judged(metric: Metric, found: Curve | Score) -> tuple[bool | None, str, bool]:
    """Tell whether a map holds, in words, and whether it holds in part."""
    sign = 1 if metric.better == "higher" else -1
    if metric.passes is None:
        return None, ". No figure of it passes or fails by itself.", False
    if metric.passes != "controls":
        least = "least" if sign > 0 else "most"
        return sign * (found.value - metric.passes) >= 0, f". At {least} {figure(metric.passes)} passes.", False
    against = {name: better(metric, found, value) for name, value in found.baselines.items()}
    beaten, close = ([_control(name) for name, one in against.items() if one is which] for which in (True, None))
    if len(close) == len(against):
        return None, ": too close to tell." if close else ".", False
    if len(beaten) == len(against):
        return True, f": better than {_all(len(beaten))}.", False
    if not beaten:
        return False, ": no better than any of them.", False
    rest = f", too close to {' and '.join(close)} to tell." if close else " only."
    return None, f": better than {' and '.join(beaten)}{rest}", True


def _all(count: int) -> str:
    return {1: "that", 2: "both", 3: "all three", 4: "all four"}[count]


def _shown(found: Curve | Score) -> list[str]:
    """Write the figure and those of the control maps, with as many digits as tell them apart."""
    return [figure(value, _digits(found)) for value in (found.value, *found.baselines.values())]


def _digits(found: Curve | Score) -> int:
    values = (found.value, *found.baselines.values())
    short, long = ({figure(value, digits) for value in values} for digits in (2, 3))
    return 3 if len(short) < len(long) else 2


def _others(found: Curve | Score) -> str:
    if not found.baselines:
        return ""
    written = _shown(found)[1:]
    if len(set(written)) == 1:
        return f"; maps that know nothing get {written[0]}"
    (first, value), *others = zip(map(_control, found.baselines), written, strict=True)
    return "; " + ", ".join([f"{first} gets {value}", *(f"{name} {value}" for name, value in others)])


def _control(name: str) -> str:
    return {**CONTROLS, "area": "a map spread evenly"}.get(name, name)


def figure(value: float, digits: int = 2) -> str:
    """Write a figure shortly: 0.08, 12.3, 4.1e-05."""
    if value == 0 or 10**-digits <= abs(value) < 1000:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}g}"


def summary(found: Iterable[Verdict], declined: int = 0) -> str:
    """Count what holds and what fails; declined: how many checks mean nothing for the map."""
    found = list(found)
    held, failed = (sum(verdict.holds is which for verdict in found) for which in (True, False))
    partly = sum(verdict.partly for verdict in found)
    text = f"✓ **{held}** hold{'s' if held == 1 else ''}, ✗ **{failed}** fail{'s' if failed == 1 else ''}"
    text += f", ◐ **{partly}** in part" if partly else ""
    unsaid = len(found) - held - failed - partly
    text += f", ○ {unsaid} without a verdict" if unsaid else ""
    return text + (f", ○ {declined} not for this map" if declined else "")
