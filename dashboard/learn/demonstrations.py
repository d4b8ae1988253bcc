"""The demonstrations of the Learn page, in the order in which a class takes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.learn.desk import Demonstration


@dataclass(frozen=True)
class Chapter:
    """Demonstrations that belong together, by the names of their modules in dashboard.learn."""

    title: str
    modules: tuple[str, ...]


#: Further demonstrations are added here: a module's name, or a chapter of its own.
CHAPTERS = (
    Chapter("The parts of a network", ("convolution", "pooling", "activations", "softmax")),
    Chapter("A whole network, and how it learns", ("digits", "training")),
    Chapter("What an explanation can say", ("maps",)),
)


@cache
def demonstrations() -> Mapping[str, Demonstration]:
    """Return all demonstrations by their keys, in order; a key that is there twice is refused."""
    found: dict[str, Demonstration] = {}
    for chapter in CHAPTERS:
        for demonstration in in_chapter(chapter):
            if demonstration.key in found:
                raise ValueError(f"two demonstrations bear the key {demonstration.key!r}")
            found[demonstration.key] = demonstration
    return MappingProxyType(found)


def in_chapter(chapter: Chapter) -> tuple[Demonstration, ...]:
    """Return the demonstrations of a chapter."""
    return tuple(import_module(f"dashboard.learn.{name}").DEMONSTRATION for name in chapter.modules)
