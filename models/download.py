"""Downloading one file of weights: with progress, checked, and whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import IO, Any

from models.errors import WeightsError
from models.progress import report

CHUNK = 1 << 18
#: Seconds between two reports, and until a silent server is given up.
REPORT_EVERY = 0.1
PATIENCE = 30.0


def fetch(url: str, folder: Path, name: str, sha256: str, size: int) -> Path:
    """Download `url` to `folder / name` and return that path.

    Progress is reported in bytes; a listener that raises cancels. The file is written under a temporary
    name, its checksum must begin with `sha256`, and only then it gets its name; otherwise nothing stays.
    `size` is the expected number of bytes, used where the server does not say. Raises OSError where there
    is no network or the connection breaks, WeightsError where the checksum is wrong.
    """
    report(0, size)
    folder.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(prefix=f"{name}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            digest = _copy(url, file, size)
        if not digest.startswith(sha256):
            raise WeightsError(
                f"The download of {name} has the wrong checksum and was deleted.",
                "Try again; if it stays so, something between here and the server changes the file.",
            )
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, folder / name)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return folder / name


def _copy(url: str, file: IO[bytes], size: int) -> str:
    """Copy what the server sends into `file` and return its sha256."""
    digest = hashlib.sha256()
    done, reported = 0, time.monotonic()
    try:
        response: Any
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            length = response.headers.get("Content-Length", "")
            promised = int(length) if length.isdigit() else None
            total = size if promised is None else promised
            while chunk := response.read1(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if time.monotonic() - reported >= REPORT_EVERY:
                    report(done, max(done, total))
                    reported = time.monotonic()
    except http.client.HTTPException as error:
        raise ConnectionError("the server's answer broke off") from error
    if promised is not None and done != promised:
        raise ConnectionError(f"the connection broke after {done} of {total} bytes")
    report(done, done)
    return digest.hexdigest()
