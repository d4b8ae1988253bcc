"""What the page asks and what it gets: plain values without torch, so that shipped answers can be shown at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Union

if TYPE_CHECKING:
    from dashboard.uploads import Picture
    from explain.results import Curve, Explanation, Prediction, QuickCheck, Score

Ask = Literal["score", "probability"]
#: What a check of a map comes to.
Outcome = Union["Curve", "Score", "Declined"]


@dataclass(frozen=True)
class Choice:
    """All that decides an answer, and nothing else.

    method and parameters: the registry name, and values by name. index: the class asked about, None =
    the predicted one. against: "rather than" this class. ask: the score before softmax, or the probability.
    """

    model: str
    picture: Picture = field(repr=False)
    method: str
    parameters: tuple[tuple[str, Any], ...] = ()
    index: int | None = None
    against: int | None = None
    ask: Ask = "score"
    untrained: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells this choice from others, the weights' identity left out; the picture by its checksum."""
        asked = (self.index, self.against, self.ask)
        return (self.model, self.untrained, self.picture.sha256, self.method, self.parameters, asked)


@dataclass(frozen=True)
class Declined:
    """Why a check means nothing for a map, in a sentence."""

    reason: str


@dataclass(frozen=True, eq=False)
class Answer:
    """Everything the page says about a choice.

    prediction: all classes, best first. index: the class explained. box: the network's crop in pixels
    of the picture. weights: the identity of the weights. device: where it was computed.
    """

    prediction: Prediction
    explanation: Explanation
    check: QuickCheck | None
    index: int
    box: tuple[float, float, float, float]
    weights: str
    device: str

    def probability(self, index: int) -> float:
        """Look up how sure the network is of a class, 0..1."""
        return float(self.prediction.probabilities[self.prediction.indices == index][0])

    @property
    def between(self) -> float:
        """Of two compared classes, say how sure the network is of the first, p / (p + q)."""
        return self.probability(self.index) if self.check is None else self.check.before

    @property
    def nbytes(self) -> int:
        """Count the bytes of its arrays."""
        arrays = [*vars(self.explanation).values(), *vars(self.prediction).values()]
        return sum(getattr(array, "nbytes", 0) for array in arrays) + 1000
