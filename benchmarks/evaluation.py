"""How good every method's maps are, by every check: writes docs/evaluation.md from what was measured.

The figures come from two runs of the command, each of which goes on where it was left (DATA: the folder of test data,
see benchmarks.labelled); `--unpack` first puts there what was found before, and writing the page packs what is new:

    python -m benchmarks.evaluation --unpack
    convlens evaluate-methods --model mobilenet_v2 --data DATA/data/imagenet_boxes.zip --out runs/evaluation/boxes
    convlens evaluate-methods --model everyday_shortcut --tagged --data DATA/data/everyday50.zip \\
        --out runs/evaluation/shortcut
    python -m benchmarks.evaluation

What asks a slow method again for more than a minute (`--patience`) was asked of six boxed pictures alone: with a zip of
these and of the list of boxes, and `--patience 1000000`.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import explain
from benchmarks import kept
from dashboard.catalogue import catalogue
from explain import comparison, comparison_files
from explain.comparison import Cell, Row
from explain.metric import Metric
from explain.records import Records

RUNS = Path("runs/evaluation")
PAGE = Path("docs/evaluation.md")
#: Checks of which a verdict can be given, in the order of the overview.
FAITHFUL, LIMITED = ("Deletion", "Insertion", "ROAD"), ("RandomLogit", "RandomisationCascade")
JUDGED = (*FAITHFUL, "Localisation", *LIMITED)
BETTER, WORSE, NEITHER, UNKNOWN = "✓", "✗", "·", "-"


@dataclass(frozen=True)
class Part:
    """A run, its heading, what was done in it, and what its boxes are around."""

    folder: str
    heading: str
    words: str
    box: str


PARTS = (
    Part(
        "boxes",
        "ImageNet pictures with boxes: MobileNetV2",
        "ILSVRC validation pictures, squashed to 224 x 224, that the network names right, with one box around the "
        "object that covers at most half of what the network sees; the class named is explained. Such pictures are "
        "taken in an order drawn once.",
        "the object's box",
    ),
    Part(
        "shortcut",
        "A network that goes by a blue tag: Everyday ResNet, shortcut",
        "This network learned to call a picture a banana by a small tag in its lower left corner. The tag is put on "
        "pictures of other things, and those are taken that it then calls bananas; that class is explained. Here it is "
        "known why the network says so: the tag. “The box” is the tag's, 2.4 % of the picture, far from its middle.",
        "the tag",
    ),
)

LIMITS = (
    "An interval says how far the mean may lie from that over all such pictures. It says nothing about other networks "
    "or data, and many comparisons stand beside each other here: about one in twenty differs by chance alone.",
    "No check knows what the network did. Deletion, insertion and ROAD show it pictures such as it has never seen. "
    "Energy in the box asks where people see the object, which a network need not use; only of the tag is it known. A "
    "low figure in the cascade or for another class says that a map depends on the network and on the question, not "
    "that it is right: below zero is no better than zero. Sparseness is a matter of taste.",
    "Infidelity dims pixels by 2 %; what a map of areas foretells of that is hardly more than what noise does.",
    "There is no overall winner, and a mean over the checks would mean nothing: deletion, insertion and ROAD ask "
    "nearly the same. On networks that average all places and apply one linear layer, CAM, Grad-CAM, XGrad-CAM and "
    "HiResCAM are one map, so their rows are alike.",
    "A map that never changes, as those that know nothing of the network, has max-sensitivity 0. Deconvnet depends on "
    "the picture through max pooling alone: on a network without any, all its maps are the same.",
    "Checks that ask a method again (max-sensitivity: ten times, cascade: eight times) were made on fewer pictures for "
    "methods that take seconds; each figure says on how many. What a method costs stands in speed.md.",
    "Each method has its default settings. The cascade draws one set of weights, and the other class is drawn once.",
)


def page() -> str:
    """Write the page, its pictures and its tables for spreadsheets from the runs that are there."""
    lines = [
        "# How good are the maps?",
        "",
        f"Written on {datetime.date.today()} by `python -m benchmarks.evaluation` from what "
        "`convlens evaluate-methods` measured: methods against checks, beside maps that know nothing of the network. "
        "What was measured, picture by picture, is in `benchmarks/measured`.",
    ]
    checks = [kind() for kind in explain.METRICS.values()]
    methods = [explain.METHODS[name]() for name in catalogue().maps]
    for part in PARTS:
        path = RUNS / part.folder / "records.jsonl"
        if kept.unpack(path).exists():
            found = kept.records(path)
            lines += _part(part, comparison.table(found, methods, checks), checks, _looked_at(found))
            kept.pack(path)
    lines += ["", "## What this does not show", "", *(f"- {limit}" for limit in LIMITS)]
    return "\n".join(lines) + "\n"


def _looked_at(found: Records) -> str:
    """Say how many pictures were looked at, and how many of them have figures."""
    seen = [value for _, value in found.under("picture")]
    fitting, reasons = comparison.pictures(found)
    unboxed = sum(not value["reason"] and not value["box"] for value in seen)
    other = sum(reasons.values())
    return (
        f"{len(seen)} pictures were looked at so far: {fitting} fit, {other} show something else than what the network "
        f"says, or what the question leaves out, and {unboxed} have no single box of at most half."
    )


def _part(part: Part, rows: Sequence[Row], checks: Sequence[Metric], looked_at: str) -> list[str]:
    picture = PAGE.with_name(f"evaluation_{part.folder}.png")
    picture.write_bytes(comparison_files.picture(rows, checks, part.heading))
    figures = PAGE.with_name(f"evaluation_{part.folder}.csv")
    figures.write_text(comparison_files.as_csv(rows, checks), encoding="utf-8")
    return [
        "",
        f"## {part.heading}",
        "",
        f"{part.words} {looked_at}",
        "",
        *_energy(part, rows),
        *_overview(rows, {comparison.name_of(check): check for check in checks}),
        f"![Means and intervals of every method, a panel for each check]({picture.name})",
        "",
        f"All figures for a spreadsheet: [{figures.name}]({figures.name}).",
        "",
        comparison_files.markdown(rows, checks).strip(),
    ]


def _energy(part: Part, rows: Sequence[Row]) -> Iterator[str]:
    """List how much of each method's map lies in the box, the best first, with the maps that know nothing."""
    known = [(row, cell) for row in rows if (cell := row.cells["Localisation"]) is not None and cell.count]
    known.sort(key=lambda pair: -pair[1].mean)
    said = ", ".join(
        f"{f'*{row.label}*' if row.control else row.label} {100 * cell.mean:.0f} %" for row, cell in known
    )
    yield f"**Energy in {part.box}**, the most first: {said}."
    yield ""


