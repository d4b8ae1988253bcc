"""What a long measurement has found so far, one JSON line each, so that a stopped one goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.errors import ParameterError


class Records:
    """Records by their key, kept in a file as they come; what was being written when the work was killed is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[tuple[str, ...], dict[str, Any]] = {}
        try:
            data = path.read_bytes() if path.exists() else b""
            whole = data[: data.rfind(b"\n") + 1]
            if whole != data:
                path.write_bytes(whole)
            for line in whole.splitlines():
                record = json.loads(line)
                self._found[tuple(record["key"])] = record["value"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ParameterError(f"{path.name!r} cannot be read as records.", "Take another folder.") from error

    def __contains__(self, key: tuple[str, ...]) -> bool:
        return key in self._found

    def __getitem__(self, key: tuple[str, ...]) -> dict[str, Any]:
        return self._found[key]

    def get(self, key: tuple[str, ...]) -> dict[str, Any] | None:
        """Return a record, None where there is none."""
        return self._found.get(key)

    def under(self, *start: str) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        """Go over the records whose key starts so."""
        return ((key, value) for key, value in self._found.items() if key[: len(start)] == start)

    def keep(self, key: tuple[str, ...], value: dict[str, Any]) -> None:
        """Add a record and write it down at once."""
        self._found[key] = value
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "value": value}) + "\n")
        except OSError as error:
            raise ParameterError(f"{self._path.name!r} cannot be written.", "Is there room, and may it be?") from error
