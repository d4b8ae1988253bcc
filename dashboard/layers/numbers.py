"""Tables of numbers with colours, as HTML: orange above zero and blue below, the stronger the larger."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.floating[Any]]

#: Digits as they stand in a power.
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
CELL = "padding:0.2rem 0.35rem;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;min-width:3.1em;"
HEAD = "padding:0.2rem 0.35rem;text-align:right;font-weight:400;opacity:0.8;white-space:nowrap;"
PADDING = "background:repeating-linear-gradient(45deg,rgba(128,128,128,0.28) 0 4px,transparent 4px 8px);"
TABLE = "border-collapse:separate;border-spacing:2px;font-size:0.8125rem;"
#: Colours of the largest number above and below zero; the text stays readable on both, in light and dark.
ABOVE, BELOW, STRONGEST = "224,123,40", "67,139,202", 0.55


def short(value: float, digits: int = 3) -> str:
    """Write a number with three digits that count, or as many as are asked for: 0.0346, 8.62, 12,345, 4.1·10⁻⁵."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 10 ** max(digits, 7) or size < 1e-3:
        figure, power = f"{value:.{min(digits, 3) - 2}e}".split("e")
        text = f"{figure}·10{str(int(power)).translate(RAISED)}"
    else:
        text = f"{value:,.0f}" if size >= 10**digits else f"{value:.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """Write a number like `short`, with its sign in any case."""
    return f"+{short(value)}" if value > 0 else short(value)


def colour(value: float, largest: float) -> str:
    """Pick the background of a cell."""
    if not value or not largest:
        return ""
    return f"background:rgba({ABOVE if value > 0 else BELOW},{STRONGEST * min(1.0, abs(value) / largest):.2f});"


def grid(
    caption: str,
    values: Values,
    rows: Sequence[int],
    columns: Sequence[int],
    padded: NDArray[np.bool_] | None = None,
    marked: tuple[int, int] | None = None,
) -> str:
    """Write a patch as a table with its rows' and columns' numbers; one cell may be marked."""
    largest = float(np.abs(values).max(initial=0))
    lines = []
    for down, row in enumerate(rows):
        cells = []
        for across in range(len(columns)):
            value = float(values[down, across])
            beyond = padded is not None and bool(padded[down, across])
            style = CELL + (PADDING if beyond else colour(value, largest))
            style += "outline:2px solid currentColor;font-weight:700;" if marked == (down, across) else ""
            title = ' title="padding"' if beyond else ""
            cells.append(f'<td style="{style}"{title}>{short(value)}</td>')
        lines.append(f'<tr><th scope="row" style="{HEAD}">{row}</th>{"".join(cells)}</tr>')
    heads = "".join(f'<th scope="col" style="{HEAD}">{column}</th>' for column in columns)
    top = f"<tr><td></td>{heads}</tr>"
    return _table(caption, top + "".join(lines))


def table(caption: str, heads: Sequence[str], lines: Sequence[Sequence[str | float]]) -> str:
    """Write a table with a name at the start of each line; the numbers of a column share one scale of colours."""
    count = len(heads) - 1
    numbers = [[line[place + 1] for line in lines] for place in range(count)]
    largest = [max((abs(each) for each in column if isinstance(each, float)), default=0.0) for column in numbers]
    top = f'<tr><td style="{CELL}text-align:left;opacity:0.8">{escape(heads[0])}</td>'
    top += "".join(f'<th scope="col" style="{HEAD}">{escape(head)}</th>' for head in heads[1:]) + "</tr>"
    body = ""
    for name, *values in lines:
        cells = "".join(_cell(value, largest[place]) for place, value in enumerate(values))
        body += f'<tr><th scope="row" style="{HEAD}text-align:left;">{escape(str(name))}</th>{cells}</tr>'
    return _table(caption, top + body)


def in_a_row(*parts: str) -> str:
    """Put tables and the signs between them side by side; what does not fit goes below, or scrolls."""
    inner = "".join(
        part if part.startswith("<") else f'<span style="font-size:1.3rem" aria-hidden="true">{escape(part)}</span>'
        for part in parts
    )
    return f'<div style="display:flex;flex-wrap:wrap;align-items:center;gap:0.6rem;">{inner}</div>'


def _cell(value: str | float, largest: float) -> str:
    if isinstance(value, str):
        return f'<td style="{CELL}">{escape(value)}</td>'
    return f'<td style="{CELL}{colour(value, largest)}">{short(value)}</td>'


def _table(caption: str, body: str) -> str:
    title = f'<caption style="text-align:left;font-weight:600;padding-bottom:0.3rem">{escape(caption)}</caption>'
    return f'<div style="overflow-x:auto;max-width:100%"><table style="{TABLE}">{title}{body}</table></div>'
