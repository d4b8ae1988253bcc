"""Where weights come from: shipped, the folder CONVLENS_WEIGHTS, torch's hub cache, a download.

Nothing here imports torch; reading a file into a network is done in `models.checkpoint`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from models.card import ModelCard, WeightsVersion, megabytes
from models.download import fetch
from models.errors import WeightsError
from models.header import PICKLED, check_kind

Kind = Literal["bundled", "folder", "cache", "download", "file", "random"]

FOLDER_SETTING = "CONVLENS_WEIGHTS"
BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "weights"
#: What a file that names no preset was most likely made from.
USUAL_VERSION = "IMAGENET1K_V1"
SUFFIXES = (".safetensors", ".pth")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightsSource:
    """Where the weights of a loaded network came from.

    version: as torchvision calls it. file: the file's name. identity: differs whenever the weights may
    differ; part of every cache key. note: what the user should know about them.
    """

    kind: Kind
    version: str = ""
    file: str = ""
    identity: str = ""
    note: str = ""


@dataclass(frozen=True)
class Found:
    """A file of weights on this machine, and the version of the card that it fits."""

    kind: Kind
    path: Path
    version: WeightsVersion

    @property
    def published(self) -> bool:
        """Whether it is the file that the card speaks of, by its name: torchvision's, or a bundled one in its place."""
        return self.path.name == self.version.file and (self.kind == "bundled" or bool(self.version.url))

    def source(self, note: str = "") -> WeightsSource:
        """Describe it without its place on this machine."""
        return WeightsSource(self.kind, self.version.name, self.path.name, self._identity(), note)

    def _identity(self) -> str:
        if self.kind == "bundled":
            return _of_contents(self.path)
        status = self.path.stat()
        facts = f"{self.version.name}|{self.path.name}|{status.st_size}|{status.st_mtime_ns}"
        return hashlib.sha256(facts.encode()).hexdigest()[:16]


def available(card: ModelCard) -> Kind | None:
    """Where the weights of a network are on this machine, or None where they need a download."""
    return weights_here(card.key, tuple(version.file for version in card.weights))


def weights_here(key: str, files: tuple[str, ...]) -> Kind | None:
    """The same from a key and the names of its files, without card or torch."""
    return next((kind for kind, _ in _places(key, files)), None)


def fingerprint(key: str, files: tuple[str, ...]) -> str | None:
    """Tell the file of weights that `load` would take from others, without card or torch; None = none is here."""
    kind, path = next(_places(key, files), (None, None))
    if path is None:
        return None
    if kind == "bundled":
        return _of_contents(path)
    status = path.stat()
    facts = f"{kind}|{path.name}|{status.st_size}|{status.st_mtime_ns}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def resolve(card: ModelCard, wanted: str | Path | None) -> Found:
    """Find the weights that `load` was asked for, downloading them if they are nowhere here.

    `wanted`: None = the first that is here, else the default version; a version's name = that one;
    a path = that file.
    """
    if isinstance(wanted, str) and (wanted.endswith((*SUFFIXES, *PICKLED)) or Path(wanted).name != wanted):
        wanted = Path(wanted)
    if isinstance(wanted, Path):
        return _file(card, wanted)
    version = None if wanted is None else card.version(wanted)
    if wanted is not None and version is None:
        names = ", ".join(version.name for version in card.weights) or "none"
        raise WeightsError(f"{card.label} has no weights named {wanted!r}.", f'There are: {names}; and "random".')
    here = next(_local(card, version), None)
    if here is not None:
        return here
    version = version or next(iter(card.weights), None)
    if version is None or not version.url:
        name = f"{card.key}.safetensors"
        raise WeightsError(f"The weights of {card.label} ({name}) are not here.", _hint(name))
    try:
        path = fetch(version.url, hub_folder(), version.file, version.sha256, version.bytes)
    except OSError as error:
        log.warning("no download of %s into %s; %s is %s", version.url, hub_folder(), FOLDER_SETTING, _folder())
        log.warning("the reason", exc_info=error)
        raise WeightsError(
            f"The weights of {card.label} ({version.file}, {megabytes(version.bytes)}) are not here and could not "
            "be downloaded.",
            _hint(version.file),
        ) from error
    return Found("download", path, version)


def hub_folder() -> Path:
    """The folder in which torch keeps what it downloads; found without importing torch."""
    if "torch" in sys.modules:
        from torch import hub

        return Path(hub.get_dir()) / "checkpoints"
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))).expanduser() / "hub" / "checkpoints"


def _of_contents(path: Path) -> str:
    """Identify a bundled file: the same on every machine, so that answers computed before shipping are found again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _hint(file: str) -> str:
    return f"Put {file} into the folder that the setting {FOLDER_SETTING} names."


def _folder() -> Path | None:
    named = os.environ.get(FOLDER_SETTING, "").strip()
    return Path(named).expanduser() if named else None


def _places(key: str, files: tuple[str, ...]) -> Iterator[tuple[Kind, Path]]:
    """List the files that may hold weights of this network, in the order in which they count."""
    folder, cache, own = _folder(), hub_folder(), f"{key}.safetensors"
    places: list[tuple[Kind, Path]] = []
    if folder is not None:
        places += [("folder", folder / own), *(("folder", folder / file) for file in files if file != own)]
    places += [("bundled", BUNDLED / own), *(("cache", cache / file) for file in files)]
    yield from ((kind, path) for kind, path in places if path.is_file())


def _local(card: ModelCard, wanted: WeightsVersion | None) -> Iterator[Found]:
    by_file = {version.file: version for version in card.weights}
    for kind, path in _places(card.key, tuple(by_file)):
        version = by_file.get(path.name) or _named_in(path, card)
        if wanted is None or version == wanted:
            yield Found(kind, path, version)


def _file(card: ModelCard, path: Path) -> Found:
    if path.suffix != ".pth":
        check_kind(path.name)
    if not path.is_file():
        raise WeightsError(f"There is no file {path.name!r} to take the weights of {card.label} from.")
    by_file = {version.file: version for version in card.weights}
    return Found("file", path, by_file.get(path.name) or _named_in(path, card))


def _named_in(path: Path, card: ModelCard) -> WeightsVersion:
    """Return the version that a file fits: the one named in its metadata, else the usual one."""
    preset = _metadata(path).get("preset") if path.suffix == ".safetensors" else None
    if preset is not None:
        version = card.version(preset)
        if version is None:
            raise WeightsError(
                f"The file {path.name!r} was made for the preset {preset!r}, which {card.label} does not have.",
                f"There are: {', '.join(version.name for version in card.weights)}.",
            )
        return version
    usual = card.version(USUAL_VERSION) or next(iter(card.weights), None)
    if usual is not None:
        return usual
    return WeightsVersion(
        name="",
        file=path.name,
        url="",
        sha256="",
        bytes=path.stat().st_size,
        builder=card.builder,
        pixels=card.pixels,
        classes=card.classes,
        accuracy=card.accuracy,
        licence=card.licence,
        recipe="",
        parameters=card.parameters,
        multiply_adds=card.multiply_adds,
    )


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"The file {path.name!r} is damaged or not a safetensors file.") from error
