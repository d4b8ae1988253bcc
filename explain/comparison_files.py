"""A comparison of methods as files: a table for people, for spreadsheets and for programs, and a picture."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from explain.comparison import Cell, Row, name_of

if TYPE_CHECKING:
    from explain.metric import Metric

ARROWS = {"higher": "↑", "lower": "↓"}
#: What a person asks of a map, and the families of checks that answer it.
QUESTIONS: dict[str, tuple[str, ...]] = {
    "Does the network go by what is marked?": ("Faithfulness",),
    "Is it on the object?": ("Localisation",),
    "Does it depend on the network and the question, and on nothing that nobody sees?": ("Randomisation", "Robustness"),
    "Does it add up, agree with others, and say it in few pixels?": ("Axioms", "Agreement", "Complexity"),
}
FAMILIES = tuple(family for families in QUESTIONS.values() for family in families)
COLUMNS = (
    *("method", "check", "better", "mean", "low", "high", "pictures"),
    *("rival", "ahead", "ahead_low", "ahead_high"),
)
#: Resolution of the picture, and the height of a row and of what is around them, in inches.
DPI, ROW, AROUND = 80, 0.2, 0.9
#: Panels beside each other in the picture, and the width of one, in inches.
ACROSS, WIDE = 4, 2.6


def markdown(rows: Sequence[Row], checks: Sequence[Metric]) -> str:
    """Write tables, one for each question that checks answer, a row for each method; what they mean stands below."""
    shown = [row for row in rows if any(cell is not None and cell.count for cell in row.cells.values())]
    most = max((cell.count for row in shown for cell in row.cells.values() if cell is not None), default=0)
    lines = [*_explained(most), ""]
    for question, families in QUESTIONS.items():
        asked = [check for check in checks if check.family in families]
        if any(_has(row, check) for row in shown for check in asked):
            lines += [f"### {question}", "", *_table(shown, asked, most), ""]
    return "\n".join([*lines, *_missing(rows, checks)]).strip() + "\n"


def _table(rows: Sequence[Row], checks: Sequence[Metric], most: int) -> Iterator[str]:
    best = {name_of(check): _best(rows, check) for check in checks}
    yield "| | " + " | ".join(f"{check.label} {ARROWS[check.better]}" for check in checks) + " |"
    yield "|---|" + "---|" * len(checks)
    for row in rows:
        cells = [_written(row.cells[name_of(check)], best[name_of(check)], most, check) for check in checks]
        label = f"*{row.label}*" if row.control else row.label
        if any(cell != "-" for cell in cells):
            yield f"| {label} | {' | '.join(cells)} |"
    yield ""
    for check in checks:
        yield f"- {check.label}: {check.caption} {check.better.capitalize()} is better ({check.paper})."


def as_csv(rows: Sequence[Row], checks: Sequence[Metric]) -> str:
    """Write the figures as CSV: a line for each row and check."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_records(rows, checks))
    return text.getvalue()


def as_json(rows: Sequence[Row], checks: Sequence[Metric], origin: dict[str, Any]) -> str:
    """Write the figures as JSON, with what they were measured on."""
    held = {
        **origin,
        "checks": {name_of(check): repr(check) for check in checks},
        "figures": _records(rows, checks),
        "refused": {row.name: row.refused for row in rows if row.refused},
    }
    return json.dumps(held, indent=1) + "\n"


