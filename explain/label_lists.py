"""Lists that say which class a picture is of, or a folder is for: CSV, or JSON records."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePosixPath
from typing import Any

#: What a list of labels calls its two columns, in lower case.
NAME_COLUMNS = ("name", "file", "filename", "path")
LABEL_COLUMNS = ("label", "class", "class_index")
#: The list of classes that stands in some data sets: [{"index", "wnid" (the folder), "name"}].
CLASS_LIST = "classes.json"
#: What reading a file that is no such list raises.
OTHERWISE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error)


def labels_in(name: str, data: bytes) -> dict[str, str | int | None] | None:
    """Read a list of labels; None for a file that holds none."""
    try:
        text = data.decode("utf-8-sig")
        records = json.loads(text) if name.lower().endswith(".json") else _csv(text)
        return {_clean(record): _label(record) for record in records} or None
    except OTHERWISE:
        return None


def _csv(text: str) -> list[dict[str, Any]]:
    first = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in first and "," not in first else ",")
    return [{str(column).strip().lower(): value for column, value in row.items()} for row in rows]


def _clean(record: dict[str, Any]) -> str:
    name = record[_column(record, NAME_COLUMNS)]
    return PurePosixPath(as_text(name.strip().replace("\\", "/"))).as_posix()


def _label(record: dict[str, Any]) -> str | int | None:
    label = record[_column(record, LABEL_COLUMNS)]
    if isinstance(label, int) and not isinstance(label, bool):
        return label
    return as_text(label.strip()) or None if label is not None else None


def _column(record: dict[str, Any], wanted: tuple[str, ...]) -> str:
    return next((column for column in wanted if column in record), wanted[0])


def class_names(data: bytes) -> dict[str, str]:
    """Read which class each folder is for; nothing where the file is damaged."""
    try:
        return {as_text(str(record["wnid"])): as_text(str(record["name"])) for record in json.loads(data)}
    except OTHERWISE:
        return {}


def as_text(name: str) -> str:
    """Write a name as text, also one whose bytes are none."""
    return name.encode("utf-8", "replace").decode()


def folded(name: str) -> str:
    """Bring names of classes to one form, so that they can be compared: case and punctuation do not count."""
    return "".join(character for character in name.lower() if character.isalnum())
