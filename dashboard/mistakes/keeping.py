"""Where runs lie: one ships, those over the server's pictures are in a cache folder, a session's own go with it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import weakref
from functools import cache as remembered
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard import own, state
from dashboard.catalogue import ASSETS
from explain.runs import Run, read_run
from models.weights import fingerprint

if TYPE_CHECKING:
    from dashboard.catalogue import ModelEntry
    from dashboard.mistakes.source import Album

#: The run that ships: the default network over the samples and their corruptions.
SHIPPED = ASSETS / "runs" / "samples.parquet"
#: How many runs stay in the cache folder; of more, those that were touched last.
MOST_KEPT = 40
ENDING = ".parquet"


class OwnFolder:
    """A temporary folder that goes when this object does: with the session that holds it, or at an error."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="convlens-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def where(model: ModelEntry, untrained: bool, album: Album, folder: Path | None) -> Path | None:
    """Say where the run of a network over these pictures lies, or would; None while there are no weights.

    folder: that of the session whose own pictures they are, None = the cache folder of this machine. Found without
    loading the network.
    """
    identity = _weights(model, untrained)
    if identity is None:
        return None
    if album.kind == "samples" and (model.key, identity) == _shipped_for():
        return SHIPPED
    if folder is None and own.find(model.key) is not None:
        folder = _of_session()
    return (folder or cache_folder()) / f"{model.key}-{identity}-{album.identity}{ENDING}"


def _of_session() -> Path:
    """The folder for runs of a network that a session brought: it goes when the session does."""
    held: OwnFolder | None = state.get("own_runs")
    if held is None:
        held = OwnFolder()
        state.put("own_runs", held)
    return held.path


def cache_folder() -> Path:
    """The folder of this machine in which runs are kept, beside torch's own."""
    named = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(named).expanduser() / "convlens" / "runs"


def read(path: Path) -> Run | None:
    """Read a run as far as it has come; None where there is none yet. It is read again only when it has grown."""
    if path == SHIPPED:
        return shipped()
    signature = (path, tuple(sorted((part.name, _changed(part)) for part in path.glob(f"part-*{ENDING}"))))
    held: tuple[object, Run] | None = state.get("run")
    if held is not None and held[0] == signature:
        return held[1]
    if not signature[1]:
        state.drop("run")
        return None
    run = read_run(path)
    state.put("run", (signature, run))
    return run


@remembered
def shipped() -> Run:
    """Read the run that ships, once."""
    return read_run(SHIPPED)


def delete(path: Path) -> None:
    """Delete a run, so that it can be begun anew; the one that ships stays."""
    if path != SHIPPED:
        shutil.rmtree(path, ignore_errors=True)


def make_room(path: Path) -> None:
    """Delete the oldest runs of the cache folder but this one, where there are too many."""
    ages = {run: _changed(run) for run in path.parent.glob(f"*{ENDING}")}
    kept = sorted(ages, key=lambda run: ages[run], reverse=True)
    hour = time.time() - 3600
    for run in kept[MOST_KEPT:]:
        if run != path and ages[run] < hour:
            delete(run)


def _changed(path: Path) -> float:
    """Say when a run was last written to; 0 where another session has just deleted it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _shipped_for() -> tuple[str, str]:
    header = shipped().header
    return header.model, header.weights


def _weights(model: ModelEntry, untrained: bool) -> str | None:
    """Tell the weights from others as far as that goes without loading them."""
    if untrained:
        return "untrained"
    held = own.find(model.key)
    return fingerprint(model.key, model.files) if held is None else held.model.weights.identity