def _overview(rows: Sequence[Row], checks: dict[str, Metric]) -> Iterator[str]:
    """Mark each method in each check that allows a verdict, and say which hold in all, and which in none."""
    own = [row for row in rows if not row.control and any(_measured(row, name) for name in JUDGED)]
    marks = {row.label: {name: _mark(row.cells[name], checks[name]) for name in JUDGED} for row in own}

    def listed(names: Sequence[str], mark: str, every: bool) -> str:
        which = all if every else any
        found = [label for label, marked in marks.items() if which(marked[name] == mark for name in names)]
        return ", ".join(found) or "none"

    yield f"- Ahead of every map that knows nothing in {_and(FAITHFUL, checks)}: {listed(FAITHFUL, BETTER, True)}."
    yield f"- Behind one of those maps in at least one of the three: {listed(FAITHFUL, WORSE, False)}."
    yield (
        f"- Nearly the same for another class, or still much the same once layers are random: "
        f"{listed(LIMITED, WORSE, False)}."
    )
    yield ""
    yield (
        f"{BETTER}: better than the random map, the picture's centre, the edge detector and, for the box, a map spread "
        f"evenly, on the same pictures and by more than chance. {WORSE}: worse than one of them by more than chance. "
        f"{NEITHER}: neither, or on fewer than {comparison.LEAST} pictures; {UNKNOWN}: not measured. "
        f"For *{checks['RandomLogit'].label}* and "
        f"*{checks['RandomisationCascade'].label}*: {BETTER} the whole interval is below "
        f"{checks['RandomLogit'].passes}, or {checks['RandomisationCascade'].passes}; {WORSE} above it."
    )
    yield ""
    yield "| method | " + " | ".join(checks[name].label for name in JUDGED) + " |"
    yield "|---|" + ":-:|" * len(JUDGED)
    for label, marked in marks.items():
        yield f"| {label} | {' | '.join(marked[name] for name in JUDGED)} |"
    yield ""


def _and(names: Sequence[str], checks: dict[str, Metric]) -> str:
    labels = [checks[name].label for name in names]
    return f"{', '.join(labels[:-1])} and {labels[-1]}"


def _measured(row: Row, name: str) -> bool:
    cell = row.cells[name]
    return cell is not None and cell.count > 0


def _mark(cell: Cell | None, check: Metric) -> str:
    if cell is None or not cell.count:
        return UNKNOWN
    return {True: BETTER, False: WORSE, None: NEITHER}[cell.holds(check)]


def main() -> None:
    """Unpack what was found before, or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument("--unpack", action="store_true", help="put what was found before where the command goes on")
    if parser.parse_args().unpack:
        for part in PARTS:
            print(kept.unpack(RUNS / part.folder / "records.jsonl"))
        return
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}")


if __name__ == "__main__":
    main()
