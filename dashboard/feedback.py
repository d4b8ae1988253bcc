"""What the page says while it works and when something fails: progress, stopping, errors as sentences."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import streamlit as st

from dashboard import state
from dashboard.catalogue import size_in_words
from models.errors import ConvLensError
from models.progress import Progress

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

log = logging.getLogger("convlens")

#: Seconds between two touches of the page, at which a job may also be stopped; and between two partial pictures.
TOUCH, REDRAW = 0.1, 0.4


class Listening:
    """Hears a job's progress, draws it in a place of the page, and by drawing lets the user's next click stop it.

    Streamlit raises its stop signal out of any drawing once the user has moved on. Nothing is drawn in
    the first tenth of a second, so that quick answers do not flicker. `name` tells a second one from the first.
    """

    def __init__(self, place: DeltaGenerator, words: str, name: str = "") -> None:
        self._place = place
        self._name = name
        self._drawn: DeltaGenerator | None = None
        self._bar: DeltaGenerator | None = None
        self.work(words)

    def work(
        self,
        words: str,
        partial: Callable[[object], None] | None = None,
        told: Callable[[Progress], str] | None = None,
    ) -> None:
        """Say what is being done now, how to draw a result that is under way, and how to put progress into words."""
        self._words = words
        self._partial = partial
        self._told = told
        self._touched = self._redrawn = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Take one report of progress."""
        now = time.monotonic()
        if now - self._touched < TOUCH:
            return
        self._touched = now
        self._draw(progress)
        if progress.partial is not None and self._partial is not None and now - self._redrawn > REDRAW:
            self._redrawn = now
            self._partial(progress.partial)

    def starting(self) -> None:
        """Draw at once: what comes next takes a while, and may say nothing before it is done."""
        self._draw(Progress(0, 1))

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            self._drawn = self._place.empty()
            box = self._drawn.container(key=f"{self._name}progress")
            self._bar = box.empty()
            box.button("Stop", key=f"{self._name}stop", icon=":material/stop:", on_click=stop)
        share = progress.done / progress.total if progress.total else 0.0
        self._bar.progress(min(1.0, share), text=self._text(progress))

    def _text(self, progress: Progress) -> str:
        if self._told is not None:
            return self._told(progress)
        if progress.total <= 1:
            return f"{self._words} …"
        if progress.total > 2**20:
            return f"{self._words}: {size_in_words(progress.done)} of {size_in_words(progress.total)}"
        return f"{self._words}: step {progress.done} of {progress.total}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Leave no progress behind; when the user has moved on nothing may be drawn any more."""
        if error is None or isinstance(error, Exception):
            self.clear()

    def clear(self) -> None:
        """Take the progress off the page."""
        if self._drawn is not None:
            self._drawn.empty()


def stopped(work: Hashable) -> bool:
    """Note what is about to be worked on, and tell whether the user has stopped just this."""
    state.put("working_on", work)
    return bool(state.get("stopped") == work)


def stop() -> None:
    """Remember that the user stopped the work, so that the next run does not begin it again."""
    state.put("stopped", state.get("working_on"))


def finished() -> None:
    """Forget that anything was stopped."""
    state.drop("stopped")


def offer_to_begin(words: str = "Change anything in the rail, or begin again.") -> None:
    """Offer to begin again what was stopped; `words` say what else can be done."""
    st.markdown(words)
    st.button("Start again", key="again", type="primary", on_click=finished)


@contextmanager
def guarded() -> Iterator[None]:
    """Turn an error into a sentence on the page; only an error of ours says what went wrong, others get a number."""
    try:
        yield
    except ConvLensError as error:
        log.info("told the user: %s", error, exc_info=error)
        tell(error)
    except Exception as error:
        number = uuid.uuid4().hex[:8]
        log.error("error %s", number, exc_info=error)
        st.error(
            f"Something went wrong here that we did not foresee. The log of the server knows it as {number}.",
            icon=":material/error:",
        )


def tell(error: ConvLensError) -> None:
    """Show an error of ours: what was wanted and given, and how to go on."""
    with st.container(key="refusal", border=True):
        st.markdown(":material/error: **This did not work**")
        st.text(error.message)
        if error.hint:
            st.text(error.hint)


def notice(*texts: str) -> None:
    """Show sentences that the user should see before going on in one box; taken as text, not as Markdown."""
    number = uuid.uuid5(uuid.NAMESPACE_OID, " ".join(texts)).hex[:8]
    with st.container(key=f"notice-{number}", border=True, horizontal=True):
        st.markdown(":material/info:", width="content")
        with st.container(gap="small"):
            for text in dict.fromkeys(texts):
                st.text(text)
