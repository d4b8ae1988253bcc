"""Says what each bundled network makes of each sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import explain
import models
from dashboard.samples import SAMPLES, Sample

FAMILY = "Bundled"


@dataclass(frozen=True)
class Said:
    """What a network says of a sample, how sure it is, and how sure it is of the right name (None where none fits)."""

    network: str
    sample: Sample
    name: str
    sure: float
    sure_of_right: float | None

    @property
    def verdict(self) -> str:
        """Say in a word whether it is right."""
        if self.sample.made_for is not None:
            return "for it" if self.sample.made_for == self.network else ""
        if self.sample.everyday_class is None:
            return ""
        return "right" if self.name == self.sample.everyday_class else "wrong"


def said(network: str) -> Iterator[Said]:
    """Ask one network about every sample."""
    model = models.load(network)
    for sample in SAMPLES.values():
        found = explain.predict(model, sample.picture().image, k=len(model.card.classes))
        sure = dict(zip(found.names, map(float, found.probabilities), strict=True))
        right = None if sample.everyday_class is None else sure[sample.everyday_class]
        yield Said(network, sample, found.names[0], sure[found.names[0]], right)


def report() -> None:
    """Print a line for each bundled network and sample."""
    for card in models.CARDS.values():
        if card.family == FAMILY:
            answers = list(said(card.key))
            known = [answer for answer in answers if answer.verdict in ("right", "wrong")]
            right = sum(answer.verdict == "right" for answer in known)
            print(f"{card.key}: {right} of {len(known)} named right")
            for answer in answers:
                wanted = (
                    "" if answer.sure_of_right is None else f"{answer.sample.everyday_class} {answer.sure_of_right:.0%}"
                )
                line = f"  {answer.sample.id:<13}{answer.name:<20}{answer.sure:>5.0%}  {answer.verdict:<7}{wanted}"
                print(line.rstrip())
