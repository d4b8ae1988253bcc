"""The demonstration of pooling: one number instead of many, and what a shift of the picture changes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import samples, words
from dashboard.layers import numbers
from dashboard.layers.numbers import short
from dashboard.learn import real, sheets
from dashboard.learn.desk import Demonstration
from dashboard.learn.sheets import Sheet, Window
from explain.teaching.pooling import Way, change, pool, pool_all, pooled_size, wiped_out
from explain.teaching.softmax import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.learn.desk import Desk
    from explain.teaching.pooling import Change

    Floats = NDArray[np.float32]

WAYS = {"max": "Max", "average": "Average", "global-average": "Global average", "global-max": "Global max"}
SOURCES = {"map": "A feature map", "picture": "The picture"}
CHANNEL, CHANNELS, LARGEST, MOST_SHIFTED = 22, 32, 8, 4
#: Windows that are compared with each other, each with a stride of its own size.
COMPARED = (2, 4, 8)
#: Global averages that move by less than this share of what the numbers before pooling do hardly see the shift.
HARDLY = 0.2


def draw(desk: Desk) -> None:
    """Draw the demonstration."""
    desk.text(
        "[[Pooling]] lays a window over a [[feature map]], writes down one number for it, the largest or the mean, and "
        "moves on by the [[stride]]. Nothing is learned: there is no [[weight]] in it."
    )
    with st.container(horizontal=True, gap="medium"):
        source = desk.choice("source", "Pool", SOURCES)
        way = desk.choice("way", "How", WAYS)
        sample = desk.choice("sample", "Picture", {name: samples.SAMPLES[name].title for name in real.PICTURES})
    whole = way.startswith("global")
    kind: Way = "max" if way.endswith("max") else "average"
    side, stride, channel = 0, 1, CHANNEL
    places = iter(st.columns(3, gap="medium"))
    if not whole:
        with next(places):
            side = int(desk.number("window", "Window", 2, LARGEST, 2))
        with next(places):
            stride = int(desk.number("stride", "Stride", 1, LARGEST, 2))
    if source == "map":
        with next(places):
            channel = int(desk.number("channel", "Channel", 0, CHANNELS - 1, CHANNEL))
    maps = _maps(source, sample, 0)
    shown = maps[channel] if source == "map" else maps[0]
    side = shown.shape[0] if whole else side
    _window(desk, source, channel, shown, Window(side, stride, kind))
    _shift(desk, source, sample, channel, Window(side, stride, kind), whole)
    with st.container(horizontal=True, key="links"):
        desk.link(
            "See the network's own max pooling in Layers",
            "layers",
            model=real.PLAIN,
            sample=sample,
            layer="features.3",
            channel=str(channel),
            section="step",
        )
        last = {"model": real.PLAIN, "sample": sample, "layer": "features.24"}
        desk.link("What the last pooling leaves: 4 x 4 places", "layers", **last)


def _maps(source: str, sample: str, shift: int) -> Floats:
    """Return what is pooled: the feature maps (32, 64, 64) after the first ReLU, or the picture in grey (1, 64, 64)."""
    if source == "map":
        maps: Floats = np.maximum(real.first_maps(real.PLAIN, sample, shift), 0)
        return maps
    grey: Floats = real.pixels(real.PLAIN, sample, shift).mean(0, keepdims=True)
    return grey


def _window(desk: Desk, source: str, channel: int, values: Floats, window: Window) -> None:
    """Draw what is pooled beside what comes out, with the window under the cursor."""
    pooled = pool(values, window.side, window.stride, window.way)
    rows, columns = pooled.shape
    name = f"Channel {channel} after ReLU" if source == "map" else "The picture in grey"
    table = "viridis" if source == "map" else "gray"
    top = float(values.max()) if source == "map" else 1.0
    size = values.shape[0]
    shown = [
        Sheet(name, "before", values, f"{name}, {size} by {size} numbers.", _counted(values), top, table),
        Sheet(
            "Pooled",
            "after",
            pooled,
            f"What pooling makes of it, {rows} by {columns} numbers.",
            _counted(pooled),
            top,
            table,
        ),
    ]
    desk.text("**Point at a number** of either grid, or walk over it with the arrow keys: you see its window.")
    strongest = divmod(int(pooled.argmax()), columns)
    at = desk.place(rows, columns) or (int(strongest[0]), int(strongest[1]))
    sheets.draw(
        "pooling-sheets",
        shown,
        window=window,
        at=at,
        on_pick=desk.hold_place,
    )
    desk.picture("Before and after", lambda: sheets.png(shown))
    out = pooled_size(size, window.side, window.stride)
    gone = wiped_out(values, window.side, window.stride)
    lost = (
        f"{words.percent(gone)} of the numbers leave no trace in the result."
        if window.way == "max"
        else "Every number counts a little, and a single strong one is thinned out."
    )
    overlapping = window.stride < window.side < size
    overlap = " Windows overlap, since the stride is smaller than the window." if overlapping else ""
    gap = " Numbers between the windows are never looked at." if window.stride > window.side else ""
    desk.text(
        f"Size: ⌊({size} \N{MINUS SIGN} {window.side}) / {window.stride}⌋ + 1 = **{out}** along each side. "
        f"**{values.size:,}** numbers became **{pooled.size:,}**. {lost}{overlap}{gap}"
    )


def _counted(values: Floats) -> str:
    rows, columns = values.shape
    if values.size == 1:
        return f"1 number: {short(float(values[0, 0]))}"
    return f"{rows} x {columns} = {values.size:,} numbers"


def _shift(desk: Desk, source: str, sample: str, channel: int, window: Window, whole: bool) -> None:
    """Shift the picture and draw what changes before and after pooling."""
    st.header("What changes when the picture moves?", anchor=False)
    desk.text(
        "Shift the picture to the right by a few of its 64 pixels, as if the camera turned a little. The thing is the "
        "same. Do the numbers stay the same?"
    )
    shift = int(desk.number("shift", "Shift in pixels", 0, MOST_SHIFTED, 1))
    before, after = _maps(source, sample, 0), _maps(source, sample, shift)
    first, second = (pool(each, window.side, window.stride, window.way) for each in (before, after))
    place = channel if source == "map" else 0
    name = f"channel {channel}" if source == "map" else "the picture"
    if whole:
        _triple("pooling-shifted", f"Not pooled, {name}", before[place], after[place], source)
    else:
        kind = desk.choice("compare", "Look at", {"pooled": "Pooled", "unpooled": "Not pooled"})
        pair = (first[place], second[place]) if kind == "pooled" else (before[place], after[place])
        _triple("pooling-shifted", f"{'Pooled' if kind == 'pooled' else 'Not pooled'}, {name}", *pair, source)
    every = change(before, after)
    lines = [_line(_of_all(source, before), every)]
    pooled = change(first, second)
    if not whole:
        title = f"{WAYS[window.way]}, window {window.side}, stride {window.stride}"
        lines.append(_line(title, pooled))
    overall = {way: change(pool_all(before, way), pool_all(after, way)) for way in ("average", "max")}
    lines += [_line("Global average", overall["average"]), _line("Global max", overall["max"])]
    caption = f"Moved by {shift} {'pixel' if shift == 1 else 'pixels'}: what changes"
    left, right = st.columns(2, gap="large")
    with left:
        st.html(numbers.table(caption, ["", "numbers", "changed", "distance"], lines))
        st.caption(
            "Changed: numbers that moved by more than 5 % of the largest of them. Distance: the length of the "
            "difference as a share of the length of all numbers before."
        )
    with right:
        sides = {
            side: change(*(pool(each, side, side, window.way) for each in (before, after))).distance
            for side in COMPARED
        }
        desk.text(_said(shift, every, None if whole else (window, pooled), overall["average"], sides))
        _answer(desk, sample, shift)


def _triple(key: str, title: str, before: Floats, after: Floats, source: str) -> None:
    top = max(float(before.max()), float(after.max()))
    table = "viridis" if source == "map" else "gray"
    difference = after - before
    sheets.draw(
        key,
        [
            Sheet("Before", "before", before, f"{title}, before the shift.", title, top, table),
            Sheet("Shifted", "shifted", after, f"{title}, after the shift.", "", top, table),
            Sheet(
                "Difference",
                "difference",
                difference,
                f"{title}: the shifted numbers less those before; orange is more, blue is less.",
                "orange: more, blue: less",
                top,
                "blue-orange",
            ),
        ],
    )


def _of_all(source: str, maps: Floats) -> str:
    return f"All {len(maps)} maps, not pooled" if source == "map" else "The picture, not pooled"


def _line(title: str, found: Change) -> list[str | float]:
    return [title, f"{found.count:,}", words.percent(found.changed), words.percent(found.distance)]


def _said(
    shift: int, every: Change, pooled: tuple[Window, Change] | None, overall: Change, sides: dict[int, float]
) -> str:
    """Say in a sentence, with the numbers measured, how far pooling makes a shift unseen, and what that costs."""
    if not shift:
        return "Nothing has moved yet: every distance is 0. **Shift the picture** by a pixel."
    moved = f"After a shift by {shift} the numbers before pooling lie **{words.percent(every.distance)}** off"
    there = ""
    if pooled is not None:
        window, found = pooled
        much = "only a little less" if found.distance > 0.7 * every.distance else "clearly less"
        much = "no less: pooling did not help here" if found.distance >= every.distance else much
        there = f", those pooled by windows of {window.side} **{words.percent(found.distance)}**, {much}"
    hardly = overall.distance < HARDLY * every.distance
    averages = ", close to [[translation invariance]]" if hardly else ""
    return (
        f"{moved}{there}.\n\nThe global averages lie **{words.percent(overall.distance)}** off{averages}. "
        f"{_by_window(sides)} And the larger the window, the less is left of *where* something was: a global average "
        "does not know it at all."
    )


def _by_window(sides: dict[int, float]) -> str:
    """Say what a larger window changed, with the distance of each."""
    *first, last = (f"{words.percent(distance)} by windows of {side}" for side, distance in sides.items())
    listed = f"{', '.join(first)} and {last}"
    falling = all(larger < smaller for smaller, larger in pairwise(sides.values()))
    if falling:
        return f"Side by side, it is {listed}: here, the larger the window, the less the shift is seen."
    return (
        f"Side by side, it is {listed}: mostly a larger window sees less of a shift, but not here at each step. What "
        "comes in at the edge, and where the windows fall, counts too."
    )


def _answer(desk: Desk, sample: str, shift: int) -> None:
    """Say what the whole network, with its four poolings, makes of the shifted picture."""
    network = real.network(real.PLAIN)
    before, after = (softmax(real.logits(real.PLAIN, sample, each).astype(np.float64)) for each in (0, shift))
    best, now = int(before.argmax()), int(after.argmax())
    first = f"{words.escaped(network.classes[best])} with **{words.percent(float(before[best]))}**"
    if not shift:
        desk.text(f"The whole network, which pools four times on its way, says {first}.")
        return
    same = "It stays with that answer" if now == best else f"It now says {words.escaped(network.classes[now])}"
    desk.text(
        f"The whole network, which pools four times on its way, says {first} before, and "
        f"**{words.percent(float(after[best]))}** for the same class after the shift. {same}. What a shift brings in "
        "at one edge and takes away at the other, and how the strides fall, still counts after all pooling."
    )


DEMONSTRATION = Demonstration(
    key="pooling",
    title="Pooling",
    summary="One number instead of many: smaller maps, and a shift of the picture that counts for less.",
    question="Two pictures show the same eyes, nose and mouth, in one of them in the wrong places. Why can a network "
    "that ends in global pooling have trouble telling them apart?",
    answer="Global pooling keeps whether, and how strongly, a part was found, and drops where. If the layers before it "
    "did not already look at several parts together, in one [[receptive field]], both pictures give the same numbers. "
    "Layers with large receptive fields, or positions that are kept until the end, tell them apart.",
    controls=("source", "way", "sample", "window", "stride", "channel", "shift", "compare"),
    topics=("max pooling", "average pooling", "global pooling", "translation invariance"),
    draw=draw,
)
