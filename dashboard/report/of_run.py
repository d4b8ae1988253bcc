"""A report of a run: its figures, and the pictures chosen of it, each explained by three maps on one scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dashboard import verdicts, words
from dashboard.answers import Choice
from dashboard.catalogue import told_apart
from dashboard.classes import Question as Asks
from dashboard.classes import name_of
from dashboard.mistakes.question import Question, about
from dashboard.report import facts, pictures
from dashboard.report.contents import Entry, Guess, Panel, Report
from dashboard.report.of_one import all_checks
from dashboard.report.summary import in_percent
from dashboard.show import Shown
from explain.mistakes import summarise
from explain.results import Heatmap
from models.errors import UnsuitableError
from models.progress import Progress

if TYPE_CHECKING:
    from dashboard.answers import Answer
    from dashboard.catalogue import MethodEntry
    from dashboard.checks import Made
    from dashboard.report.contents import Again, Fact
    from dashboard.uploads import Picture
    from explain.pictures import Box
    from explain.runs import Case, Run
    from models.progress import Listener

#: Answers a choice, and lets the listener hear of the progress; `dashboard.cache.answer` is one.
Ask = Callable[[Choice, "Listener"], "Answer"]
#: Makes all checks of an answer's map.
Check = Callable[[Choice, "Answer", "Listener"], "Made"]
#: What the values of maps are.
EVIDENCE = "evidence, one scale for all three maps"
SIGNED = "points of score, one scale for all three maps"


@dataclass(frozen=True, eq=False)
class Asked:
    """What is explained: pictures of a run, by which method.

    rows: of `run.cases`, in the order of the report. chosen: one of our sentences, how they were. picture: reads a
    picture by its case's number. untrained: whether the network is filled with random numbers. checked: whether all
    checks are made of each picture's first map.
    """

    run: Run
    rows: tuple[int, ...]
    chosen: str
    picture: Callable[[int], Picture]
    method: MethodEntry
    parameters: tuple[tuple[str, Any], ...]
    untrained: bool = False
    checked: bool = False

    @property
    def answered(self) -> list[int]:
        """The numbers of the chosen pictures that have an answer."""
        cases = self.run.cases
        return [int(cases.number[row]) for row in self.rows if cases.fine[row]]


def of_run(asked: Asked, again: Again, ask: Ask, check: Check, listener: Listener) -> Report:
    """Explain the pictures one after the other, and put the report together; reports its progress in maps.

    ask: answers with another class asked for, too. check: makes all checks of an answer's map, where they are wanted,
    which counts as one map more.
    """
    run, header = asked.run, asked.run.header
    names = told_apart(run.classes)
    total = (4 if asked.checked else 3) * len(asked.answered)
    made: list[Answer] = []
    done = 0

    def overall(progress: Progress) -> None:
        listener(Progress(min(done, total), total))

    def counted(choice: Choice) -> Answer:
        nonlocal done
        overall(Progress(0, 1))
        made.append(ask(choice, overall))
        done += 1
        return made[-1]

    def checked(choice: Choice, answer: Answer) -> Made:
        nonlocal done
        found = check(choice, answer, overall) if asked.checked else ()
        done += asked.checked
        return found

    entries = tuple(_entry(asked, run.case(row), names, counted, checked) for row in asked.rows)
    layers = {getattr(answer.explanation, "layer", None) for answer in made}
    device = made[0].device if made else header.device
    return Report(
        title=f"What {words.escaped(header.label)} gets wrong",
        lead=f"{_lead(run)} {asked.chosen}".strip(),
        entries=entries,
        about=_about(asked),
        method=facts.of_method(asked.method, asked.parameters, names, layers.pop() if len(layers) == 1 else None),
        made=(*facts.of_making(device, again.date), ("The run was made with", _versions(run))),
        again=again,
        run=run,
        names=names,
    )


def most_sure(count: int) -> str:
    """Say that the mistakes it is most sure of were chosen."""
    if not count:
        return "There is no mistake to explain."
    which = "mistake that it is" if count == 1 else f"{count} mistakes that it is"
    return f"Explained below: the {which} most sure of."


def numbered(count: int) -> str:
    """Say that pictures were chosen by hand."""
    return f"Explained below: {'a picture' if count == 1 else f'{count} pictures'} chosen by hand."


def _lead(run: Run) -> str:
    found = summarise(run.cases)
    far = "" if run.finished else f"The run has come to {len(run.cases):,} of {run.total:,} pictures. "
    if found.accuracy is None:
        return f"{far}None of the pictures has both a label and an answer."
    right = f"**{found.right:,} of {found.counted:,}** pictures"
    return f"{far}Its first guess is right for {right}, {in_percent(found.accuracy)}."


def _about(asked: Asked) -> tuple[Fact, ...]:
    header = asked.run.header
    untrained = ", filled with random numbers" if asked.untrained else ""
    prepared = ", ".join(f"{name} {value}" for name, value in header.pixels.items())
    return (
        ("Network", f"{header.label} ({header.model}){untrained}"),
        ("Identity of its weights", header.weights),
        ("Classes", f"{len(header.classes):,}"),
        ("Pictures", f"{header.pictures:,}"),
        ("Checksum of their names, sizes and labels", header.checksum),
        ("How they were prepared", prepared),
        ("Asked about at once", f"{header.batch}"),
    )


def _versions(run: Run) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run.header.versions.items())
    return f"{versions}, on {facts.DEVICES.get(run.header.device, run.header.device)}"


def _entry(
    asked: Asked,
    case: Case,
    names: tuple[str, ...],
    ask: Callable[[Choice], Answer],
    check: Callable[[Choice, Answer], Made],
) -> Entry:
    """Explain one picture; one without an answer stands there with its reason."""
    anchor, name = f"case-{case.number}", facts.shown_name(case.name)
    if case.reason:
        return Entry(anchor, name, "Why is there no answer?", "no answer", words.escaped(case.reason))
    picture = asked.picture(case.number)
    usual = Choice(asked.run.model, picture, asked.method.name, asked.parameters, untrained=asked.untrained)
    question = about(case, usual, names)
    choices = _choices(question)
    answers = [ask(choice) for choice in choices]
    maps = [_map(answer, asked.method) for answer in answers]
    shared = pictures.Scale.of(maps)
    made = getattr(maps[0], "layer", None)
    return Entry(
        anchor=anchor,
        name=name,
        headline=question.headline,
        line=_line(question),
        sentence=question.sentence,
        panels=tuple(_panels(question, name, answers[0].box, maps, shared, asked.method.label)),
        bar=shared.bar(SIGNED if shared.signed and asked.method.shares else EVIDENCE) if shared.top > 0 else None,
        guesses=tuple(_guesses(question)),
        findings=tuple(_findings(question, choices, answers)),
        checks=tuple(all_checks(check(choices[0], answers[0]))),
        checked=question.named(question.first),
        facts=(
            ("Case", f"{case.number}"),
            *facts.of_picture(picture, name, answers[0]),
            *([("Layer", made)] if made else []),
        ),
    )


def _choices(question: Question) -> list[Choice]:
    """Ask for the one class, for the other, and for the one rather than the other."""
    first, second = question.first, question.second
    asked = ((first, None), (second, None), (first, second))
    return [replace(question.choice, index=index, against=against) for index, against in asked]


def _map(answer: Answer, method: MethodEntry) -> Heatmap:
    if not isinstance(answer.explanation, Heatmap):
        raise UnsuitableError(f"{method.label} gives no map over the picture.", "Pick another method.")
    return answer.explanation


def _panels(
    question: Question, name: str, box: Box, maps: Sequence[Heatmap], shared: pictures.Scale, method: str
) -> Iterator[Panel]:
    image, first, second = question.choice.picture.image, question.name(question.first), question.name(question.second)
    crop = pictures.cropped(image, box)
    yield Panel("The picture", pictures.seen(image, box), pictures.whole(image, box), f"The picture {name}.")
    truth = "The true class" if question.wrong else "Its second guess"
    titles = (f"For {first}", f"For {second}", f"For {first} rather than {second}")
    captions = ("What it says", truth, "The difference of the two scores")
    for title, shown, heatmap in zip(titles, captions, maps, strict=True):
        most = "No evidence at all." if heatmap.empty else f"At most {float(heatmap.values.max()):.3g}."
        alt = f"The picture {name} with the evidence by {method} laid over it: {title}."
        yield Panel(title, f"{shown}. {most}", pictures.laid(crop, heatmap, shared), alt)


def _guesses(question: Question) -> Iterator[Guess]:
    """List the most likely classes, and the true one below them."""
    case = question.case
    listed = list(zip(case.top.tolist(), case.probabilities.tolist(), strict=True))
    if case.label is not None and case.label not in case.top:
        listed.append((case.label, case.label_probability))
    for index, share in listed:
        yield Guess(name_of(index, question.names), share, "true class" if index == case.label else "")


def _findings(question: Question, choices: Sequence[Choice], answers: Sequence[Answer]) -> Iterator[str]:
    """Say for each map what hiding its strongest part does, whether another class has another map, and the rest."""
    first, second = question.named(question.first), question.named(question.second)
    titles = (f"For {first}", f"For {second}", f"For {first} rather than {second}")
    for title, choice, answer in zip(titles, choices, answers, strict=True):
        shown = Shown(choice, answer, Asks.of(choice, answer.prediction, question.names), "", "")
        found = [f"{one.sign} {one.text}" for one in verdicts.quick(shown) if one.about != verdicts.HIDING]
        notes = map(words.escaped, verdicts.notes(shown))
        yield " ".join([f"**{title}:**", words.evidence(answer, False), *found, *notes])


def _line(question: Question) -> str:
    said = f"{question.name(question.first)}, {in_percent(question.sure)} sure"
    if question.wrong:
        return f"{said}; it is {question.name(question.second)}"
    return f"{said}; right" if question.case.label is not None else said
