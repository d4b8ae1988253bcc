"""Columns, rows and lanes for boxes that feed each other: one rule for chains, branches and skips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

#: A link between two boxes by number; None stands for what lies outside on that side.
Link = tuple[int | None, int | None]


def columns_of(boxes: Sequence[int], links: Sequence[Link]) -> dict[int, int]:
    """Give each box the column after the last of those that feed it; `boxes` in the order they finish."""
    before = _sources(boxes, links)
    columns: dict[int, int] = {}
    for box in boxes:
        columns[box] = 1 + max((columns[source] for source in before[box]), default=-1)
    return columns


def rows_of(boxes: Sequence[int], links: Sequence[Link], columns: dict[int, int]) -> dict[int, int]:
    """Put the longest way through into row 0 and each branch into the first row that is free beside it.

    A branch keeps its row free from the column it leaves to the column where it joins again.
    """
    before = _sources(boxes, links)
    after = defaultdict(set)
    for box, sources in before.items():
        for source in sources:
            after[source].add(box)
    rows: dict[int, int] = {}
    taken: dict[int, list[tuple[int, int]]] = defaultdict(list)
    while len(rows) < len(boxes):
        way = _longest([box for box in boxes if box not in rows], before)
        first = 1 + min((columns[source] for source in before[way[0]]), default=-1)
        last = max((columns[target] for target in after[way[-1]]), default=columns[way[-1]] + 1) - 1
        first, last = min(first, columns[way[0]]), max(last, columns[way[-1]])
        row = 0
        while any(first <= end and start <= last for start, end in taken[row]):
            row += 1
        taken[row].append((first, last))
        rows |= dict.fromkeys(way, row)
    return rows


def lanes_of(links: Sequence[Link], columns: dict[int, int], rows: dict[int, int]) -> dict[Link, int]:
    """Number the lanes above a row in which links pass over its boxes; 0 = nothing is in the way.

    Links from the same box share a lane; short ways get the lowest lanes.
    """
    end = 1 + max(columns.values(), default=0)
    spans: dict[Link, tuple[int, int, int]] = {}
    for source, target in links:
        row = rows.get(source, 0) if source is not None else 0
        start = -1 if source is None else columns[source]
        stop = end if target is None else columns[target]
        same = row == (0 if target is None else rows[target])
        blocked = any(rows[box] == row and start < columns[box] < stop for box in columns)
        if same and blocked:
            spans[source, target] = (row, start, stop)
    reach: dict[tuple[int | None, int], tuple[int, int]] = {}
    for (source, _), (row, start, stop) in spans.items():
        reach[source, row] = (start, max(stop, reach.get((source, row), (0, 0))[1]))
    lanes: dict[tuple[int | None, int], int] = {}
    taken: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for net in sorted(reach, key=lambda net: (reach[net][1] - reach[net][0], reach[net])):
        start, stop = reach[net]
        lane = 1
        while any(start < other_stop and other_start < stop for other_start, other_stop in taken[net[1], lane]):
            lane += 1
        taken[net[1], lane].append((start, stop))
        lanes[net] = lane
    return {link: lanes[link[0], spans[link][0]] if link in spans else 0 for link in links}


def _sources(boxes: Sequence[int], links: Sequence[Link]) -> dict[int, set[int]]:
    """List what feeds each box; a link back to an earlier box, as in a loop, counts for nothing here."""
    place = {box: number for number, box in enumerate(boxes)}
    before: dict[int, set[int]] = {box: set() for box in boxes}
    for source, target in links:
        if source is not None and target is not None and place[source] < place[target]:
            before[target].add(source)
    return before


def _longest(boxes: Sequence[int], before: dict[int, set[int]]) -> list[int]:
    """Find the longest way through these boxes."""
    way: dict[int, list[int]] = {}
    for box in boxes:
        ways = (way[source] for source in sorted(before[box]) if source in way)
        way[box] = [*max(ways, key=len, default=[]), box]
    return max(way.values(), key=len)
