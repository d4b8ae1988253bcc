"""Going over the pictures: started with one button, stopped with another, continued where it was left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, feedback, state
from dashboard.mistakes import keeping, said, source
from dashboard.words import escaped, percent
from explain.mistakes import summarise

if TYPE_CHECKING:
    from pathlib import Path

    from dashboard.catalogue import ModelEntry
    from dashboard.feedback import Listening
    from dashboard.mistakes.source import Album
    from explain.runs import Run, RunError
    from models.progress import Progress

#: Seconds between two looks at what a run has found so far.
LOOK = 2.0


def going(path: Path) -> bool:
    """Tell whether the user started this run and did not stop it."""
    if state.get("run_going") != path:
        return False
    if feedback.stopped(("run", path)):
        state.drop("run_going")
        return False
    return True


def offer(path: Path, album: Album, run: Run | None) -> None:
    """Draw the button that starts the run or goes on with it."""
    total, done = len(album.sources), 0 if run is None else len(run.cases)
    if done:
        st.markdown(f"**{done:,}** of **{said.counted(total, 'picture')}** have been gone over and are kept.")
    else:
        many = said.counted(total, "picture")
        st.markdown(f"**{many}** of {escaped(album.title)}: stop at any time, and go on later where it was left.")
    label = f"Go on with the other {total - done:,}" if done else f"Go over {said.counted(total, 'picture')}"
    # Not a callback, whose path would be of another network for who picks one and clicks before the page has followed.
    if st.button(label, key="start_run", type="primary", icon=":material/play_arrow:"):
        _start(path, album)
        st.rerun()


def begin_anew(path: Path, album: Album, key: str = "begin_anew") -> None:
    """Draw the button that deletes the run and starts it from the first picture."""
    st.button("Begin anew", key=key, icon=":material/restart_alt:", on_click=_anew, args=(path, album))


def failed(error: RunError, path: Path, album: Album) -> None:
    """Say why the run cannot be read or gone on with, and offer to begin it anew."""
    state.drop("run_going")
    feedback.tell(error)
    begin_anew(path, album, "begin_anew_instead")


def _start(path: Path, album: Album) -> None:
    state.put("run_going", path)
    feedback.finished()
    if album.kind == "data":
        source.list_again()


def _anew(path: Path, album: Album) -> None:
    # Another session may be writing it: then this one joins in.
    if not cache.shelf().runs.under_way(path):
        keeping.delete(path)
    state.drop("run")
    _start(path, album)


def go_over(path: Path, album: Album, model: ModelEntry, untrained: bool, hear: Listening) -> None:
    """Ask the network about the pictures that it has not been asked about, and draw the page again."""
    network = cache.model(model.key, untrained, hear)
    hear.work(f"Going over the pictures with {model.label}", told=Telling(path))

    def work() -> None:
        from explain.runs import evaluate

        evaluate(network, album.sources, path)

    try:
        cache.shelf().runs.ask(path, work, hear)
    except Exception:
        # Else every run of the script would begin it again, and fail again.
        state.drop("run_going")
        raise
    hear.clear()
    state.drop("run_going")
    keeping.make_room(path)
    feedback.finished()
    st.rerun()


class Telling:
    """Puts the progress of a run into words: how many pictures, how fast, how long still, and what was found."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began: tuple[float, int] | None = None
        self._looked = 0.0
        self._found = ""

    def __call__(self, progress: Progress) -> str:
        """Write the words."""
        now = time.monotonic()
        if self._began is None or progress.done < self._began[1]:
            self._began = (now, progress.done)
        seconds, done = now - self._began[0], progress.done - self._began[1]
        parts = [f"{progress.done:,} of {said.counted(progress.total, 'picture')}"]
        if done and seconds > 0:
            speed = done / seconds
            left = said.rest((progress.total - progress.done) / speed)
            parts += [f"{speed:,.{0 if speed >= 10 else 1}f} a second", left]
        if now - self._looked > LOOK:
            self._looked, self._found = now, self._so_far()
        return " · ".join([*parts, *filter(None, [self._found])])

    def _so_far(self) -> str:
        """Say what the parts that are whole have found."""
        run = keeping.read(self._path)
        summary = None if run is None else summarise(run.cases)
        if summary is None or summary.accuracy is None:
            return ""
        return f"so far {percent(summary.accuracy)} of {summary.counted:,} right"
