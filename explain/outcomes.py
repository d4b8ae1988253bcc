"""What is measured around an attack: frozen dataclasses of plain numpy, like those in `results`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sweep:
    """An attack at several sizes: what the network says of the best picture found within each.

    epsilons (n,): from 0 upwards, in pixels of [0, 1]. success (n,): whether the network is fooled.
    left (n,): the probability of the class to leave; reached (n,): of the goal, or without a goal of
    the most likely other class. classes (n,): the most likely class. The largest size at which nothing was
    found and the smallest at which something was are `fails_at` and `smallest`; None where there is none.
    """

    epsilons: NDArray[np.float32]
    success: NDArray[np.bool_]
    left: NDArray[np.float32]
    reached: NDArray[np.float32]
    classes: NDArray[np.int64]
    evaluations: int

    @property
    def smallest(self) -> float | None:
        """The smallest size tried that fooled the network."""
        return float(self.epsilons[self.success].min()) if self.success.any() else None

    @property
    def fails_at(self) -> float | None:
        """The largest size tried, below the smallest that fooled it, that did not."""
        below = self.epsilons[~self.success & (self.epsilons < (self.smallest or float("inf")))]
        return float(below.max()) if below.size else None


@dataclass(frozen=True, eq=False)
class Smallest:
    """The smallest size at which an attack was found to succeed, None = at none; `fails_at` is the largest that failed.

    pixels (H, W, 3): the picture found there. evaluations: what the search cost.
    """

    epsilon: float | None
    fails_at: float
    pixels: NDArray[np.float32] | None
    evaluations: int


@dataclass(frozen=True)
class Said:
    """What a network says of a picture: its first guess by index and name, and how sure it is of it, 0..1."""

    index: int
    name: str
    probability: float


@dataclass(frozen=True)
class Transfer:
    """What another network says of the picture before and after the attack, at its own size of picture."""

    model: str
    before: Said
    after: Said

    @property
    def fooled(self) -> bool:
        """Whether its first guess is another one after the attack."""
        return self.before.index != self.after.index


@dataclass(frozen=True)
class Survival:
    """What the network says of both pictures after a defence has been at them.

    survives: whether the attack still does what it set out to do. kept: the probability of the class to
    leave in the picture as it was, and in the attacked one.
    """

    defence: str
    clean: Said
    attacked: Said
    survives: bool
    kept: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Control:
    """What random signs of the same size do: the class left keeps these probabilities (n,), and so many are fooled."""

    probabilities: NDArray[np.float32]
    fooled: int
    linf: float
    l2: float

    @property
    def draws(self) -> int:
        """How many random changes were tried."""
        return len(self.probabilities)


@dataclass(frozen=True, eq=False)
class Kept:
    """An attacked picture as a file: a PNG of 8 bits a colour, read back and classified again.

    pixels (H, W, 3) uint8, as read back. linf, l2: its distance from the picture before the attack, in pixels
    of [0, 1]. success: whether the file still fools the network. notes: what the user must know.
    """

    png: bytes = field(repr=False)
    pixels: NDArray[np.uint8] = field(repr=False)
    said: Said
    success: bool
    linf: float
    l2: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MapChange:
    """How alike two maps of one question are: rank correlation and structural similarity, 1 = the same.

    None where it is not defined, because a map is the same everywhere.
    """

    spearman: float | None
    ssim: float | None
