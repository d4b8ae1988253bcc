"""A report of one explanation, with what the page says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard import checks, concepts, own, samples, verdicts, words
from dashboard.answers import Declined
from dashboard.catalogue import catalogue
from dashboard.classes import TOP, name_of
from dashboard.report import facts, pictures, repeating
from dashboard.report.contents import Again, Checked, Entry, Guess, Panel, Report
from dashboard.report.summary import in_percent
from explain.results import Concepts, Curve, FeatureMaps, Heatmap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.checks import Made
    from dashboard.show import Shown
    from explain.results import QuickCheck


def of_one(shown: Shown, again: Again, made: Made = ()) -> Report:
    """Put the report of one explanation together; made: all checks of its map, where they were made."""
    answer, choice = shown.answer, shown.choice
    model, method = catalogue().models[choice.model], catalogue().methods[choice.method]
    layer = getattr(answer.explanation, "layer", None)
    untrained = ", filled with random numbers" if choice.untrained else ""
    about = (
        ("Network", f"{model.label} ({model.key}){untrained}"),
        ("Identity of its weights", answer.weights),
        *([("Explained", _asked(shown))] if isinstance(answer.explanation, (Heatmap, Concepts)) else []),
        *facts.of_picture(choice.picture, facts.shown_name(choice.picture.name), answer),
    )
    return Report(
        title=words.headline(shown.question),
        lead=words.sentence(answer, shown.question),
        entries=(_entry(shown, made),),
        about=about,
        method=facts.of_method(method, choice.parameters, model.classes, layer),
        made=facts.of_making(answer.device, again.date),
        again=again,
    )


def again_of(shown: Shown, python: str, date: str, made: Made = ()) -> Again:
    """Say how the page's report is made from the command line; made: all checks, where they were made."""
    choice = shown.choice
    if own.find(choice.model) is not None:
        return Again((), python, repeating.NOT_SHIPPED, date)
    sample = samples.id_of(choice.picture.sha256)
    picture = ["--image", choice.picture.name] if sample is None else ["--sample", sample]
    given = {"--target": choice.index, "--against": choice.against}
    asked = [part for flag, index in given.items() if index is not None for part in (flag, index)]
    asked += ["--ask", choice.ask] if shown.asks_probability else []
    asked += ["--weights", "random"] if choice.untrained else []
    # Whether there was time to ask for another class hangs on the machine, and what the report holds must not.
    asked += ["--no-another-class"] if shown.answer.check is not None and shown.answer.check.other is None else []
    asked += ["--check"] if made else []
    method = repeating.flags(catalogue().methods[choice.method], choice.parameters)
    line = repeating.command(
        "report", *picture, "--model", choice.model, *method, *asked, "--date", date, "--out", "report.html"
    )
    return Again((line,), python, date=date)


def _asked(shown: Shown) -> str:
    what = "probability" if shown.asks_probability else "score"
    if shown.question.rather is not None:
        return f"the score of {shown.question.name} minus that of {shown.question.rather}"
    return f"the {what} of {shown.question.name}"


def _entry(shown: Shown, made: Made) -> Entry:
    answer = shown.answer
    panels, bar = _panels(shown)
    quick = verdicts.quick(shown, further=any(checks.asks_another_class(metric) for metric, _ in made))
    findings = [f"{verdict.sign} **{verdict.word}.** {verdict.text}" for verdict in quick]
    findings += [] if answer.check is None else _hidden(answer.check, words.measured(shown.question))
    findings += [words.escaped(text) for text in verdicts.notes(shown)]
    return Entry(
        anchor="explanation",
        name=facts.shown_name(shown.choice.picture.name),
        headline="",
        line="",
        sentence="",
        panels=panels,
        bar=bar,
        guesses=_guesses(shown),
        findings=tuple(findings),
        checks=tuple(all_checks(made)),
    )


def all_checks(made: Made) -> Iterator[Checked]:
    """Write the figures of all checks, each with what it is, those that decide first."""
    for metric, outcome in checks.decisive_first(made):
        if isinstance(outcome, Declined):
            text = words.escaped(f"Not for this map. {outcome.reason}")
            yield Checked(metric.label, metric.caption, verdicts.SIGNS[None][0], text)
            continue
        verdict = verdicts.measured(metric, outcome)
        curve = outcome if isinstance(outcome, Curve) else None
        mark = f"{verdict.sign} {verdict.word}."
        yield Checked(metric.label, metric.caption, mark, verdict.text, metric.axes, curve)


def _hidden(check: QuickCheck, what: str) -> list[str]:
    """Write the figures of the quick check, each with what it is."""
    share = words.percent(check.share)
    return [
        f"{words.escaped(what)}: **{in_percent(check.before)}** for the picture as it is.",
        f"**{in_percent(check.hidden)}** with the strongest {share} of the map hidden.",
        f"**{in_percent(check.elsewhere)}** with as much hidden elsewhere, the mean of {check.draws} places "
        f"(standard deviation {100 * check.spread:.1f} points).",
    ]


def _panels(shown: Shown) -> tuple[tuple[Panel, ...], pictures.Bar | None]:
    image, box, explanation = shown.choice.picture.image, shown.answer.box, shown.answer.explanation
    first = Panel("The picture", pictures.seen(image, box), pictures.whole(image, box), shown.alt)
    method = catalogue().methods[shown.choice.method].label
    if isinstance(explanation, FeatureMaps):
        count, channels = min(len(explanation.maps), pictures.CHANNELS), len(explanation.maps)
        caption = f"The {count} of its {channels:,} channels that answer most strongly, light where they do."
        alt = f"{count} channels of the layer {explanation.layer} side by side."
        sheet = Panel(f"Layer {explanation.layer}", caption, pictures.channels(explanation), alt)
        return (first, sheet), None
    if isinstance(explanation, Concepts):
        said = concepts.described(explanation, shown.asks_probability)
        drawn = pictures.parts(pictures.cropped(image, box), explanation)
        caption = words.escaped(f"To first order: {said}")
        return (first, Panel(f"Parts of {explanation.layer}", caption, drawn, f"{shown.alt} Painted: {said}")), None
    if not isinstance(explanation, Heatmap):
        return (first,), None
    crop, shared = pictures.cropped(image, box), pictures.Scale.of([explanation])
    alt = f"{shown.alt} Laid over it, the evidence for {shown.about}."
    caption = words.escaped(f"By {method}{f', layer {explanation.layer}' if explanation.layer else ''}.")
    heat = Panel(f"Evidence for {shown.about}", caption, pictures.laid(crop, explanation, shared), alt)
    if explanation.empty:
        return (first, heat), None
    line = f"{shown.alt} A line is drawn round the strongest tenth of the evidence."
    outline = Panel("Strongest tenth", "Of the map, outlined.", pictures.outlined(crop, explanation), line)
    return (first, heat, outline), shared.bar(shown.unit)


def _guesses(shown: Shown) -> tuple[Guess, ...]:
    """List the five most likely classes, and those asked about below them."""
    prediction, index, against = shown.answer.prediction, shown.answer.index, shown.choice.against
    roles = {index: "explained"} if isinstance(shown.answer.explanation, (Heatmap, Concepts)) else {}
    roles |= {} if against is None else {against: "compared with"}
    names = catalogue().models[shown.choice.model].classes
    listed = zip(prediction.indices.tolist(), prediction.probabilities.tolist(), strict=True)
    return tuple(
        Guess(name_of(one, names), share, roles.get(one, ""))
        for place, (one, share) in enumerate(listed)
        if place < TOP or one in roles
    )
