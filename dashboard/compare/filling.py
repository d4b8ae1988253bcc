"""From questions to answers: each pane's map, drawn as far as it is known while the others are still under way."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dashboard import cache, lens
from explain.pictures import overlay
from explain.results import Heatmap
from models.errors import ConvLensError

if TYPE_CHECKING:
    from PIL import Image
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.answers import Answer
    from dashboard.compare.axes import Member
    from dashboard.compare.place import Place
    from dashboard.feedback import Listening

log = logging.getLogger("convlens")

#: Side of the pictures while they wait.
SIDE = 384


@dataclass(frozen=True, eq=False)
class Seen:
    """One of those compared and its answer, which is a map."""

    member: Member
    answer: Answer

    @property
    def heatmap(self) -> Heatmap:
        """The map."""
        assert isinstance(self.answer.explanation, Heatmap)
        return self.answer.explanation

    @property
    def title(self) -> str:
        """Its name."""
        return self.member.title

    @property
    def photo(self) -> Image.Image:
        """What the network sees, for people."""
        return self.member.choice.picture.image.crop(self.answer.box)


def fill(place: Place, body: DeltaGenerator, hear: Listening) -> tuple[list[Seen], list[str]]:
    """Answer one after the other; also say of those that have no answer why. Nothing is drawn where all is known."""
    row = _Row(place, body)
    seen, refusals = [], []
    for number, member in enumerate(place.members):
        hear.work(f"Computing {member.title}", partial(row.draw, number))
        try:
            answer = cache.answer(member.choice, hear)
        except ConvLensError as error:
            log.info("told the user: %s", error, exc_info=error)
            refusals.append(f"{member.title} cannot be shown. {error.message} {error.hint}".strip())
            continue
        seen.append(Seen(member, answer))
        row.draw(number, answer.explanation)
    row.clear()
    return seen, refusals


class _Row:
    """The pictures side by side, each with its map as soon as there is one."""

    def __init__(self, place: Place, body: DeltaGenerator) -> None:
        self._members = place.members
        self._slots: list[DeltaGenerator] = []
        self._row: DeltaGenerator | None = None
        known = [cache.peek(member.choice) for member in place.members]
        if None in known:
            self._row = body.empty()
            columns = self._row.container().columns(max(2, len(known)), gap="medium")
            self._slots = [column.empty() for column in columns]
            for number, answer in enumerate(known):
                self.draw(number, None if answer is None else answer.explanation)

    def draw(self, number: int, found: object) -> None:
        """Draw one picture, with its map where it is known by now."""
        if not self._slots:
            return
        member = self._members[number]
        crop = cache.crop(member.choice, SIDE)
        known = isinstance(found, Heatmap) and not found.empty
        drawn = overlay(crop, found) if isinstance(found, Heatmap) and known else crop
        caption = member.title if known else f"{member.title}: under way"
        self._slots[number].image(lens.passing(drawn), caption=caption, width="stretch", alt=member.alt)

    def clear(self) -> None:
        """Make room for the panes."""
        if self._row is not None:
            self._row.empty()
