"""The header of a safetensors file of somebody's own, checked before anything behind it is read; needs no torch."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import PurePath
from typing import Any

from models.errors import WeightsError

SUFFIX = ".safetensors"
#: Files that are made by pickling, which may run any code when they are read.
PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".tar", ".t7")
PICKLED_BEGINS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
#: The types of numbers that weights come in, as torch calls them, and how many bytes each takes.
TYPES = {
    **{"F64": ("float64", 8), "F32": ("float32", 4), "F16": ("float16", 2), "BF16": ("bfloat16", 2)},
    **{"I64": ("int64", 8), "I32": ("int32", 4), "I16": ("int16", 2), "I8": ("int8", 1)},
    **{"U8": ("uint8", 1), "BOOL": ("bool", 1)},
}
MOST_HEADER = 8 * 2**20
MOST_TENSORS = 20_000
MOST_AXES = 8
LONGEST_NAME = 200
FIRST = 8


@dataclass(frozen=True)
class Place:
    """A tensor in a file: its type of numbers, its shape, and the bytes of the file that hold it."""

    type: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a file says it holds: places by the tensors' names, and its maker's notes."""

    places: dict[str, Place]
    metadata: dict[str, str]


class _Unsound(Exception):
    """What is wrong with a header, in words that follow a colon."""


def check_kind(name: str, begins: bytes = b"") -> None:
    """Refuse a file that is no safetensors file, by its name and, where they are given, its first bytes.

    Of a pickled file nothing is ever read here; the hint holds the lines that convert it.
    """
    suffix = PurePath(name).suffix.lower()
    # A sound header's length may begin with the same two bytes as a pickle, but is never so large.
    large = int.from_bytes(begins, "little") > MOST_HEADER
    if suffix in PICKLED or (large and begins.startswith(PICKLED_BEGINS)):
        raise WeightsError(
            f"Wanted a {SUFFIX} file; {name!r} is of a kind that may run code when it is read.", conversion(name)
        )
    if suffix != SUFFIX:
        raise WeightsError(
            f"Wanted a {SUFFIX} file, not {name!r}.", "Save the network's state_dict with safetensors.torch.save_file."
        )


def conversion(name: str) -> str:
    """Write how to turn a pickled file into a safetensors file: one command, or two lines of Python."""
    target = f"{PurePath(name).stem}{SUFFIX}"
    return (
        f'Convert it in a terminal:\n    convlens convert {shlex.quote(name)}\nor in Python:\n'
        f"    weights = torch.load({name!r}, weights_only=True)\n"
        f"    safetensors.torch.save_file(weights, {target!r})"
    )


def read_header(file: BufferedIOBase, name: str) -> Header:
    """Read and check the header of an open file: kind, size, names, types, shapes, and that no bytes overlap.

    `name` is the file's name, for the refusals; a WeightsError says what is wrong.
    """
    file.seek(0)
    begins = file.read(FIRST)
    check_kind(name, begins)
    size = file.seek(0, 2)
    try:
        length = int.from_bytes(begins, "little")
        if len(begins) < FIRST:
            raise _Unsound(f"it has {size} bytes")
        if length > MOST_HEADER:
            raise _Unsound(f"its header would take {length / 2**20:,.0f} MB, {MOST_HEADER // 2**20} MB are allowed")
        if FIRST + length > size:
            raise _Unsound("it ends before its header does")
        file.seek(FIRST)
        return _checked(_parsed(file.read(length)), FIRST + length, size)
    except _Unsound as error:
        raise WeightsError(
            f"The file {name!r} is no sound {SUFFIX} file: {error}.", "Save it again, or copy it again in whole."
        ) from error


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        record = json.loads(text.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise _Unsound("its header cannot be read") from error
    if not isinstance(record, dict):
        raise _Unsound("its header lists no tensors")
    return record


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise _Unsound("its header lists a name twice")
    return record


def _checked(record: dict[str, Any], start: int, size: int) -> Header:
    metadata = record.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _Unsound("the notes in its header are no plain text")
    if not record:
        raise _Unsound("it holds no tensors")
    if len(record) > MOST_TENSORS:
        raise _Unsound(f"it lists {len(record):,} tensors, {MOST_TENSORS:,} are allowed")
    places = {name: _place(name, entry, start) for name, entry in record.items()}
    before, last = start, ""
    for name, place in sorted(places.items(), key=lambda item: (item[1].begin, item[1].end)):
        if place.begin < before:
            raise _Unsound(f"{name} overlaps {last}")
        if place.begin > before:
            raise _Unsound(f"{place.begin - before:,} bytes before {name} belong to no tensor")
        before, last = place.end, name
    if before > size:
        raise _Unsound(f"{last} lies beyond its end: {before - size:,} bytes are missing")
    if before < size:
        raise _Unsound(f"{size - before:,} bytes at its end belong to no tensor")
    return Header(places, metadata)


def _place(name: str, entry: Any, start: int) -> Place:
    """Check what the header says of one tensor by itself."""
    if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise _Unsound(f"a tensor bears no usable name ({len(name):,} characters)")
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _Unsound(f"{name} has no type, shape and place")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise _Unsound(f"{name} is of type {str(kind)[:20]!r}, wanted is one of {', '.join(TYPES)}")
    if not _counts(shape) or len(shape) > MOST_AXES:
        raise _Unsound(f"{name} has no usable shape")
    if not _counts(offsets) or len(offsets) != 2:
        raise _Unsound(f"{name} has no usable place")
    begin, end = offsets
    needed = math.prod(shape) * TYPES[kind][1]
    if end - begin != needed:
        raise _Unsound(f"{name} has {end - begin:,} bytes, its shape needs {needed:,}")
    return Place(kind, tuple(shape), start + begin, start + end)


def _counts(values: Any) -> bool:
    """Tell whether this is a list of whole numbers that a file's sizes can be made of."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)
