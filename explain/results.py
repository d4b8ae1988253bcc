"""What a method gives back: frozen dataclasses that hold plain numpy, can be pickled and know their origin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.method import Method
    from explain.metric import Metric
    from explain.target import Target

#: Which way a figure is good.
Direction = Literal["higher", "lower"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation:
    """An answer and where it came from: the method with its parameters, the target, the network's key, the time taken.

    The origin is filled in by `explain.run`; a method that is called directly leaves it empty.
    `notes` are sentences for the user; `checks` are measured figures by name, such as "completeness"
    (the residual as a share of the difference explained).
    """

    method: Method | None = None
    target: Target | None = None
    model: str = ""
    seconds: float = float("nan")
    notes: tuple[str, ...] = ()
    checks: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Heatmap(Explanation):
    """One number for each pixel of the crop that the network saw.

    values: (H, W) float32, never rescaled. signed: whether negative values mean "spoke against it"
    (drawn around zero). grid: for class activation maps (h, w), signed, before ReLU and upsampling.
    layer: the layer read, where there is one. segments: (H, W) int32, the superpixel of each pixel, for methods that
    hide and show the picture by superpixels.
    """

    values: NDArray[np.float32]
    signed: bool
    grid: NDArray[np.float32] | None = None
    layer: str | None = None
    segments: NDArray[np.int32] | None = None

    @property
    def empty(self) -> bool:
        """Whether the map holds no evidence at all: no value above zero, or for a signed map no value but zero."""
        return not bool((self.values != 0).any() if self.signed else (self.values > 0).any())


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureMaps(Explanation):
    """The channels of one layer: maps (C, h, w) float32 as the layer gave them; tokens are laid out on their grid.

    A layer without a spatial output gives h = w = 1.
    """

    maps: NDArray[np.float32]
    layer: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Concepts(Explanation):
    """The parts into which a layer's activations fall, found without labels.

    maps: (K, H, W) float32, how strongly each part is present at each pixel of the crop, never negative. grids:
    (K, h, w), the same on the layer's grid. shares: (K,) float32, what each part adds to the target, in its units, to
    first order. layer: the layer taken apart. error: what the parts miss, as a share of the activations' norm.
    """

    maps: NDArray[np.float32]
    grids: NDArray[np.float32]
    shares: NDArray[np.float32]
    layer: str
    error: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Adversarial(Explanation):
    """A picture changed to fool the network.

    pixels: (H, W, 3) float32 in [0, 1]. before, after: (classes,) probabilities. linf, l2: size of
    the change in pixel values of [0, 1]. evaluations: gradient or score evaluations used.
    """

    pixels: NDArray[np.float32]
    epsilon: float
    linf: float
    l2: float
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    evaluations: int
    success: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Visualisation(Explanation):
    """A picture made from nothing that drives a channel, a unit or a class up.

    pixels: (H, W, 3) float32 in [0, 1]. layer, channel, unit (row, column): what was driven up, None where it was
    more or something else. scores: (n,) float32, the score at each step, of the picture as it was moved for it.
    score: of the picture itself; reference: of the traced picture, not a number where its size is another.
    """

    pixels: NDArray[np.float32]
    scores: NDArray[np.float32]
    layer: str | None = None
    channel: int | None = None
    unit: tuple[int, int] | None = None
    score: float = float("nan")
    reference: float = float("nan")


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured(Explanation):
    """What a check says of a map: which direction is better, and the same figure for maps that know nothing.

    metric: the check with its parameters; method: what made the map. baselines: the figure by the name of the control
    map, see explain.control_maps.CONTROLS.
    """

    better: Direction | None = None
    baselines: dict[str, float] = field(default_factory=dict)
    metric: Metric | None = None


@dataclass(frozen=True, eq=False)
class Curve(Measured):
    """A figure that changes along a scale: x, y (n,) float32, and the area under y by the trapezoid rule.

    others: y for each control map. stages: a name for each x, where the scale has names.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    area: float
    others: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    stages: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The one figure that sums the curve up: its area."""
        return self.area


@dataclass(frozen=True, eq=False, kw_only=True)
class Score(Measured):
    """One figure. error: its standard error, where it is a mean over draws."""

    value: float
    error: float = float("nan")


@dataclass(frozen=True, eq=False)
class Prediction:
    """The k most likely classes, best first: indices (k,), names, probabilities (k,) in 0..1, logits (k,)."""

    indices: NDArray[np.int64]
    names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]


#: A probability that changes by less says nothing about what was hidden; of a small one, a tenth of itself counts.
LEAST_CHANGE, LEAST_SHARE = 0.01, 0.1


@dataclass(frozen=True)
class QuickCheck:
    """How sure the network is (0..1) of the target: before, with the marked area hidden, with as much hidden at random.

    share: of the picture that is hidden. elsewhere: the mean over `draws` random places, and spread
    their standard deviation. other: the class for which the method was asked, too, None = for none; alike: the rank
    correlation of both maps, None where either is the same everywhere. refusal: why the method has no map for the other
    class, "" = it has. edges: the rank correlation of the sizes of the map with the strength of the picture's edges,
    None where either is the same everywhere.
    """

    share: float
    before: float
    hidden: float
    elsewhere: float
    spread: float
    draws: int
    other: int | None = None
    alike: float | None = None
    edges: float | None = None
    refusal: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether hiding the marked area takes clearly more away than hiding as much elsewhere: by over one spread.

        None where neither changes the answer by what counts as a change, so that nothing can be said.
        """
        if not (self.counts(self.hidden) or self.counts(self.elsewhere)):
            return None
        return self.falls and self.hidden < self.elsewhere - self.spread

    def counts(self, after: float) -> bool:
        """Whether a probability after something was hidden differs from the one before by what counts as a change."""
        return after != self.before and abs(after - self.before) >= min(LEAST_CHANGE, LEAST_SHARE * self.before)

    @property
    def falls(self) -> bool:
        """Whether hiding the marked area takes something away that counts."""
        return self.hidden < self.before and self.counts(self.hidden)

    @property
    def may_be_chance(self) -> bool:
        """Whether hiding the marked area takes more away than hiding as much elsewhere, but by a spread at the most."""
        return self.passed is False and self.falls and self.hidden < self.elsewhere


def share_of_area(values: NDArray[np.float32], share: float) -> NDArray[np.bool_]:
    """Mark the `share` of pixels with the highest values: (H, W) bool, exactly round(share * H * W) of them.

    Equal values are taken in reading order, so the mask is the same each time.
    """
    count = round(share * values.size)
    order = np.argsort(-values.ravel(), kind="stable")
    marked = np.zeros(values.size, bool)
    marked[order[:count]] = True
    return marked.reshape(values.shape)


def plain(value: Any) -> Any:
    """Turn numpy numbers and arrays into what JSON can hold."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
