"""The lists of demonstrations and lessons: as cards on the overview, as lines in the rail."""

from __future__ import annotations

from typing import Any

from dashboard import state
from dashboard.components import component
from dashboard.learn import place as places
from dashboard.learn.demonstrations import CHAPTERS, in_chapter
from dashboard.learn.terms import plain

_contents = component("contents", "elements")
#: The lessons stand in a chapter of their own.
LESSONS = "Lessons of ten minutes"


def cards() -> None:
    """Draw all demonstrations and lessons as cards."""
    _draw("cards", "Demonstrations and lessons", _chapters(None, summaries=True))


def rail(here: str | None) -> None:
    """Draw them as a list; `here`: the entry that is open, as `entry` writes it."""
    overview = {"title": "", "entries": [_entry("", "Overview", here)]}
    _draw("list", "Learn", [overview, *_chapters(here, summaries=False)])


def entry(kind: str, key: str) -> str:
    """Write a place of this page: its name in the address, and its key."""
    return f"{kind}={key}"


def _draw(kind: str, label: str, chapters: list[dict[str, Any]]) -> None:
    key = f"contents-{kind}"

    def pick() -> None:
        name, _, chosen = str(state.get(key)["picked"]).partition("=")
        places.go(**({name: chosen} if name in ("demo", "lesson") else {}))

    _contents(key=key, data={"kind": kind, "label": label, "chapters": chapters}, on_picked_change=pick)


def _chapters(here: str | None, summaries: bool) -> list[dict[str, Any]]:
    chapters, number = [], 0
    for chapter in CHAPTERS:
        entries = []
        for demonstration in in_chapter(chapter):
            number += 1
            name = entry("demo", demonstration.key)
            entries.append(
                _entry(name, demonstration.title, here, plain(demonstration.summary) * summaries, str(number))
            )
        chapters.append({"title": chapter.title, "entries": entries})
    lessons = [
        _entry(entry("lesson", lesson.key), lesson.title, here, plain(lesson.summary) * summaries)
        for lesson in places.lessons().values()
    ]
    chapters.append({"title": LESSONS, "entries": lessons})
    return [chapter for chapter in chapters if chapter["entries"]]


def _entry(name: str, title: str, here: str | None, summary: str = "", number: str = "") -> dict[str, Any]:
    return {
        "id": name,
        "address": f"learn?{name}" if name else "learn",
        "title": title,
        "summary": summary,
        "number": number,
        "here": name == here,
    }
