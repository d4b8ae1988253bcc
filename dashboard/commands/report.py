"""`convlens report`: an HTML file of a run's mistakes or of one explanation, the same bytes each time."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dashboard import samples
from dashboard.catalogue import catalogue
from dashboard.commands import arguments as flags
from dashboard.commands.progress import Counter
from dashboard.uploads import Picture, read_picture
from explain.sources import bytes_of
from models.errors import ModelError, ParameterError

if TYPE_CHECKING:
    from dashboard.answers import Answer, Choice
    from dashboard.catalogue import MethodEntry
    from dashboard.checks import Made
    from dashboard.report.contents import Again, Report
    from dashboard.report.of_run import Ask
    from explain.runs import Run
    from explain.sources import Source
    from models.loaded import LoadedModel
    from models.progress import Listener

KINDS = (".html", ".htm")
#: What `--weights` says for a network filled with random numbers.
RANDOM = "random"
#: How many mistakes are explained where nobody says which.
USUAL = 6
#: What goes with a run, and what with one picture, as argparse calls it.
OF_RUN = ("run", "data", "samples", "labels", "cases", "worst")
OF_ONE = ("image", "sample", "model", "target", "against", "ask", "another_class")


def main(arguments: list[str]) -> int:
    """Write the report that was asked for."""
    parser = _parser()
    method = flags.add_method(parser, catalogue().explanations, arguments, "GradCAM")
    chosen = parser.parse_intermixed_args(arguments)
    _check(parser, chosen)
    flags.check_ends([chosen.out], KINDS)
    if not chosen.out.parent.is_dir():
        raise ParameterError(f"There is no folder to write {chosen.out.name!r} in.", "Make it first.")
    many = chosen.data is not None or chosen.samples
    counter = Counter("maps" if many else "steps")
    report = (_of_run if many else _of_one)(chosen, method, arguments, counter)
    counter.close()

    from dashboard.report.writing import write

    data = write(report)
    write_whole(chosen.out, data)
    print(f"Wrote {chosen.out}: {len(report.entries)} explained, {len(data) / 1024:,.0f} KB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="convlens report",
        description="Write a report, one HTML file, of a run's mistakes or of one explanation.",
        allow_abbrev=False,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="what to write (.html)")
    parser.add_argument("--weights", metavar="WHAT", help="a version's name, a file, or random")
    parser.add_argument("--date", default="", metavar="TEXT", help="a date to stand in the report")
    parser.add_argument("--check", "--checks", action="store_true", help="make all checks; of a run, of first maps")
    run = parser.add_argument_group("of a run")
    run.add_argument("run", type=Path, nargs="?", metavar="RUN", help="what convlens evaluate made")
    of = run.add_mutually_exclusive_group()
    of.add_argument("--data", type=Path, metavar="PATH", help="folder or zip of the run's pictures")
    of.add_argument(
        "--samples", action="store_true", default=None, help="the corrupted samples; without a RUN, the one that ships"
    )
    run.add_argument("--labels", type=Path, metavar="FILE", help="the CSV of labels that the run was made with")
    which = run.add_mutually_exclusive_group()
    which.add_argument("--cases", type=_numbers, metavar="3,17", help="the pictures to explain, by number")
    which.add_argument("--worst", type=int, metavar="N", help=f"the N mistakes it is most sure of (default: {USUAL})")
    one = parser.add_argument_group("of one explanation")
    one.add_argument("--image", type=Path, metavar="FILE", help="the picture")
    one.add_argument("--sample", choices=list(samples.SAMPLES), metavar="NAME", help="a sample picture instead")
    one.add_argument("--model", metavar="KEY", help="the network, such as resnet50")
    one.add_argument("--target", metavar="CLASS", help="the class to explain, by index or name (default: predicted)")
    one.add_argument("--against", metavar="CLASS", help="explain why the target rather than this class")
    one.add_argument("--ask", choices=("score", "probability"), help="what of the class (default: score)")
    one.add_argument(
        "--another-class",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="make the same map for another class, to see whether it differs (default: yes)",
    )
    return parser


def _check(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Refuse what does not go together, as argparse does."""
    of_run, of_one = ([name for name in names if getattr(chosen, name) is not None] for names in (OF_RUN, OF_ONE))
    if of_run and of_one:
        named = " and ".join(f"--{name.replace('_', '-')}" for name in of_one)
        parser.error(f"{named} is for one picture, and not for a run")
    if of_run and not chosen.samples and (chosen.run is None or chosen.data is None):
        parser.error("a run needs both RUN and --data, the folder or zip of its pictures")
    if not of_run and ((chosen.image is None) == (chosen.sample is None) or chosen.model is None):
        parser.error("wanted a RUN with --data, or --image (or --sample) with --model")
    if chosen.worst is not None and chosen.worst < 1:
        parser.error("--worst takes a number from 1")
    if chosen.against is not None and chosen.ask == "probability":
        raise ParameterError("A comparison of two classes is one of scores.", "Leave out --ask or --against.")


