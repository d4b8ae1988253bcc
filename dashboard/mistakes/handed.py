"""Pictures that a session hands over: kept in a temporary folder of their own, which goes when the session goes."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import streamlit as st

from dashboard import folder, sidebar, state
from dashboard.mistakes.keeping import OwnFolder
from dashboard.mistakes.source import Album, handed_album
from dashboard.uploads import safe_name
from models.errors import PictureError
from models.progress import heard_by, track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.feedback import Listening

MOST_MEGABYTES = 1024
HELD = "handed_pictures"


@dataclass(frozen=True, eq=False)
class Handed:
    """What a session handed over. own: its folder, in which its runs lie, too."""

    own: OwnFolder
    album: Album

    @property
    def folder(self) -> Path:
        """Where the pictures and their runs lie."""
        return self.own.path


def held() -> Handed | None:
    """Return what this session handed over."""
    found: Handed | None = state.get(HELD)
    return found


def draw(hear: Listening) -> None:
    """Draw the places to hand pictures over, and take what is handed over."""
    st.markdown(
        "Hand over pictures to go over. In a folder for each class, named as the network names it, or with a list "
        "`labels.csv` (name, label), they tell how many it gets right. They stay on this machine, and go when you "
        "close the page."
    )
    turn = int(state.get("handed_turn", 0))
    one, other = st.columns(2)
    files = one.file_uploader(
        "A zip, or pictures",
        [*sidebar.TYPES, "zip", "csv", "json"],
        accept_multiple_files=True,
        # Another key is another widget: so the server does not hold the files in its memory, too.
        key=f"handed-files-{turn}",
        max_upload_size=MOST_MEGABYTES,
    )
    files += other.file_uploader(
        "Or a whole folder",
        [*sidebar.TYPES, "csv", "json"],
        accept_multiple_files="directory",
        key=f"handed-folder-{turn}",
        max_upload_size=MOST_MEGABYTES,
    )
    if files:
        hear.work("Taking the pictures over")
        state.put("handed_turn", turn + 1)
        with heard_by(hear):
            state.put(HELD, take([(file.name, file) for file in files]))
        hear.clear()
        st.rerun()


def forget() -> None:
    """Forget what was handed over; its folder goes with it."""
    state.drop(HELD, "run")


def take(files: Sequence[tuple[str, IO[bytes]]]) -> Handed:
    """Put what is handed over into one zip in a temporary folder: names in a zip are never opened as paths."""
    if len(files) > folder.MOST_MEMBERS or sum(_size(file) for _, file in files) > MOST_MEGABYTES * 2**20:
        raise PictureError(
            f"Together they may be {folder.MOST_MEMBERS:,} files and {MOST_MEGABYTES:,} MB; these are more.",
            "Hand over fewer.",
        )
    own = OwnFolder()
    path = own.path / "pictures.zip"
    zipped = [(name, file) for name, file in files if _is_zip(file)]
    if zipped and len(files) > 1:
        raise PictureError(
            f"Wanted one zip, or pictures; these are {len(files):,} files with a zip among them.",
            "Hand over the zip alone.",
        )
    if zipped:
        _check(zipped[0][1])
        with path.open("wb") as written:
            shutil.copyfileobj(zipped[0][1], written)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, file in track(files, len(files)):
                archive.writestr(name, file.read())
    title = safe_name(zipped[0][0]) if zipped else "the pictures that you handed over"
    return Handed(own, handed_album(path, title))


def _size(file: IO[bytes]) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


def _is_zip(file: IO[bytes]) -> bool:
    file.seek(0)
    zipped = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    return zipped


def _check(file: IO[bytes]) -> None:
    """Refuse a zip with so many files that their list alone would fill the memory."""
    if folder.holds_too_many(file):
        most = f"{folder.MOST_MEMBERS:,}"
        raise PictureError(f"This zip holds more than {most} files.", "Zip only the pictures, or fewer.")
    file.seek(0)
