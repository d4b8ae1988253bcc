"""The curves of the training demonstration: the component that draws them as they grow, and their picture."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from dashboard.components import component
from explain.teaching.verdict import verdict

if TYPE_CHECKING:
    from dashboard.learn.training_bench import Bench
    from explain.teaching.training_record import Record

KEY = "training-curves"
#: Points of the last turn are sent once more with the next: the browser may have skipped a drawing.
AGAIN = 3
#: Colours of the picture: training, validation.
INK, GREEN = "#444444", "#0b6e4f"

_curves = component("training", "numbers", "charts")


def draw(bench: Bench, kept: tuple[str, Record] | None, whole: bool) -> None:
    """Draw the curves; `whole`: the page is drawn anew, so the browser may know nothing yet."""
    if whole:
        bench.sent = [(0, 0)] * len(bench.setups)
    records = bench.records
    runs = [_run(setup.name, number, bench, records) for number, setup in enumerate(bench.setups)]
    beside = len(runs) > 1
    longest = max(setup.settings.epochs for setup in bench.setups)
    if kept is not None and not beside:
        runs.append(_kept(*kept))
        longest = max(longest, kept[1].settings.epochs)

    def behind() -> None:
        bench.sent = [(0, 0)] * len(bench.setups)

    _curves(
        key=KEY,
        data={"id": bench.identity, "epochs": longest, "beside": beside, "runs": runs},
        on_behind_change=behind,
    )
    bench.sent = [(max(0, len(record.epochs) - AGAIN), len(record.batches)) for record in records] or bench.sent


def _run(name: str, number: int, bench: Bench, records: tuple[Record, ...]) -> dict[str, Any]:
    steps = bench.setups[number].settings.steps_per_epoch
    if not records:
        return {**_points((), (), 0, 0), "key": str(number), "title": name, "kept": False, "steps": steps, "note": ""}
    record = records[number]
    epochs, batches = bench.sent[number]
    # The batches of some turns once more as well, for the same reason.
    batches = max(0, batches - AGAIN * 200)
    return {
        **_points(_measured(record)[epochs:], record.batches[batches:], epochs, batches),
        "key": str(number),
        "title": name,
        "kept": False,
        "steps": steps,
        "note": note(record),
    }


def _kept(name: str, record: Record) -> dict[str, Any]:
    points = _points(_measured(record), (), 0, 0)
    return {**points, "key": "kept", "title": name, "kept": True, "steps": record.settings.steps_per_epoch, "note": ""}


def _measured(record: Record) -> tuple[tuple[float, float, float, float], ...]:
    scores = ((epoch.training, epoch.validation) for epoch in record.epochs)
    return tuple((one.loss, one.accuracy, other.loss, other.accuracy) for one, other in scores)


def _points(points: Any, batches: Any, start: int, start_batch: int) -> dict[str, Any]:
    return {
        "from": start,
        "points": [[_number(value) for value in point] for point in points],
        "fromBatch": start_batch,
        "batches": [_number(value) for value in batches],
    }


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def note(record: Record) -> str:
    """Say in a line how a training stands, for beside its chart."""
    found = record.final.validation
    return f"{verdict(record).headline} · validation {100 * found.accuracy:.0f} %, loss {found.loss:.2f}"


def picture(named: list[tuple[str, Record]]) -> bytes:
    """Draw loss and accuracy of each training into a PNG, one training a row."""
    wide, high = 560, 300
    sheet = Image.new("RGB", (2 * wide, high * len(named)), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for row, (name, record) in enumerate(named):
        epochs = _measured(record)
        top = 1.05 * max((point[i] for point in epochs for i in (0, 2) if math.isfinite(point[i])), default=1.0)
        for column, (kind, most, first) in enumerate((("loss", top, 0), ("accuracy", 1.0, 1))):
            left, above = column * wide + 60, row * high + 40
            right, low = left + wide - 90, above + high - 90
            pen.text((left, above - 28), f"{name}: {kind}", "black", font)
            pen.line((left, above, left, low, right, low), "#888888")
            for share in (0.0, 0.5, 1.0):
                label = f"{share * most:.3g}" if kind == "loss" else f"{100 * share:.0f} %"
                pen.text((left - 8, low - share * (low - above)), label, "black", font, anchor="rm")
            last = max(1, record.settings.epochs)
            pen.text((right, low + 8), f"{last} epochs", "black", font, anchor="ra")
            pen.text((left, low + 8), "grey: training, green: validation", "black", font)
            for offset, colour, width in ((0, INK, 2), (2, GREEN, 4)):
                line = [
                    (left + (right - left) * place / last, low - (low - above) * min(1.0, point[first + offset] / most))
                    for place, point in enumerate(epochs)
                    if math.isfinite(point[first + offset])
                ]
                pen.line(line, colour, width)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()
