"""The sheet of pictures: a page of thumbnails, each with its guess, how sure it is, and the true class."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import streamlit as st
from PIL import Image, ImageOps

from dashboard import cache, lens, state
from dashboard.classes import name_of
from dashboard.components import component
from dashboard.mistakes import place as places
from dashboard.mistakes import source
from dashboard.words import escaped, percent
from explain.sources import labels_of
from models.progress import Progress

if TYPE_CHECKING:
    from dashboard.mistakes.place import Place
    from dashboard.mistakes.source import Album
    from explain.runs import Case

_gallery = component("gallery", html='<div class="gallery">\n</div>')

#: Pictures on a page, and the side of a thumbnail in pixels.
PAGE, SIDE = 16, 168
KEY, PAGES = "gallery", "gallery-page"


@dataclass(frozen=True)
class Tile:
    """One picture of the sheet: the number of its case, its thumbnail, and what stands below it.

    mark: "wrong", "right" or "" where that cannot be told. guess and true: the two lines. told: both, for those who
    cannot see them.
    """

    id: int
    picture: str
    mark: str
    guess: str
    true: str
    told: str


def draw(place: Place) -> None:
    """Draw the page of the sheet on which the open picture is, or the first one."""
    listed = place.rows
    at = 0 if place.row is None else next(iter((listed == place.row).nonzero()[0]), 0)
    page, pages = int(at) // PAGE, -(-len(listed) // PAGE)
    rows = listed[page * PAGE : (page + 1) * PAGE]
    numbers = place.run.cases.number
    data = {
        "chosen": None if place.row is None else int(numbers[place.row]),
        "before": int(numbers[listed[page * PAGE - 1]]) if page else None,
        "after": int(numbers[listed[(page + 1) * PAGE]]) if page + 1 < pages else None,
        "tiles": [vars(tile(place, int(row))) for row in rows],
    }
    show(data, f"Pictures {page * PAGE + 1:,} to {page * PAGE + len(rows):,} of {len(listed):,}; pick one to open it")
    if pages > 1:
        firsts = tuple(int(numbers[row]) for row in listed[::PAGE])
        if state.get(PAGES, page + 1) != page + 1:
            state.put(PAGES, page + 1)
        st.pagination(pages, default=page + 1, key=PAGES, on_change=_turn, args=(firsts,))


def preview(album: Album, classes: tuple[str, ...]) -> None:
    """Draw a few of the pictures that a run would go over, spread evenly, each with its class."""
    total = len(album.sources)
    shown = min(PAGE, total)
    labels = labels_of(album.sources, classes).indices
    tiles = []
    for number in (place * total // shown for place in range(shown)):
        one, label = album.sources[number], labels[number]
        own = "" if one.label is None else str(one.label)
        called = own if label is None else name_of(label, classes)
        told = f"{one.name} {called}".strip()
        tiles.append(vars(Tile(number, _thumbnail(album, number, ""), "", called, "", told)))
    show({"tiles": tiles}, f"{shown:,} of {total:,} pictures", pick=False)


def show(data: dict[str, Any], label: str, pick: bool = True, key: str = KEY) -> None:
    """Draw a sheet; where pictures may be picked, the one picked is opened."""
    tiles = data["tiles"]
    data |= {"label": label, "pick": pick, "sheet": hashlib.sha256(json.dumps([tiles, pick]).encode()).hexdigest()[:16]}
    _gallery(key=key, data=data, on_picked_change=partial(_pick, key) if pick else _ignore)


def _pick(key: str) -> None:
    number = state.get(key)["picked"]
    if isinstance(number, int):
        places.pick(number)


def _ignore() -> None:
    return None


def _turn(firsts: tuple[int, ...]) -> None:
    places.pick(firsts[int(state.get(PAGES)) - 1])


def tile(place: Place, row: int) -> Tile:
    """Describe a picture of the run, by its row, as the sheet shows it."""
    cases = place.run.cases
    label, guess = int(cases.label[row]), int(cases.predicted[row])
    said, sure = name_of(guess, place.names), percent(float(cases.confidence[row]))
    called = name_of(label, place.names) if cases.counted[row] else str(cases.called[row])
    mark = "" if not cases.counted[row] else "right" if cases.right[row] else "wrong"
    true = f"is {called}" if mark == "wrong" else f"called {called}" if called and not mark else ""
    told = f"{said}, {sure} sure, {mark}" + (f", {true}" if true else "")
    picture = _thumbnail(place.pictures, int(cases.number[row]), str(cases.sha256[row]))
    return Tile(int(cases.number[row]), picture, mark, f"{said} {sure}", true, told)


def _thumbnail(album: Album, number: int, sha256: str) -> str:
    """Return the small version of a picture, made once for all sessions; "" where it can no longer be read."""

    def compute() -> bytes:
        picture = source.open_source(album, number)
        changed = picture is None or (sha256 and picture.sha256 != sha256)
        return b"" if changed or picture is None else small(picture.image)

    key = f"{album.identity} {number} {sha256}"
    data = cache.shelf().thumbnails.ask((key, SIDE), compute, _deaf)
    return lens.data_uri(data, "image/jpeg") if data else ""


def small(image: Image.Image) -> bytes:
    """Write the middle square of a picture as a small JPEG."""
    buffer = io.BytesIO()
    ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.BILINEAR).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _deaf(progress: Progress) -> None:
    """Hear nothing and go on."""


def neighbours(place: Place) -> tuple[int | None, int | None, int]:
    """Return the numbers of the cases before and after the open one in the list, and its place, -1 = not listed."""
    found = [] if place.row is None else (place.rows == place.row).nonzero()[0]
    if not len(found):
        return None, None, -1
    at, numbers = int(found[0]), place.run.cases.number
    before = int(numbers[place.rows[at - 1]]) if at else None
    after = int(numbers[place.rows[at + 1]]) if at + 1 < len(place.rows) else None
    return before, after, at


def step(place: Place, case: Case) -> None:
    """Draw the way to the picture before and the one after, and say which one is open."""
    before, after, at = neighbours(place)
    _button("Previous", "Left", before)
    _button("Next", "Right", after)
    where = f"{at + 1:,} of {len(place.rows):,}" if at >= 0 else "not in this list"
    st.markdown(escaped(f"{where} · {PurePosixPath(case.name).name}"), width="content")


def _button(label: str, key: str, number: int | None) -> None:
    st.button(
        label,
        key=f"step-{label.lower()}",
        shortcut=f"Shift+{key}",
        disabled=number is None,
        on_click=places.pick,
        args=(number,),
    )
