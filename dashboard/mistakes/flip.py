"""The side "What would have to be hidden": the smallest set of pieces without which the network says something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, lens, panes, state
from dashboard.around import pixels_of
from dashboard.attack_show import rounded
from dashboard.mistakes import question
from dashboard.panes import Pane
from dashboard.words import percent
from explain.pictures import outline
from explain.results import Heatmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.mistakes.place import Place
    from dashboard.mistakes.question import Question
    from explain.baselines import Baseline
    from explain.flip import Flip
    from explain.runs import Case
    from explain.tracing import Trace
    from models.loaded import LoadedModel

#: Until the network says what, as the address may write it and as the page says it.
TRUE, OTHER = "true", "other"
UNTIL = {TRUE: "the true class", OTHER: "any other class"}
#: What stands in for what is hidden.
FILLED: Baseline = "blur"
#: How much is darkened of what stays; and how wide the picture is while the search goes on.
DARKENED, SMALL = 0.45, 280
HINT = "Point at a picture, or use the arrow keys, to compare the same place in both."


@dataclass(frozen=True, eq=False)
class Hidden:
    """What was found, and the picture (H, W, 3) with all of it and with the pieces hidden, in levels of a screen."""

    flip: Flip
    seen: NDArray[np.uint8]
    left: NDArray[np.uint8]


def draw(place: Place, case: Case, hear: Listening) -> None:
    """Draw the pieces on the picture, the picture without them, and how the probabilities move on the way."""
    asked = question.of(place, case)
    goal = asked.second if asked.wrong and _until() == TRUE else None
    waiting = st.empty()

    def so_far(partial: object) -> None:
        flip: Flip = partial  # type: ignore[assignment]
        if not flip.members:
            return
        crop = np.asarray(cache.crop(asked.choice, flip.hidden.shape[0]))
        shown = lens.passing(_marked(crop, flip))
        waiting.image(shown, width=SMALL, caption=f"So far {_pieces(flip)} hidden", alt="What is hidden.")

    hear.work("Looking for what would have to be hidden", so_far)
    found = _found(asked, goal, hear)
    hear.clear()
    waiting.empty()
    st.markdown(said(found.flip, asked, goal))
    pictures, chart = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with pictures:
        panes.draw(panes.pack(_panes(found, asked), hint=HINT), key="hidden")
    with chart:
        _path(found.flip, asked, goal)


def _until() -> str:
    """Draw the choice of what the network is to say."""
    state.check_option("until", UNTIL, lambda name: UNTIL[name], "what it is to say", str)
    chosen: str = st.radio(
        "Hide until it says",
        list(UNTIL),
        format_func=lambda name: UNTIL[name],
        key="until",
        horizontal=True,
        bind="query-params",
    )
    return chosen


def _found(asked: Question, goal: int | None, hear: Listening) -> Hidden:
    def compute(network: LoadedModel, trace: Trace) -> Hidden:
        from explain.baselines import baseline
        from explain.flip import smallest_flip

        flip = smallest_flip(trace, asked.first, goal, baseline=FILLED)
        pixels = pixels_of(trace)
        filled = baseline(trace.pixels, FILLED)[0].permute(1, 2, 0).cpu().numpy()
        return Hidden(flip, rounded(pixels), rounded(np.where(flip.hidden[..., None], filled, pixels)))

    return cache.study(asked.choice, f"flip {asked.first} {goal}", compute, hear)


def said(flip: Flip, asked: Question, goal: int | None) -> str:
    """Say what has to be hidden, what the network says then, and what the search does not prove."""
    pieces = len(np.unique(flip.segments))
    first, now = asked.named(asked.first), asked.named(flip.answer)
    wanted = "anything else" if goal is None else asked.named(goal)
    before, after = (percent(float(chances[asked.first])) for chances in (flip.before, flip.after))
    if not flip.reached:
        return (
            f"No set of the {pieces} pieces was found whose hiding makes it say {wanted}. The set that comes closest "
            f"is shown: with it hidden, the network says {now}, **{percent(float(flip.after[flip.answer]))}** sure."
        )
    if not flip.members:
        return f"The network says {now} of this picture as it is, so nothing has to be hidden."
    enough = "is" if len(flip.members) == 1 else "are"
    needed = "" if len(flip.members) == 1 else " None of them can be left out, but a smaller set may exist."
    return (
        f"**{len(flip.members)} of {pieces} pieces** {enough} enough, **{percent(flip.share)}** of the picture: with "
        f"them hidden, it says {now}, **{percent(float(flip.after[flip.answer]))}** sure, and {first} goes from "
        f"{before} to {after}.{needed}"
    )


def _panes(found: Hidden, asked: Question) -> list[Pane]:
    """Mark the pieces on the picture, and show what the network sees without them."""
    flip = found.flip
    now = asked.name(flip.answer)
    about = f"the picture {asked.choice.picture.name}"
    what = f"{percent(flip.share)} of the picture, in {_pieces(flip)}."
    sure = percent(float(flip.after[flip.answer]))
    return [
        Pane(
            *("picture", "What to hide", what, f"Lit and outlined on {about}: {what}", "picture"),
            picture=_marked(found.seen, flip),
        ),
        Pane(
            *("picture", "What is left", f"With that blurred, it says {now}, {sure} sure."),
            *(f"What the network sees of {about} with that blurred; it says {now}.", "hidden", found.left),
        ),
    ]


def _marked(seen: NDArray[np.uint8], flip: Flip) -> NDArray[np.uint8]:
    """Darken what stays and draw a line round what is hidden."""
    if not flip.members:
        return seen
    lit = (seen * np.where(flip.hidden, 1, 1 - DARKENED)[..., None]).astype(np.uint8)
    return outline(lit, Heatmap(values=flip.hidden.astype(np.float32), signed=False), flip.share)


def _pieces(flip: Flip) -> str:
    return f"{len(flip.members)} piece{'' if len(flip.members) == 1 else 's'}"


def _path(flip: Flip, asked: Question, goal: int | None) -> None:
    """Draw how sure the network is with one piece hidden after the other."""
    if not flip.path:
        return
    from explain.mistake_figures import path_figure

    other = asked.name(asked.second) if goal is not None else "the most likely other class"
    rest = float(flip.before[goal] if goal is not None else np.delete(flip.before, asked.first).max())
    first = [float(flip.before[asked.first]), *(step.predicted for step in flip.path)]
    second = [rest, *(step.other for step in flip.path)]
    ends = (
        f"{name} goes from {percent(line[0])} to {percent(line[-1])}"
        for name, line in ((asked.name(asked.first), first), (other, second))
    )
    st.plotly_chart(
        path_figure(first, second, (asked.name(asked.first), other)),
        key="hidden-path",
        config={"displayModeBar": False},
        alt=f"Probabilities with 0 to {len(flip.path)} pieces hidden: {'; '.join(ends)}.",
    )
