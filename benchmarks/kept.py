"""What long measurements found, packed into the repository: anyone can read it again, check it, and go on from it.

A measurement writes its lines under runs/, which is not in the repository; `unpack` puts there what was found before,
`pack` takes along what is new.
"""

from __future__ import annotations

import lzma
from pathlib import Path

from explain.records import Records

HOME = Path("benchmarks/measured")


def unpack(path: Path) -> Path:
    """Put what was found before where a measurement goes on, unless it has begun there; return that place."""
    packed = _packed(path)
    if packed.exists() and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.decompress(packed.read_bytes()))
    return path


def pack(path: Path) -> None:
    """Take what a measurement has found along in the repository, sorted, so that the order of work changes nothing."""
    if not path.exists():
        return
    lines = sorted(path.read_bytes().splitlines(keepends=True))
    _packed(path).parent.mkdir(parents=True, exist_ok=True)
    _packed(path).write_bytes(lzma.compress(b"".join(lines), preset=9 | lzma.PRESET_EXTREME))


def records(path: Path) -> Records:
    """Open the records of a measurement, with what was found before."""
    return Records(unpack(path))


def _packed(path: Path) -> Path:
    """runs/evaluation/boxes/records.jsonl -> benchmarks/measured/evaluation-boxes.jsonl.xz."""
    parts = [part for part in path.with_suffix("").parts[1:] if part != "records"]
    return HOME / f"{'-'.join(parts)}.jsonl.xz"