def _numbers(text: str) -> tuple[int, ...]:
    """Read "3,17"; a picture that is named twice is explained once."""
    return tuple(dict.fromkeys(int(part) for part in text.split(",")))


def _of_one(chosen: argparse.Namespace, method: MethodEntry, arguments: list[str], counter: Counter) -> Report:
    """Explain one picture as the page does."""
    if chosen.model not in catalogue().models:
        raise ModelError(f"There is no network named {chosen.model!r}.", "models.CARDS lists all there are.")
    picture = _picture(chosen)

    import explain
    import models
    from dashboard import checks
    from dashboard.answers import Choice
    from dashboard.classes import Question
    from dashboard.export import snippet
    from dashboard.report.of_one import of_one
    from dashboard.show import Shown

    network = _Network.load(chosen.model, chosen.weights, counter)
    names = network.model.card.classes
    index, against = (
        None if text is None else flags.class_index(text, names) for text in (chosen.target, chosen.against)
    )
    choice = Choice(
        model=chosen.model,
        picture=picture,
        method=method.name,
        parameters=flags.parameters(method, chosen, names),
        index=index,
        against=against,
        ask=chosen.ask or "score",
        untrained=chosen.weights == RANDOM,
    )
    answer = network.answer(choice, counter)
    with models.heard_by(counter):
        trace = explain.trace(network.model, picture.image)
        answer = checks.about_another_class(trace, choice, answer, chosen.another_class is not False)
        made = tuple(checks.make(trace, choice, answer)) if chosen.check else ()
    alt = samples.SAMPLES[chosen.sample].alt if chosen.sample else f"The picture {picture.name}."
    question = Question.of(choice, answer.prediction, catalogue().models[chosen.model].classes)
    shown = Shown(choice, answer, question, method.label, alt)
    return of_one(shown, _again(chosen, arguments, snippet(shown, network.python, made)), made)


def _picture(chosen: argparse.Namespace) -> Picture:
    if chosen.sample:
        return samples.SAMPLES[chosen.sample].picture()
    return read_picture(bytes_of(chosen.image), chosen.image.name)


def _of_run(chosen: argparse.Namespace, method: MethodEntry, arguments: list[str], counter: Counter) -> Report:
    """Explain some of a run's pictures, once they are seen to be those of the run, and the network to be its own."""
    from dashboard.report import repeating
    from dashboard.report.checking import check_run, checked
    from dashboard.report.of_run import Asked, of_run
    from dashboard.report.repeating import Origin
    from explain.runs import read_run

    path, sources = _pictures(chosen)
    run = read_run(path)
    if method.name not in catalogue().maps:
        raise ParameterError(f"{method.label} gives no map over the picture.", "Pick another method.")
    rows, which = _rows(run, chosen)
    network = _Network.load(run.model, chosen.weights, counter)
    check_run(run, network.model, sources)

    parameters = flags.parameters(method, chosen, network.model.card.classes)
    untrained = chosen.weights == RANDOM
    asked = Asked(run, rows, which, checked(run, sources), method, parameters, untrained, chosen.check)
    place, data, labels = (None if part is None else str(part) for part in (chosen.run, chosen.data, chosen.labels))
    origin = Origin(place, run.model, run.header.batch, chosen.weights, data, labels)
    python = repeating.python_of_run(origin, network.python, asked.answered, repeating.call(method, parameters))
    again = _again(chosen, arguments, python, origin.commands)
    return of_run(asked, again, network.whole, network.checks, counter)


