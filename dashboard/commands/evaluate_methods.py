"""`convlens evaluate-methods`: every method against every check over a folder of pictures, as tables and a picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dashboard.catalogue import catalogue
from dashboard.commands.arguments import parser_for, write_all
from dashboard.commands.evaluate import INTERRUPTED
from dashboard.commands.progress import Counter
from dashboard.uploads import read_picture
from explain.method import kebab
from models.errors import DeviceError, ModelError, ParameterError

if TYPE_CHECKING:
    import models
    from explain.comparing import Comparison
    from explain.metric import Metric
    from explain.records import Records

Kind = TypeVar("Kind")

RECORDS = "records.jsonl"


def main(arguments: list[str]) -> int:
    """Go over the pictures, from where it was left, and write what is known."""
    chosen = _parser().parse_args(arguments)
    chosen.out = chosen.out or Path(f"comparison-{chosen.model}")

    import models
    from explain import comparing
    from explain.records import Records

    counter = Counter("bytes")
    with models.heard_by(counter):
        model = models.load(chosen.model, weights=chosen.weights)
    counter.close()
    job, notes = _job(chosen, model)
    kept = Records(chosen.out / RECORDS)
    for note in (*notes, model.weights.note):
        if note:
            print(note)
    counter, interrupted = Counter("figures"), False
    try:
        with models.heard_by(counter):
            finished = comparing.go_over(job, kept, chosen.seconds, chosen.batch)
    except KeyboardInterrupt:
        finished, interrupted = False, True
    except DeviceError:
        counter.close()
        _write(job, kept, chosen.out)
        raise
    counter.close()
    _write(job, kept, chosen.out)
    if not finished:
        print(f"Stopped after {counter.done:,} of {counter.total:,} figures; the same command goes on.")
    # Whoever gave a time has what they asked for.
    return INTERRUPTED if interrupted else 0


def _parser() -> argparse.ArgumentParser:
    parser = parser_for("evaluate-methods", "Measure how good the maps of every method are, over many pictures.")
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help="folder or zip of pictures")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="CSV with the columns name and label")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where figures and tables are kept (default: comparison-MODEL)"
    )
    parser.add_argument("--weights", metavar="WHAT", help="a version's name, a file, or random")
    parser.add_argument("--methods", metavar="NAMES", help="such as grad-cam,saliency (default: all that give a map)")
    parser.add_argument("--checks", metavar="NAMES", help="such as deletion,localisation (default: all)")
    parser.add_argument("--pictures", type=_count, metavar="N", help="how many of the pictures that fit (default: all)")
    parser.add_argument("--seconds", type=_time, default=float("inf"), metavar="S", help="stop after about so long")
    parser.add_argument(
        "--patience",
        type=_time,
        default=60.0,
        metavar="S",
        help="leave out a check of one map that would ask its method again for longer (default: 60)",
    )
    parser.add_argument(
        "--batch", type=_count, metavar="N", help="pictures that the network sees at once (default: as measured)"
    )
    parser.add_argument("--tagged", action="store_true", help="put on the tag of a network that goes by one")
    return parser


def _job(chosen: argparse.Namespace, model: models.LoadedModel) -> tuple[Comparison, tuple[str, ...]]:
    """Read what is asked for; also sentences about what was chosen of the pictures."""
    import explain
    from explain import sources
    from explain.comparing import Comparison, box_field
    from explain.object_boxes import read_boxes

    maps = {name: explain.METHODS[name] for name in catalogue().maps}
    methods = tuple(kind() for kind in _named(maps, chosen.methods, "method"))
    pictures = sources.read(chosen.data, read_picture, chosen.labels)
    labels = sources.labels_of(pictures.sources, model.card.classes)
    boxes = read_boxes(chosen.data, pictures.sources)
    tag = _tag(model) if chosen.tagged else None
    checks: tuple[Metric, ...] = tuple(kind() for kind in _named(dict(explain.METRICS), chosen.checks, "check"))
    if chosen.checks is None and not boxes and tag is None:
        checks = tuple(check for check in checks if box_field(check) is None)
    job = Comparison(
        model=model,
        methods=methods,
        checks=checks,
        pictures=pictures.sources,
        labels=labels.indices,
        boxes=boxes,
        tag=tag,
        count=chosen.pictures,
        patience=chosen.patience,
    )
    return job, (*pictures.notes, labels.note)


def _named(known: dict[str, Kind], asked: str | None, of: str) -> list[Kind]:
    """Look up names as the registry or the command line writes them; all where none is given."""
    if asked is None:
        return list(known.values())
    written = {spelled: name for name in known for spelled in (name, kebab(name))}
    names = [name.strip() for name in asked.split(",") if name.strip()]
    unknown = next((name for name in names if name not in written), None)
    if unknown is not None or not names:
        raise ParameterError(
            f"There is no {of} named {unknown or asked!r}.", f"There are {', '.join(map(kebab, known))}."
        )
    return [known[name] for name in dict.fromkeys(written[name] for name in names)]


def _tag(model: models.LoadedModel) -> int:
    """Look up the class that a network goes by its tag for."""
    from models.weights import BUNDLED

    path = BUNDLED / f"{model.card.key}.json"
    told = json.loads(path.read_text(encoding="utf-8")).get("tag") if path.is_file() else None
    if not told:
        raise ModelError(f"{model.card.label} goes by no tag.", "everyday_shortcut does.")
    return model.card.classes.index(told["class"])


def _write(job: Comparison, kept: Records, out: Path) -> None:
    """Write the tables and the picture of what is known."""
    from explain import comparing, comparison, comparison_files

    pictures = comparing.shown(job, kept)
    rows = comparison.table(kept, job.methods, job.checks, pictures)
    count, reasons = comparison.pictures(kept, pictures)
    print(f"{count:,} pictures with figures; {sum(reasons.values()):,} that were looked at do not fit.")
    title = f"{job.model.card.label}, {count:,} pictures{'' if job.tag is None else ' with the tag'}"
    table = comparison_files.markdown(rows, job.checks)
    write_all(
        [out / name for name in ("table.md", "table.csv", "table.json", "table.png")],
        {
            ".md": lambda: f"# {title}\n\n{table}".encode(),
            ".csv": lambda: comparison_files.as_csv(rows, job.checks).encode(),
            ".json": lambda: comparison_files.as_json(rows, job.checks, job.origin).encode(),
            ".png": lambda: comparison_files.picture(rows, job.checks, title),
        },
    )


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than one picture")
    return count


def _time(text: str) -> float:
    seconds = float(text)
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} seconds are no time")
    return seconds
