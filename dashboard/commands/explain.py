"""`convlens explain`: explain a picture from the command line, with the answer and the files of the page."""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image

from dashboard.catalogue import catalogue
from dashboard.commands import arguments as flags
from dashboard.commands.progress import Counter
from explain.pictures import tiles
from explain.results import FeatureMaps
from models.errors import ParameterError

if TYPE_CHECKING:
    from dashboard.catalogue import MethodEntry
    from dashboard.checks import Made
    from dashboard.show import Shown

KINDS = (".png", ".npy", ".json")


def main(arguments: list[str]) -> int:
    """Explain a picture and write the files that were asked for."""
    parser = flags.parser_for("explain", "Explain what a network sees in a picture.")
    flags.add_picture(parser, KINDS)
    parser.add_argument("--target", metavar="CLASS", help="the class to explain, by index or name (default: predicted)")
    parser.add_argument("--against", metavar="CLASS", help="explain why the target rather than this class")
    parser.add_argument("--ask", choices=("score", "probability"), default="score", help="what of the class (score)")
    parser.add_argument("--check", action="store_true", help="make all checks of the map, and say what they find")
    method = flags.add_method(parser, catalogue().explanations, arguments, "GradCAM")
    chosen = parser.parse_args(arguments)
    flags.check_ends(chosen.out, KINDS)
    if chosen.against is not None and chosen.ask == "probability":
        raise ParameterError("A comparison of two classes is one of scores.", "Leave out --ask or --against.")
    shown = _explained(chosen, method)

    from dashboard import export, verdicts
    from dashboard.words import duration, percent

    answer = shown.answer
    sure = percent(answer.probability(answer.index))
    seconds = duration(answer.explanation.seconds)
    print(f"{shown.question.name}: {sure} sure. {shown.origin} for {shown.about} took {seconds}.")
    for note in verdicts.notes(shown) if chosen.check else answer.explanation.notes:
        print(note)
    made = _checked(shown) if chosen.check else ()
    flags.write_all(
        chosen.out,
        {".png": lambda: _png(shown), ".npy": lambda: export.raw(shown), ".json": lambda: export.recipe(shown, made)},
    )
    return 0


def _checked(shown: Shown) -> Made:
    """Say what the quick check found, then make all checks and say what each finds."""
    from dashboard import cache, checks, verdicts
    from dashboard.answers import Declined
    from dashboard.report.markup import plain

    for verdict in verdicts.quick(shown):
        print(f"{verdict.sign} {verdict.word}. {plain(verdict.text)}")
    made = []
    for metric in checks.planned(shown.choice, shown.answer):
        counter = Counter()
        outcome = cache.check(shown.choice, shown.answer, metric, counter)
        counter.close()
        made.append((metric, outcome))
        if isinstance(outcome, Declined):
            print(f"{verdicts.SIGNS[None][0]} {metric.label}: not for this map. {outcome.reason}")
        else:
            found = verdicts.measured(metric, outcome)
            print(f"{found.sign} {found.word}. {metric.label}: {plain(found.text)}")
    return tuple(made)


def _explained(chosen: argparse.Namespace, method: MethodEntry) -> Shown:
    """Ask as the page does."""
    counter = Counter()
    choice, names = flags.choice_of(chosen, method, counter)
    against = None if chosen.against is None else flags.class_index(chosen.against, names)
    choice = replace(choice, against=against, ask=chosen.ask)

    from dashboard import cache
    from dashboard.classes import Question
    from dashboard.show import Shown

    answer = cache.answer(choice, counter)
    counter.close()
    return Shown(choice, answer, Question.of(choice, answer.prediction, names), method.label, "")


def _png(shown: Shown) -> bytes:
    """Write the map over the picture; of a layer, the maps of all its channels side by side."""
    from dashboard import export

    explanation = shown.answer.explanation
    if not isinstance(explanation, FeatureMaps):
        return export.picture(shown)
    buffer = io.BytesIO()
    Image.fromarray(tiles(explanation.maps)).save(buffer, "PNG")
    return buffer.getvalue()
