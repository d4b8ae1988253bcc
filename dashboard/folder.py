"""The pictures to go over: the samples, or a folder, a zip or several files of the user's.

Every picture takes the same road as a single upload; one that cannot be read is listed with its reason and stops
nothing. Names are only ever shown, never opened.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, overload

from dashboard.uploads import MOST_MEGABYTES, Picture, read_picture, safe_name
from models.errors import PictureError
from models.pixels import MOST_STRETCHED
from models.progress import track

if TYPE_CHECKING:
    from PIL import Image

#: How many pictures are gone over, how large one may be, and how much all may take together, in bytes.
MOST_PICTURES = 1000
MOST_BYTES_EACH = MOST_MEGABYTES * 2**20
MOST_BYTES = 256 * 2**20
#: How many files a zip may hold; each begins with these bytes in its table of contents, which is read in such blocks.
MOST_MEMBERS = 50_000
MEMBER, BLOCK = b"PK\x01\x02", 2**20
#: The list of classes that stands in some data sets: [{"index", "wnid" (the folder), "name"}].
CLASS_LIST = "classes.json"
#: What reading a member of a damaged, locked or exotic zip raises.
UNREADABLE = (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError, OSError, ValueError)


@dataclass(frozen=True)
class Entry:
    """A picture that can be read: its name to be shown, its checksum, and the class that its folder names."""

    name: str
    sha256: str
    label: str | None
    read: Callable[[], Picture] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Refused:
    """A file that is not used, and why in a sentence."""

    name: str
    reason: str


@dataclass(frozen=True)
class Folder:
    """Pictures to go over, each read again when its turn comes. notes: sentences about what was chosen of them."""

    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def identity(self) -> str:
        """What tells these pictures and their classes from others."""
        held = json.dumps([(entry.sha256, entry.label) for entry in self.entries])
        return hashlib.sha256(held.encode()).hexdigest()

    @property
    def pictures(self) -> Pictures:
        """The pictures alone."""
        return Pictures(self.entries)

    def labels(self, classes: Sequence[str]) -> tuple[int | None, ...]:
        """Look up each picture's class among a network's; None where its folder names none of them, or several."""
        places: dict[str, list[int]] = {}
        for index, name in enumerate(classes):
            places.setdefault(_folded(name), []).append(index)
        found = (places.get(_folded(entry.label or ""), []) for entry in self.entries)
        return tuple(indices[0] if len(indices) == 1 else None for indices in found)

    def labelled(self, classes: Sequence[str]) -> Labelled:
        """The pictures whose class the network knows, each with the index of its class."""
        known = zip(self.entries, self.labels(classes), strict=True)
        return Labelled([(entry, label) for entry, label in known if label is not None])


class Pictures(Sequence["Image.Image"]):
    """Pictures that are read when they are asked for, one at a time."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, number: int) -> Image.Image: ...
    @overload
    def __getitem__(self, number: slice) -> Pictures: ...
    def __getitem__(self, number: int | slice) -> Image.Image | Pictures:
        if isinstance(number, slice):
            return Pictures(self._entries[number])
        return self._entries[number].read().image


class Labelled(Sequence[tuple["Image.Image", int]]):
    """Pictures with the index of their class, read when they are asked for, one at a time."""

    def __init__(self, entries: Sequence[tuple[Entry, int]]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, number: int) -> tuple[Image.Image, int]: ...
    @overload
    def __getitem__(self, number: slice) -> Labelled: ...
    def __getitem__(self, number: int | slice) -> tuple[Image.Image, int] | Labelled:
        if isinstance(number, slice):
            return Labelled(self._entries[number])
        entry, label = self._entries[number]
        return entry.read().image, label


@dataclass(frozen=True)
class _File:
    """A file before it is read: where it lay, and how to get at most so many bytes of it."""

    path: PurePosixPath
    read: Callable[[int], bytes]