def _pictures(chosen: argparse.Namespace) -> tuple[Path, Sequence[Source]]:
    """Find the run and its pictures."""
    if chosen.data is not None:
        from explain import sources

        return chosen.run, sources.read(chosen.data, read_picture, chosen.labels).sources

    from dashboard.mistakes.keeping import SHIPPED
    from dashboard.mistakes.source import sample_album

    return chosen.run or SHIPPED, sample_album().sources


def _rows(run: Run, chosen: argparse.Namespace) -> tuple[tuple[int, ...], str]:
    """Choose the rows of the run's cases, and say how they were chosen."""
    from dashboard.report.of_run import most_sure, numbered
    from explain.mistakes import Filter, rows

    if chosen.cases is None:
        found = rows(run.cases, Filter())[: chosen.worst or USUAL]
        return tuple(map(int, found)), most_sure(len(found))
    places = {int(number): row for row, number in enumerate(run.cases.number)}
    missing = next((number for number in chosen.cases if number not in places), None)
    if missing is not None:
        raise ParameterError(
            f"The run has no case {missing}; it has come to {len(places):,} of {run.total:,} pictures.",
            "Cases are numbered from 0, in the order of the pictures' names.",
        )
    return tuple(places[number] for number in chosen.cases), numbered(len(chosen.cases))


@dataclass(frozen=True, eq=False)
class _Network:
    """A network as the command names it. python: the lines that load it, with `model` as its name."""

    model: LoadedModel
    python: str
    answer: Ask

    @classmethod
    def load(cls, key: str, weights: str | None, listener: Listener) -> Self:
        """Load a network; with the usual weights or none, as the page does."""
        import models
        from dashboard import cache, own
        from models.entry import KEY

        if key == KEY or key.startswith(own.BEGINS):
            raise ModelError(
                "The run is of a network that does not ship, which the command line does not have.",
                "The page Mistakes makes its report.",
            )
        if weights in (None, RANDOM):
            untrained = weights == RANDOM
            return cls(cache.model(key, untrained, listener), own.python(key, untrained), cache.answer)
        with models.heard_by(listener):
            model = models.load(key, weights=weights)
        kept = cache.Shelf()

        def answer(choice: Choice, hear: Listener) -> Answer:
            with models.heard_by(hear):
                return cache.compute(kept, model, choice, hear)

        return cls(model, f"model = models.load({key!r}, weights={weights!r})", answer)

    def whole(self, choice: Choice, hear: Listener) -> Answer:
        """Answer, with another class asked for, too."""
        from dashboard import checks

        return checks.whole(self.model, choice, self.answer(choice, hear), hear)

    def checks(self, choice: Choice, answer: Answer, hear: Listener) -> Made:
        """Make all checks of an answer's map."""
        import explain
        import models
        from dashboard import checks

        with models.heard_by(hear):
            return tuple(checks.make(explain.trace(self.model, choice.picture.image), choice, answer))


def _again(chosen: argparse.Namespace, arguments: list[str], python: str, before: tuple[str, ...] = ()) -> Again:
    from dashboard.report.contents import Again
    from dashboard.report.repeating import command

    return Again((*before, command("report", *arguments)), python, date=chosen.date)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there when it is whole, so that no half of it is ever seen."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ParameterError(f"The file {path.name!r} cannot be written.", "Is there room, and may it be?") from error
