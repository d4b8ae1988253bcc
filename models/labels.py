"""The names of a network's classes: read from a text or JSON file, or made up; needs no torch."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from models.errors import ModelError

MOST_CLASSES = 50_000
MOST_BYTES = 8 * 2**20
LONGEST_NAME = 200
WANTED = (
    "Wanted: a text file with one name a line, in the order of the network's scores, or JSON: a list of names, or "
    "names by number, or numbers by name."
)


def read_names(data: bytes, file: str) -> tuple[str, ...]:
    """Read the names of classes from a text file (a name a line) or JSON file, in the order of the scores."""
    if len(data) > MOST_BYTES:
        raise _refused(file, f"it has {len(data) / 2**20:,.0f} MB, {MOST_BYTES // 2**20} MB are allowed")
    try:
        text = data.decode("utf-8-sig")
        listed = _from_json(json.loads(text)) if text.lstrip().startswith(("[", "{")) else text.rstrip().splitlines()
    except (ValueError, RecursionError, KeyError, TypeError, IndexError) as error:
        raise _refused(file, "it is neither") from error
    names = tuple(_clean(name) for name in listed)
    empty = next((number for number, name in enumerate(names, 1) if not name), None)
    if empty is not None:
        raise _refused(file, f"its name number {empty:,} is empty")
    if not 0 < len(names) <= MOST_CLASSES:
        raise _refused(file, f"it holds {len(names):,} names; from 1 to {MOST_CLASSES:,} are possible")
    return names


def named(names: Sequence[str] | None, outputs: int, given: str) -> tuple[str, ...]:
    """Return the names of a network's classes, made up where there are none; a single score stands for two classes."""
    count = number_of_names(outputs)
    if count > MOST_CLASSES:
        raise ModelError(f"A network may tell {MOST_CLASSES:,} classes apart; {given}.")
    if names is None:
        return tuple(f"class {index}" for index in range(count))
    if len(names) != count:
        raise ModelError(
            f"{len(names):,} class names were given, but {given}.", "Give one name for each class, in their order."
        )
    return tuple(_clean(str(name)) or f"class {index}" for index, name in enumerate(names))


def number_of_names(outputs: int) -> int:
    """Count the classes that a number of scores stands for: a single one tells two apart."""
    return max(outputs, 2)


def _from_json(content: Any) -> list[str]:
    """Read a list of names or of records, names by number (also as [folder, name]), or numbers by name."""
    if isinstance(content, list):
        return _in_order({int(entry["index"]): entry for entry in content}) if _records(content) else _texts(content)
    if all(type(value) is int for value in content.values()):
        return _in_order({number: name for name, number in content.items()}, len(content))
    return _in_order({int(number): name for number, name in content.items()}, len(content))


def _records(content: list[Any]) -> bool:
    return bool(content) and all(isinstance(entry, dict) for entry in content)


def _in_order(by_number: dict[int, Any], count: int | None = None) -> list[str]:
    """Put entries in the order of their numbers, which must be 0, 1, 2 and so on."""
    if set(by_number) != set(range(count if count is not None else len(by_number))):
        raise ValueError("the numbers leave gaps")
    return _texts([by_number[number] for number in range(len(by_number))])


def _texts(entries: list[Any]) -> list[str]:
    names = [
        entry["name"] if isinstance(entry, dict) else entry[-1] if isinstance(entry, list) else entry
        for entry in entries
    ]
    if not all(isinstance(name, str) for name in names):
        raise TypeError("a name is no text")
    return names


def _clean(name: str) -> str:
    """Take control and direction marks out of a name, and shorten it."""
    seen = "".join(letter for letter in name if letter.isspace() or unicodedata.category(letter)[0] != "C")
    return " ".join(seen.split())[:LONGEST_NAME]


def _refused(file: str, why: str) -> ModelError:
    return ModelError(f"The class names in {file!r} cannot be used: {why}.", WANTED)
