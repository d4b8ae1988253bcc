"""HTML that is safe by construction: text is escaped, and only what this module made is taken as HTML."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

#: Elements without an end.
VOID = ("br", "img", "meta")
#: Our sentences are Markdown: a backslash before what is meant as it stands, strong words, words in italics.
MARKS = re.compile(r"\\(.)|(\*\*)|(\*)", re.DOTALL)


@dataclass(frozen=True)
class Markup:
    """A whole piece of HTML."""

    html: str


Inside = str | Markup


def tag(name: str, /, *inside: Inside, **attributes: str) -> Markup:
    """Write an element; `class_` and `aria_label` become class and aria-label."""
    given = "".join(f' {_attribute(key)}="{_escaped(value)}"' for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(inside).html}</{name}>")


def joined(parts: Iterable[Inside]) -> Markup:
    """Put pieces behind each other."""
    return Markup("".join(part.html if isinstance(part, Markup) else _escaped(part) for part in parts))


def sentence(markdown: str) -> Markup:
    """Turn one of our sentences into HTML: **strong** and *italic* words, escaped signs."""
    parts: list[str] = []
    marked: list[str] = []
    place = 0
    for found in MARKS.finditer(markdown):
        parts.append(_escaped(markdown[place : found.start()]))
        place = found.end()
        literal, strong, _ = found.groups()
        if literal is not None:
            parts.append(_escaped(literal))
            continue
        name = "strong" if strong else "em"
        if name in marked:
            marked.remove(name)
            parts.append(f"</{name}>")
        else:
            marked.append(name)
            parts.append(f"<{name}>")
    parts.append(_escaped(markdown[place:]))
    parts += [f"</{name}>" for name in reversed(marked)]
    return Markup("".join(parts))


def plain(markdown: str) -> str:
    """Take the marks out of one of our sentences."""
    return MARKS.sub(lambda found: found[1] or "", markdown)


def clean(text: str) -> str:
    """Take out what cannot be seen and may mislead: control signs, marks of direction, halves of characters."""
    return "".join(letter for letter in text if letter in " \n" or unicodedata.category(letter)[0] != "C")


def _escaped(text: str) -> str:
    return html.escape(clean(text))


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")