def read(handed: Sequence[tuple[str, IO[bytes]]]) -> Folder:
    """Read files with their names, zips among them; a name may hold the folders that the file lay in.

    Where there are pictures for training and for validation, those for validation are taken; of more than 1,000
    pictures, 1,000 spread evenly.
    """
    files: list[_File] = []
    refused: list[Refused] = []
    for name, given in track(handed, len(handed)):
        try:
            files += _files(name, given)
        except PictureError as error:
            refused.append(_refused(name, error))
        except UNREADABLE:
            refused.append(Refused(safe_name(name), "This zip is damaged and cannot be read. Zip the pictures again."))
    wanted = [file for file in files if not _hidden(file.path)]
    names = _class_names(wanted)
    chosen, notes = _chosen([file for file in wanted if file.path.name != CLASS_LIST])
    entries: list[Entry] = []
    held = 0
    for file in track(chosen, len(chosen)):
        if held > MOST_BYTES:
            notes.append(
                f"Only the first {len(entries):,} pictures are used: together they take {MOST_BYTES // 2**20} MB."
            )
            break
        try:
            data, picture = _read(file)
        except PictureError as error:
            refused.append(_refused(file.path.name, error))
            continue
        held += len(data)
        parent = file.path.parent.name
        again = partial(read_picture, data, file.path.name)
        entries.append(Entry(picture.name, picture.sha256, names.get(parent, parent) or None, again))
    return Folder(tuple(entries), tuple(refused), tuple(notes))


def _refused(name: str, error: PictureError) -> Refused:
    return Refused(safe_name(name), f"{error.message} {error.hint}".strip())


def _files(name: str, file: IO[bytes]) -> list[_File]:
    """List a file, or what a zip holds."""
    file.seek(0)
    zipped = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    if not zipped:
        return [_File(PurePosixPath(name), partial(_some_of, file))]
    if holds_too_many(file):
        raise PictureError(f"This zip holds more than {MOST_MEMBERS:,} files.", "Zip only the pictures, or fewer.")
    archive = zipfile.ZipFile(file)
    members = [member for member in archive.infolist() if not member.is_dir()]
    return [_File(PurePosixPath(member.filename), partial(_some_of_member, archive, member)) for member in members]


def holds_too_many(file: IO[bytes]) -> bool:
    """Tell by its bytes alone whether a zip holds too many files, before each becomes an object.

    What a zip says of their number proves nothing: ZipFile goes by the size of the table of contents.
    """
    count, before = 0, b""
    file.seek(0)
    while count <= MOST_MEMBERS and (block := file.read(BLOCK)):
        count += (before + block).count(MEMBER)
        before = block[1 - len(MEMBER) :]
    file.seek(0)
    return count > MOST_MEMBERS


def _some_of(file: IO[bytes], most: int) -> bytes:
    file.seek(0)
    return file.read(most)


def _some_of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    with archive.open(member) as opened:
        return opened.read(most)


def _hidden(path: PurePosixPath) -> bool:
    """Tell whether this is one of the files that systems leave beside those of the user."""
    beside = ("__MACOSX", "Thumbs.db", "desktop.ini")
    return any((part.startswith(".") and part != "..") or part in beside for part in path.parts)


def _read(file: _File) -> tuple[bytes, Picture]:
    """Read a picture once, to see that it can be read."""
    try:
        data = file.read(MOST_BYTES_EACH + 1)
    except UNREADABLE as error:
        raise PictureError("The zip is locked or damaged at this file.", "Zip the pictures again, open.") from error
    if len(data) > MOST_BYTES_EACH:
        raise PictureError(f"A file may have {MOST_BYTES_EACH // 2**20} MB; this one has more.", "Make it smaller.")
    picture = read_picture(data, file.path.name)
    short, long = sorted(picture.image.size)
    if long > short * MOST_STRETCHED:
        raise PictureError(
            f"The picture is {picture.image.width} x {picture.image.height} pixels, a strip with nothing in its middle."
        )
    return data, picture


def _class_names(files: Sequence[_File]) -> dict[str, str]:
    """Read which class each folder is for, where a list of classes says so."""
    for file in files:
        if file.path.name == CLASS_LIST:
            try:
                records = json.loads(file.read(2**20))
                return {str(record["wnid"]): str(record["name"]) for record in records}
            except (*UNREADABLE, KeyError, TypeError):
                return {}
    return {}


def _chosen(files: list[_File]) -> tuple[list[_File], list[str]]:
    """Choose which files to go over, and say so where it is not all."""
    notes = []
    files = sorted(files, key=lambda file: file.path.as_posix())
    held_back = [file for file in files if "val" in file.path.parts[:-1]]
    if held_back and any("train" in file.path.parts[:-1] for file in files):
        notes.append(f"Of {len(files):,} files, the {len(held_back):,} for validation are used.")
        files = held_back
    if len(files) > MOST_PICTURES:
        notes.append(f"{MOST_PICTURES:,} of {len(files):,} files are used, spread evenly.")
        files = [files[number * len(files) // MOST_PICTURES] for number in range(MOST_PICTURES)]
    return files, notes


def _folded(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
