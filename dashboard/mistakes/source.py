"""The pictures that a run goes over: the samples and their corruptions, the folder of the server, or the user's own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache as remembered
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Literal

from PIL import Image

from dashboard import samples
from dashboard.commands import serving
from dashboard.uploads import Picture, read_picture
from explain import sources
from explain.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from explain.sources import Source
from models.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["samples", "data", "own"]
#: The shorter side to which samples are brought before they are corrupted: noise on many more pixels than a network
#: sees would be gone when it is asked.
SIDE = 128


@dataclass(frozen=True, eq=False)
class Album:
    """Pictures to go over, by number, each read when its turn comes.

    title: what they are, as a phrase that a sentence may go on with. notes: sentences about what was chosen of them.
    """

    kind: Kind
    title: str
    sources: tuple[Source, ...] = field(repr=False)
    notes: tuple[str, ...] = ()

    @cached_property
    def identity(self) -> str:
        """What tells these pictures and their classes from others, without reading them."""
        held = json.dumps([(source.name, source.stamp, source.label) for source in self.sources])
        return hashlib.sha256(held.encode()).hexdigest()[:16]

    def picture(self, number: int) -> Picture:
        """Read a picture; a PictureError says why it cannot be read."""
        found = self.sources[number].open()
        assert isinstance(found, Picture)
        return found


@remembered
def sample_album() -> Album:
    """Return the samples of known classes, each as it is and under every corruption at every strength."""
    found: list[Source] = []
    for sample in samples.SAMPLES.values():
        if sample.everyday_class is None or sample.made_for is not None:
            continue
        found.append(Source(sample.id, sample.everyday_class, "", partial(_clean, sample.id)))
        for name in CORRUPTIONS:
            for strength in range(1, STRENGTHS + 1):
                source = partial(_corrupted, sample.id, name, strength)
                found.append(Source(f"{sample.id}, {name} {strength}", sample.everyday_class, "", source))
    return Album("samples", "the samples, each as it is and corrupted in 40 ways", tuple(found))


def server_album() -> Album | None:
    """List the folder or zip that the server was started with; None where there is none."""
    path = serving.data()
    return None if path is None else _listed(path)


def list_again() -> None:
    """Look anew at the folder of the server when it is next asked for."""
    _listed.cache_clear()


@lru_cache(maxsize=1)
def _listed(path: Path) -> Album:
    pictures = sources.read(path, read_picture)
    return Album("data", path.name, pictures.sources, pictures.notes)


def handed_album(path: Path, title: str) -> Album:
    """List the pictures of a zip that was handed over."""
    pictures = sources.read(path, read_picture)
    return Album("own", title, pictures.sources, pictures.notes)


@remembered
def _clean(name: str) -> Picture:
    return samples.SAMPLES[name].picture()


@remembered
def _small(name: str) -> Image.Image:
    image = _clean(name).image
    share = SIDE / min(image.size)
    return image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS)


def _corrupted(name: str, corruption: str, strength: int) -> Picture:
    """Corrupt a sample; it is known by what was done to it, since its pixels may differ from machine to machine."""
    image = corrupt(_small(name), corruption, strength)
    told = f"{_clean(name).sha256} {SIDE} {corruption} {strength}"
    title = samples.SAMPLES[name].title
    return Picture(
        image, hashlib.sha256(told.encode()).hexdigest(), name=f"{title}, {CORRUPTIONS[corruption].told(strength)}"
    )


def open_source(album: Album, number: int) -> Picture | None:
    """Read a picture, or return None where it cannot be read."""
    try:
        return album.picture(number)
    except PictureError:
        return None
