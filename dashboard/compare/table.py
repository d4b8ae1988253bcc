"""The table of checks: one for each family of them, a row for each map and for maps that know nothing."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, get_args

from dashboard import verdicts
from dashboard.answers import Declined
from dashboard.layers.numbers import CELL, HEAD, TABLE
from explain.control_maps import CONTROLS
from explain.metric import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.compare.measuring import Checked
    from explain.metric import Metric

LEGEND = "✗ fails the check · below the line: maps that know nothing of the network"
BEST = "★ the best of the maps compared, and better than all that know nothing · "
NO_CONTEST = " · the questions differ, so read each map beside those below the line, not beside its neighbours"
FAMILIES: tuple[str, ...] = get_args(Family)
MUTED = "opacity:0.8;"
LINE = "border-top:1px solid currentColor;"
LEFT = f"{HEAD}text-align:left;white-space:normal;opacity:1;"
TOP = f"{HEAD}white-space:normal;max-width:7.5rem;vertical-align:bottom;"


def as_html(checked: Checked) -> str:
    """Write all families side by side where there is room."""
    if not checked.metrics:
        return "<p>There is no map to check.</p>"
    metrics = sorted(checked.metrics, key=lambda metric: FAMILIES.index(metric.family))
    parts = [_family(checked, name, list(group)) for name, group in groupby(metrics, key=lambda metric: metric.family)]
    inner = "".join(parts)
    legend = f"{BEST}{LEGEND}" if checked.contest else f"{LEGEND}{NO_CONTEST}"
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:1.1rem 2.4rem;align-items:flex-start">{inner}</div>'
        f'<p style="font-size:0.8125rem;{MUTED}margin:0.7rem 0 0">{legend}</p>'
    )


def _family(checked: Checked, name: str, metrics: Sequence[Metric]) -> str:
    heads = "".join(_head(metric) for metric in metrics)
    rows = [
        row(one.title, [_cell(checked, metric, number) for metric in metrics], "")
        for number, one in enumerate(checked.seen)
    ]
    controls = [checked.controls(metric) for metric in metrics]
    for place, control in enumerate(dict.fromkeys(name for beside in controls for name in beside)):
        cells = [_range(beside.get(control)) for beside in controls]
        rows.append(row(named(control), cells, MUTED + (LINE if place == 0 else "")))
    title = f'<caption style="text-align:left;font-weight:600;padding-bottom:0.3rem">{escape(name)}</caption>'
    style = TABLE.replace("separate", "collapse")
    return f'<table style="{style}">{title}<tr><td></td>{heads}</tr>{"".join(rows)}</table>'


def _head(metric: Metric) -> str:
    way = {"higher": "↑ higher is better", "lower": "↓ lower is better"}[metric.better]
    caption = escape(metric.caption, quote=True)
    return f'<th scope="col" style="{TOP}" title="{caption}"><b>{escape(metric.label)}</b><br>{way}</th>'


def row(name: str, cells: Sequence[str], style: str) -> str:
    """Write a line of a table: its name, and its cells as HTML."""
    figures = "".join(f'<td style="{CELL}{style}">{cell}</td>' for cell in cells)
    return f'<tr><th scope="row" style="{LEFT}{style}">{escape(name)}</th>{figures}</tr>'


def _cell(checked: Checked, metric: Metric, number: int) -> str:
    found = checked.outcome(metric, number)
    if found is None:
        return "…" if type(metric).__name__ in checked.planned[number] else "no box"
    if isinstance(found, Declined):
        return f'<span title="{escape(found.reason, quote=True)}">not for this map</span>'
    failed = " ✗" if verdicts.measured(metric, found).holds is False else ""
    figure = verdicts.own_figure(metric, found)
    return f"<b>★ {figure}</b>{failed}" if number in checked.best(metric) else f"{figure}{failed}"


def _range(ends: tuple[float, float] | None) -> str:
    """Write the figure of a control map, or from where to where it goes over the panes."""
    if ends is None:
        return ""
    low, high = (verdicts.figure(value) for value in ends)
    return low if low == high else f"{low} to {high}"


def named(control: str) -> str:
    """Say what a control map is."""
    return CONTROLS.get(control, f"the box's {control}")
