"""Pictures to go over, from a folder or a zip: ImageFolder layout, or a list that names each picture's class.

Nothing is unpacked, and no name in a zip or a list is ever opened as a path.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from explain.label_lists import CLASS_LIST, as_text, class_names, folded, labels_in
from models.errors import PictureError

if TYPE_CHECKING:
    from PIL import Image

#: The ends of names that pictures have; those that cannot be read are rows with a reason, not left out.
SUFFIXES = {
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib"),
    *(".tif", ".tiff", ".heic", ".heif", ".avif", ".svg", ".jp2", ".jxl", ".ppm", ".pgm"),
}
#: A picture's file has no more bytes than this; a member of a zip that claims less and gives more is refused.
MOST_BYTES = 100 * 2**20
#: What reading a member of a damaged, locked or exotic zip raises.
UNREADABLE = (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError, OSError, ValueError)


class Pictured(Protocol):
    """A picture that was read: its pixels, and the checksum of the bytes it came from."""

    @property
    def image(self) -> Image.Image:
        """The picture: RGB, upright."""

    @property
    def sha256(self) -> str:
        """The checksum of the file's bytes."""


#: Reads a file's bytes under its name, or raises PictureError with the reason; `dashboard.uploads.read_picture` is one.
Decoder = Callable[[bytes, str], Pictured]


@dataclass(frozen=True)
class Source:
    """A picture before it is read.

    name: where it lies in its folder or zip, to be shown. label: its class by name or index as its folder or a
    list says, None = not said. stamp: differs where the content may differ, known without reading it. open: reads
    it, or raises PictureError with the reason. changed: when the file was last changed, in seconds; 0 = it cannot.
    content: reads a checksum of what it holds, None = its stamp is one.
    """

    name: str
    label: str | int | None
    stamp: str
    open: Callable[[], Pictured] = field(repr=False, compare=False)
    changed: float = field(default=0.0, compare=False)
    content: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    def checksum(self) -> str:
        """Tell what the file holds; it is read for that where its stamp does not say. Raises PictureError."""
        return self.stamp if self.content is None else self.content()