def picture(rows: Sequence[Row], checks: Sequence[Metric], title: str) -> bytes:
    """Draw the means with their intervals, a panel for each check and a dashed line for each control map: a PNG."""
    from matplotlib.figure import Figure

    drawn = [check for check in checks if any(_has(row, check) and not row.control for row in rows)]
    methods = [row for row in rows if not row.control and any(_has(row, check) for check in drawn)]
    controls = [row for row in rows if row.control]
    across = min(ACROSS, max(len(drawn), 1))
    down = math.ceil(max(len(drawn), 1) / across)
    size = (WIDE * across + 1.6, (ROW * max(len(methods), 4) + AROUND) * down + 0.7)
    figure = Figure(size, dpi=DPI, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for axis, check in zip(axes, drawn, strict=False):
        _panel(axis, check, methods, controls)
    for axis in axes[len(drawn) :]:
        axis.set_visible(False)
    figure.suptitle(title, fontsize=10)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _panel(axis: Any, check: Metric, methods: Sequence[Row], controls: Sequence[Row]) -> None:
    name = name_of(check)
    for place, control in enumerate(controls):
        cell = control.cells[name]
        value = float("nan") if cell is None else cell.mean
        axis.axvline(value, color=f"C{place + 1}", linestyle="--", linewidth=1, label=control.label)
    for place, row in enumerate(methods):
        cell = row.cells[name]
        if cell is not None and cell.count:
            ends = [[max(cell.mean - cell.low, 0)], [max(cell.high - cell.mean, 0)]] if cell.count > 1 else None
            axis.errorbar([cell.mean], [place], xerr=ends, fmt="o", color="C0", markersize=3, linewidth=1)
    axis.set_yticks(range(len(methods)), [row.label for row in methods], fontsize=8)
    axis.set_ylim(len(methods) - 0.5, -0.5)
    axis.set_title(f"{check.label}\n{check.better} is better", fontsize=8)
    axis.tick_params(axis="x", labelsize=7)
    axis.locator_params(axis="x", nbins=5)
    axis.ticklabel_format(axis="x", scilimits=(-2, 4))
    axis.xaxis.get_offset_text().set_fontsize(7)
    axis.grid(axis="y", linewidth=0.3)


def _has(row: Row, check: Metric) -> bool:
    cell = row.cells[name_of(check)]
    return cell is not None and cell.count > 0


def _best(rows: Sequence[Row], check: Metric) -> Cell | None:
    """The best of the means that may be compared: none where a limit decides, or where nothing passes or fails."""
    if check.passes != "controls":
        return None
    known = [row.cells[name_of(check)] for row in rows if not row.control]
    cells = [cell for cell in known if cell is not None and cell.beats_controls]
    sign = 1 if check.better == "higher" else -1
    return max(cells, key=lambda cell: sign * cell.mean, default=None)


def _written(cell: Cell | None, best: Cell | None, most: int, check: Metric) -> str:
    if cell is None or not cell.count:
        return "-"
    mean = f"**{cell.mean:.3g}**" if cell is best else f"{cell.mean:.3g}"
    ahead = "\\*" if cell.holds(check) else ""
    spread = f" ({cell.low:.2g} to {cell.high:.2g})" if cell.enough else ""
    few = f" [{cell.count}]" if cell.count < most else ""
    return f"{mean}{ahead}{spread}{few}"


def _explained(most: int) -> list[str]:
    over = f"{most} picture" if most == 1 else f"{most} pictures"
    return [
        f"Means over {over}, with their 95 % confidence intervals in brackets (percentile bootstrap over the "
        "pictures; none with fewer than six); a number in square brackets: over that many. \\*: better than each map "
        "that knows nothing of the network (rows in italics), on the same pictures and by more than chance; where a "
        "check has a limit instead, beyond that by more than chance. Bold: the best mean of those that beat such maps, "
        "which need not be better than the next by more than chance.",
    ]


def _missing(rows: Sequence[Row], checks: Sequence[Metric]) -> list[str]:
    """Say what has no figure, and why: methods with the same reason stand together."""
    lines = [f"- {row.label}: {row.refused}" for row in rows if row.refused]
    labels = {name_of(check): check.label for check in checks}
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, cell in row.cells.items():
            for reason, count in (cell.reasons if cell is not None else {}).items():
                own = f"{row.label} ({count})"
                found.setdefault((labels[name], reason.replace(row.label, "the method")), []).append(own)
    lines += [f"- {check}: {reason} So with {', '.join(methods)}." for (check, reason), methods in found.items()]
    return ["### Without a figure", "", "In brackets: on how many pictures.", "", *lines] if lines else []


def _records(rows: Sequence[Row], checks: Sequence[Metric]) -> list[dict[str, Any]]:
    return [
        _record(row, check, cell)
        for row in rows
        for check in checks
        if (cell := row.cells[name_of(check)]) is not None and cell.count
    ]


def _record(row: Row, check: Metric, cell: Cell) -> dict[str, Any]:
    figures = (cell.mean, cell.low, cell.high, cell.count, cell.rival, *(cell.ahead or (None, None, None)))
    # JSON knows no number that is none.
    plain = (None if isinstance(figure, float) and math.isnan(figure) else figure for figure in figures)
    return dict(zip(COLUMNS, (row.name, name_of(check), check.better, *plain), strict=True))
