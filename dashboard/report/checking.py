"""Seeing that a network and pictures are those of a run, before anything is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from dashboard.uploads import Picture
from explain.runs import RunError
from explain.sources import checksum, labels_of

if TYPE_CHECKING:
    from explain.runs import Run
    from explain.sources import Source
    from models.loaded import LoadedModel


def check_run(run: Run, model: LoadedModel, pictures: Sequence[Source]) -> None:
    """Refuse a run of another network, of other weights, or of other pictures or labels."""
    card, labels = model.card, labels_of(pictures, model.card.classes).indices
    here = replace(
        run.header,
        weights=model.weights.identity,
        classes=tuple(card.classes),
        pixels={**asdict(card.pixels), "mean": list(card.pixels.mean), "std": list(card.pixels.std)},
        checksum=checksum(pictures, labels),
    )
    unlike = here.unlike(run.header)
    if unlike:
        raise RunError(
            f"The run {run.folder.name!r} is not of these: it was made with {unlike}.",
            "Give --data, --labels and --weights as they were given to convlens evaluate.",
        )


def checked(run: Run, pictures: Sequence[Source]) -> Callable[[int], Picture]:
    """Read pictures by their number, and refuse one that is not what the run has seen."""
    seen = dict(zip(run.cases.number.tolist(), run.cases.sha256.tolist(), strict=True))

    def read(number: int) -> Picture:
        source = pictures[number]
        picture = source.open()
        if picture.sha256 != seen[number]:
            raise RunError(f"The picture {source.name!r} was changed after the run.", "Make the run anew.")
        assert isinstance(picture, Picture)
        return picture

    return read
