"""`convlens evaluate`: ask a network about every picture of a folder or zip, and keep the answers as Parquet parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.commands.arguments import parser_for
from dashboard.commands.progress import Counter
from dashboard.uploads import read_picture
from dashboard.words import percent

if TYPE_CHECKING:
    from explain.runs import Run

#: The exit status of a program that was interrupted.
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Go over the pictures, from where a run that was stopped has come to."""
    parser = parser_for("evaluate", "Ask a network about every picture of a folder or zip.")
    of = parser.add_mutually_exclusive_group(required=True)
    of.add_argument("--data", type=Path, metavar="PATH", help="folder or zip of pictures")
    of.add_argument("--samples", action="store_true", help="the sample pictures, as they are and corrupted")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="CSV with the columns name and label")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the run is kept: run.parquet")
    parser.add_argument("--weights", metavar="WHAT", help="a version's name, a file, or random")
    parser.add_argument("--batch", type=int, metavar="N", help="pictures at once")
    chosen = parser.parse_args(arguments)

    import models
    from dashboard.mistakes.source import sample_album
    from explain import sources
    from explain.runs import evaluate

    pictures = sample_album() if chosen.samples else sources.read(chosen.data, read_picture, chosen.labels)
    counter = Counter("bytes")
    with models.heard_by(counter):
        model = models.load(chosen.model, weights=chosen.weights)
    counter.close()
    note = sources.labels_of(pictures.sources, model.card.classes).note
    for line in (*pictures.notes, note, model.weights.note):
        if line:
            print(line)
    counter = Counter("pictures")
    try:
        with models.heard_by(counter):
            run = evaluate(model, pictures.sources, chosen.out, chosen.batch)
    except KeyboardInterrupt:
        counter.close()
        print(f"Stopped after {counter.done:,} of {counter.total:,} pictures; the same command goes on.")
        return INTERRUPTED
    counter.close()
    print(summary(run))
    return 0


def summary(run: Run) -> str:
    """Say in a few lines what the run found."""
    cases = run.cases
    broken, counted = int((~cases.fine).sum()), int(cases.counted.sum())
    lines = [f"{len(cases):,} pictures: {counted:,} with a class, {broken:,} without an answer."]
    if counted:
        among = (cases.top == cases.label[:, None]).any(1) & cases.counted
        right, five = int(cases.right.sum()) / counted, int(among.sum()) / counted
        lines.append(f"First guess right: {percent(right)}; among the first {cases.top.shape[1]}: {percent(five)}.")
    reasons = sorted({reason for reason in cases.reason if reason})
    lines += [f"{int((cases.reason == reason).sum()):,} x {reason}" for reason in reasons]
    return "\n".join(lines)
