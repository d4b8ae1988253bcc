"""From a report's contents to its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.report.curves import curve
from dashboard.report.document import document
from dashboard.report.markup import Markup, plain, sentence, tag
from dashboard.report.summary import in_percent, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.report.contents import Entry, Fact, Guess, Panel, Report
    from dashboard.report.pictures import Bar


#: What is said of all curves.
LEGEND = (
    "Solid: this map. Thin: maps that know nothing of the network; dotted a random map, dashed the picture's centre, "
    "dashes and dots an edge detector."
)


def write(report: Report) -> bytes:
    """Write a report as one HTML file."""
    parts = [tag("header", tag("h1", sentence(report.title)), tag("p", sentence(report.lead), class_="lead"))]
    if report.run is None:
        parts += [_entry(entry, named=False) for entry in report.entries]
    else:
        parts += [summary(report.run, report.names), _listed(report.entries)]
        parts += [_entry(entry, named=True) for entry in report.entries]
    parts += [_facts("What this is a report of", report.about), _facts("How the maps came about", report.method)]
    parts += [_facts("What it was computed with", report.made), _again(report)]
    return document(plain(report.title), *parts)


def _listed(entries: Sequence[Entry]) -> Markup:
    lines = [
        tag("li", tag("a", entry.name, href=f"#{entry.anchor}"), tag("span", f" {entry.line}", class_="quiet"))
        for entry in entries
    ]
    heading = tag("h2", "The chosen pictures")
    return tag("section", heading, tag("ol", *lines) if lines else tag("p", "None was chosen."), class_="chosen")


def _entry(entry: Entry, named: bool) -> Markup:
    heading = [tag("p", entry.name, class_="file"), tag("h2", sentence(entry.headline))] if named else []
    parts = [*heading, tag("p", sentence(entry.sentence))]
    if entry.panels:
        parts.append(tag("div", *map(_panel, entry.panels), class_="panels"))
    if entry.bar is not None:
        parts.append(_bar(entry.bar))
    beside, level = [], "h3" if named else "h2"
    if entry.guesses:
        beside.append(tag("div", tag(level, "What the network sees"), _guesses(entry.guesses)))
    if entry.findings:
        found = [tag("li", sentence(finding)) for finding in entry.findings]
        beside.append(tag("div", tag(level, "Does it hold up?"), tag("ul", *found)))
    if beside:
        parts.append(tag("div", *beside, class_="beside"))
    if entry.checks:
        parts.append(_checks(entry, level))
    if entry.facts:
        parts.append(_list(entry.facts))
    return tag("section", *parts, id=entry.anchor, class_="entry" if named else "alone")


def _panel(panel: Panel) -> Markup:
    caption = tag("figcaption", tag("strong", panel.title), tag("span", sentence(panel.caption)))
    return tag("figure", tag("img", src=panel.source, alt=panel.alt), caption)


def _bar(bar: Bar) -> Markup:
    middle = [tag("span", "0")] if bar.signed else []
    ends = tag("span", tag("span", bar.low), *middle, tag("span", bar.high), class_="ends")
    image = tag("img", src=bar.source, alt=f"The colours of the maps, from {bar.low} to {bar.high}.")
    return tag("div", image, ends, tag("span", bar.unit, class_="quiet"), class_="bar")


def _guesses(guesses: Sequence[Guess]) -> Markup:
    rows = []
    for guess in guesses:
        role = [tag("span", f" {guess.role}", class_="role")] if guess.role else []
        name = tag("th", guess.name, *role, scope="row")
        length = f"{100 * guess.probability:.2f}"
        drawn = tag("rect", width=length, height="10")
        line = tag("svg", drawn, viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true")
        figure = tag("td", in_percent(guess.probability), class_="figure")
        rows.append(tag("tr", name, tag("td", line, class_="length"), figure))
    return tag("table", tag("tbody", *rows), class_="guesses")


def _checks(entry: Entry, level: str) -> Markup:
    """Write all checks, and draw the curves of those that have one."""
    lines = [
        tag("li", tag("strong", f"{one.mark} {one.title}"), f" · {one.caption}", tag("p", sentence(one.text)))
        for one in entry.checks
    ]
    drawn = [curve(one, one.curve) for one in entry.checks if one.curve is not None]
    heading = f"All checks of the map for {entry.checked}" if entry.checked else "All checks"
    parts = [tag(level, sentence(heading)), tag("ul", *lines, class_="checks")]
    if drawn:
        parts += [tag("p", LEGEND, class_="quiet"), tag("div", *drawn, class_="curves")]
    return tag("div", *parts, class_="all-checks")


def _facts(heading: str, facts: Sequence[Fact]) -> Markup:
    return tag("section", tag("h2", heading), _list(facts), class_="facts")


def _list(facts: Sequence[Fact]) -> Markup:
    pairs = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
    return tag("dl", *pairs, class_="pairs")


def _again(report: Report) -> Markup:
    parts = [tag("h2", "How to repeat it")]
    if report.again.hint:
        parts.append(tag("p", sentence(report.again.hint)))
    if report.again.commands:
        one = len(report.again.commands) == 1
        two = "The first command makes the run, or finds it made; the second makes this report of it:"
        parts.append(tag("p", "This command makes this report again:" if one else two))
        parts.append(_code("\n".join(report.again.commands), "command"))
    parts += [tag("p", "These lines of Python compute the same maps:"), _code(report.again.python, "python")]
    return tag("section", *parts, class_="again")


def _code(text: str, kind: str) -> Markup:
    return tag("pre", tag("code", text, class_=kind), tabindex="0")
