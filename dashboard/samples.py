"""The sample pictures that come with ConvLens, opened by their listed name only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.uploads import Picture, read_picture

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "samples"


@dataclass(frozen=True)
class Sample:
    """A sample picture and all that is known of it.

    alt: what it shows, for those who cannot see it. box: the main object's left, upper, right and lower
    edge in pixels. everyday_class: its name among the 50 everyday classes, None where none fits.
    licence_link: where the licence can be read, if it asks for that.
    made_for: the key of the one network that it is meant for, None where it suits all.
    """

    id: str
    file: str
    title: str
    credit: str
    licence: str
    licence_link: str
    source: str
    group: str
    alt: str
    box: tuple[int, int, int, int]
    everyday_class: str | None
    made_for: str | None = None

    def picture(self) -> Picture:
        """Read the picture; it takes the same road as an upload."""
        return read_picture((FOLDER / self.file).read_bytes(), self.file)

    def thumbnail(self) -> bytes:
        """Read the small square version, a WebP of 96 pixels."""
        return (FOLDER / "small" / f"{self.id}.webp").read_bytes()


@dataclass(frozen=True)
class Group:
    """Samples that stand together in the picker, under a heading and a sentence on what to look at."""

    heading: str = ""
    note: str = ""

    def filled(self, **words: str) -> Group:
        """Fill in the {words} of both."""
        return Group(self.heading.format(**words), self.note.format(**words))


#: The group that has no heading, and the one that is only for networks of the 50 everyday classes.
KNOWN, NO_CLASS_FITS = "things the networks know", "pictures that no class fits"
#: All groups; {network} is the one that a sample is made for, {classes} how many the chosen network knows.
GROUPS = {
    KNOWN: Group(),
    "known things that are easily mistaken": Group("Easily mistaken"),
    "made for one network": Group("Made for {network}", "{network} goes by the blue tag alone."),
    NO_CLASS_FITS: Group(
        "Pictures that no class fits",
        "None of the network's {classes} classes fits. It names the nearest all the same, sure or not, and cannot say "
        "that it does not know.",
    ),
}


def _sample(entry: dict[str, Any]) -> Sample:
    left, upper, right, lower = entry.pop("box")
    return Sample(box=(left, upper, right, lower), **entry)


def id_of(sha256: str) -> str | None:
    """Find the sample whose file has this checksum, None for any other picture."""
    return next((name for name in SAMPLES if _checksum(name) == sha256), None)


@cache
def _checksum(name: str) -> str:
    return hashlib.sha256((FOLDER / SAMPLES[name].file).read_bytes()).hexdigest()


#: All samples by id; the first is the one that the page opens with.
SAMPLES: dict[str, Sample] = {
    entry["id"]: _sample(entry) for entry in json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))
}
