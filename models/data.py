"""Labelled pictures in ImageFolder layout (`train/<class>/*.jpg`, `val/<class>/*.jpg`), from a folder or a zip."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from models.errors import PictureError
from models.progress import Stage, track, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures of one size with their classes: `pixels` (N, 3, side, side) uint8, `labels` (N,) int64."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.labels)

    def part(self, chosen: NDArray[np.int64]) -> LabelledPictures:
        """Keep the pictures with these indices."""
        return LabelledPictures(self.pixels[chosen], self.labels[chosen], self.names)

    def fingerprint(self) -> str:
        """Tell these pictures, their order and their classes from others."""
        held = hashlib.sha256(json.dumps([self.pixels.shape, self.names]).encode())
        held.update(np.ascontiguousarray(self.pixels).data)
        held.update(np.ascontiguousarray(self.labels).data)
        return held.hexdigest()[:16]


def read(path: Path, split: str, side: int) -> LabelledPictures:
    """Read one split ("train" or "val") of a zip or folder, each picture resized and cropped to `side` pixels.

    Classes are the folders' names in alphabetical order, unless a `classes.json` (a list of
    {"index", "wnid" (the folder), "name"}) says otherwise. A split that is not there is refused, and so is
    a picture that cannot be read. Progress is reported in pictures.
    """
    files = dict(_files(path))
    folders, names = _classes(files, split)
    if not folders:
        raise PictureError(
            f"The data has no pictures under {split!r}.", "Wanted: train/<class>/*.jpg and val/<class>/*.jpg."
        )
    found = [
        (name, folders[name.parent.name])
        for name in sorted(files)
        if name.suffix.lower() in PICTURES and split in name.parts and name.parent.name in folders
    ]
    pixels = np.empty((len(found), 3, side, side), np.uint8)
    with within(Stage(f"reading {split}")):
        for position, (name, _) in enumerate(track(found, len(found))):
            try:
                pixels[position] = _square(Image.open(io.BytesIO(files[name]())), side)
            except (UnidentifiedImageError, OSError, ValueError, zipfile.BadZipFile) as error:
                raise PictureError(f"{name.name!r} cannot be read as a picture.", "Mend it or leave it out.") from error
    return LabelledPictures(pixels, np.array([label for _, label in found], np.int64), names)


def _classes(files: dict[PurePosixPath, Reader], split: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Map each class folder to its index, and list the names."""
    present = {
        name.parent.name for name in files if name.suffix.lower() in PICTURES and split in name.parts[:-2]
    }
    listing = next((read for name, read in files.items() if name.name == "classes.json"), None)
    if listing is None or not present:
        ordered = sorted(present)
        return {folder: index for index, folder in enumerate(ordered)}, tuple(ordered)
    try:
        records = sorted(json.loads(listing()), key=lambda record: int(record["index"]))
        return (
            {record["wnid"]: int(record["index"]) for record in records},
            tuple(str(record["name"]) for record in records),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PictureError(
            "The data's classes.json cannot be read.", 'Wanted: a list of {"index", "wnid" (the folder), "name"}.'
        ) from error


class Reader:
    """Reads one file of a folder or zip when called."""

    def __init__(self, source: Path | zipfile.ZipFile, name: str = "") -> None:
        self.source = source
        self.name = name

    def __call__(self) -> bytes:
        """Return the file's bytes."""
        return self.source.read_bytes() if isinstance(self.source, Path) else self.source.read(self.name)


def _files(path: Path) -> Iterator[tuple[PurePosixPath, Reader]]:
    if not path.exists():
        raise PictureError(f"There is no {path.name!r}.", "Give a folder or zip of pictures in ImageFolder layout.")
    if path.is_dir():
        for file in path.rglob("*"):
            if file.is_file():
                yield PurePosixPath(file.relative_to(path).as_posix()), Reader(file)
    elif zipfile.is_zipfile(path):
        archive = zipfile.ZipFile(path)
        for name in archive.namelist():
            if not name.endswith("/"):
                yield PurePosixPath(name), Reader(archive, name)
    else:
        raise PictureError(f"{path.name!r} is neither a folder nor a zip.", "Give pictures in ImageFolder layout.")


def _square(picture: Image.Image, side: int) -> NDArray[np.uint8]:
    picture = picture.convert("RGB")
    short = min(picture.size)
    if picture.size != (side, side):
        left, top = (picture.width - short) // 2, (picture.height - short) // 2
        picture = picture.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(picture).transpose(2, 0, 1)