@dataclass(frozen=True)
class Pictures:
    """Pictures to go over, in the order of their names; notes: sentences about what was chosen of them."""

    sources: tuple[Source, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labels:
    """The index of each picture's class, None where it is not known; note: a sentence on how they were found, or ""."""

    indices: tuple[int | None, ...]
    note: str = ""


@dataclass(frozen=True)
class _List:
    """A list of labels: its name, the folder that its names start from, and the class of each name."""

    name: str
    folder: PurePosixPath
    labels: dict[str, str | int | None]


@dataclass(frozen=True)
class _File:
    path: PurePosixPath
    stamp: str
    read: Callable[[], bytes]
    changed: float = 0.0


def read(path: Path, decode: Decoder, labels: Path | None = None) -> Pictures:
    """List the pictures of a folder or zip; each is read only when its turn comes.

    A picture's class is that of `labels` or of a list in the folder (CSV with the columns name and label, or JSON
    records of them), else the name of the folder it lies in. Of data with `train` and `val`, `val` is taken.
    """
    files = sorted(_files(path), key=lambda file: file.path.as_posix())
    pictures = [file for file in files if file.path.suffix.lower() in SUFFIXES]
    listing = _handed_list(labels) if labels is not None else _list_among(files)
    sources, notes = _in_folders(files, pictures, decode) if listing is None else _in_list(listing, pictures, decode)
    if not sources:
        raise PictureError(f"There are no pictures in {path.name!r}.", "Wanted PNG, JPEG, WebP, GIF or BMP files.")
    return Pictures(tuple(sources), tuple(notes))


def lists_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """Read the CSV and JSON files at the top of a folder or zip: their places and what they hold."""
    for file in _files(path):
        if _is_list(file):
            yield file.path.as_posix(), file.read()


def labels_of(sources: Sequence[Source], classes: Sequence[str]) -> Labels:
    """Look up each picture's class among a network's, by name (case and punctuation aside) or by index.

    A name that several classes share is not known. Where no folder is called like a class, but there are as many
    folders as classes, they are taken in alphabetical order, as torchvision's ImageFolder numbers them.
    """
    places: dict[str, list[int]] = {}
    for index, name in enumerate(classes):
        places.setdefault(folded(name), []).append(index)
    found = tuple(_index(source.label, places, len(classes)) for source in sources)
    folders = sorted({source.label for source in sources if isinstance(source.label, str)})
    if len(folders) == len(classes) > 1 and all(index is None for index in found):
        order = {folder: index for index, folder in enumerate(folders)}
        ordered = tuple(order.get(str(source.label)) for source in sources)
        note = f"No folder is called like a class: the {len(folders)} folders in alphabetical order are the classes."
        return Labels(ordered, note)
    unknown = Counter(str(source.label) for source, index in zip(sources, found, strict=True) if index is None)
    unknown.pop("None", None)
    if not unknown:
        return Labels(found)
    count, examples = sum(unknown.values()), ", ".join(repr(name) for name, _ in unknown.most_common(3))
    return Labels(found, f"{count:,} pictures have a class that the network does not know by that name: {examples}.")


def checksum(sources: Sequence[Source], labels: Sequence[int | None]) -> str:
    """Tell these pictures with these labels from others, without reading them."""
    held = json.dumps([(source.name, source.stamp, label) for source, label in zip(sources, labels, strict=True)])
    return hashlib.sha256(held.encode()).hexdigest()


def _files(path: Path) -> Iterator[_File]:
    """List what a folder or a zip holds, what systems leave beside it left out."""
    if path.is_dir():
        for found in path.rglob("*"):
            place = PurePosixPath(as_text(found.relative_to(path).as_posix()))
            if not _hidden(place) and found.is_file():
                status = found.stat()
                changed = max(status.st_mtime, status.st_ctime)
                yield _File(place, str(status.st_size), partial(bytes_of, found), changed)
        return
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise PictureError(f"There is no folder or zip named {path.name!r}.") from error
    except UNREADABLE as error:
        raise PictureError(f"{path.name!r} is neither a folder nor a zip that can be read.") from error
    for member in archive.infolist():
        place = PurePosixPath(as_text(member.filename))
        if not member.is_dir() and not _hidden(place):
            stamp = f"{member.file_size} {member.CRC:08x}"
            yield _File(place, stamp, partial(_bytes_of_member, archive, member))


def bytes_of(path: Path) -> bytes:
    """Read a file that its owner named or that lies in a folder that was; one that is far too large is refused."""
    try:
        with path.open("rb") as file:
            return _limited(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise PictureError(f"The file {path.name!r} cannot be read.", "Is it there, and may it be read?") from error


def _bytes_of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
            return _limited(file.read(MOST_BYTES + 1))
    except UNREADABLE as error:
        raise PictureError("The zip is locked or damaged at this file.", "Zip the pictures again, open.") from error


def _limited(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise PictureError(f"A file may have {MOST_BYTES // 2**20} MB; this one has more.", "Make it smaller.")
    return data


def _source(file: _File, label: str | int | None, decode: Decoder) -> Source:
    content = partial(_checksum, file) if file.changed else None
    return Source(file.path.as_posix(), label, file.stamp, partial(_opened, file, decode), file.changed, content)


def _checksum(file: _File) -> str:
    """Sum up the bytes of a file as a zip sums up a member's."""
    data = file.read()
    return f"{len(data)} {zlib.crc32(data):08x}"


def _opened(file: _File, decode: Decoder) -> Pictured:
    return decode(file.read(), file.path.name)


def _in_folders(files: list[_File], pictures: list[_File], decode: Decoder) -> tuple[list[Source], list[str]]:
    """Take each picture's class from the folder it lies in; of data split in two, the part for validation."""
    notes = []
    held_back = [file for file in pictures if "val" in file.path.parts[:-1]]
    if held_back and any("train" in file.path.parts[:-1] for file in pictures):
        notes.append(f"Of {len(pictures):,} pictures, the {len(held_back):,} for validation are used.")
        pictures = held_back
    named = _class_names(files)
    folders = (file.path.parent.name for file in pictures)
    labels = (named.get(folder, folder) or None for folder in folders)
    return [_source(file, label, decode) for file, label in zip(pictures, labels, strict=True)], notes


def _in_list(listing: _List, pictures: list[_File], decode: Decoder) -> tuple[list[Source], list[str]]:
    """Take the pictures of a list, by their place or, where no other has it, by their bare name."""
    notes = [f"The pictures and their classes are those of {listing.name!r}."]
    by_place = {file.path: file for file in pictures}
    alone = Counter(file.path.name for file in pictures)
    by_name = {file.path.name: file for file in pictures if alone[file.path.name] == 1}
    sources = []
    for name, label in listing.labels.items():
        file = by_place.get(listing.folder / name) or by_name.get(PurePosixPath(name).name)
        if file is None:
            sources.append(Source(name, label, "not there", partial(_missing, listing.name)))
        else:
            sources.append(_source(file, label, decode))
    left_out = len(pictures) - len({source.name for source in sources} & {str(file.path) for file in pictures})
    if left_out:
        notes.append(f"{left_out:,} pictures are not in it and are left out.")
    return sources, notes


def _missing(listing: str) -> Pictured:
    raise PictureError(f"{listing!r} names this picture, but it is not there.")


def _handed_list(path: Path) -> _List:
    try:
        labels = labels_in(path.name, path.read_bytes())
    except OSError as error:
        raise PictureError(f"There is no list of labels named {path.name!r}.") from error
    if labels is None:
        raise PictureError(f"{path.name!r} is no list of labels.", "Wanted a CSV with the columns name and label.")
    return _List(path.name, PurePosixPath(), labels)


def _list_among(files: list[_File]) -> _List | None:
    """Find the list of labels at the top of the data; one called labels counts before others."""
    lists = [file for file in files if _is_list(file)]
    for file in sorted(lists, key=lambda file: (file.path.stem.lower() != "labels", len(file.path.parts))):
        labels = labels_in(file.path.name, file.read())
        if labels is not None:
            return _List(file.path.name, file.path.parent, labels)
    return None


def _is_list(file: _File) -> bool:
    return file.path.suffix.lower() in (".csv", ".json") and len(file.path.parts) <= 2


def _class_names(files: list[_File]) -> dict[str, str]:
    """Read which class each folder is for, where a list of classes says so."""
    found = next((file for file in files if file.path.name == CLASS_LIST), None)
    return {} if found is None else class_names(found.read())


def _index(label: str | int | None, places: dict[str, list[int]], count: int) -> int | None:
    if isinstance(label, str):
        indices = places.get(folded(label), [])
        if indices or not re.fullmatch(r"[0-9]{1,6}", label):
            return indices[0] if len(indices) == 1 else None
        label = int(label)
    return label if label is not None and 0 <= label < count else None


def _hidden(path: PurePosixPath) -> bool:
    """Tell whether this is one of the files that systems leave beside those of the user."""
    beside = ("__MACOSX", "Thumbs.db", "desktop.ini")
    return any((part.startswith(".") and part != "..") or part in beside for part in path.parts)
