"""What is measured around an attack, each once for all sessions: maps, control, sizes, files, other networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dashboard import cache, own
from dashboard.catalogue import catalogue
from explain.results import Adversarial, Heatmap
from models.errors import UnsuitableError
from models.weights import weights_here

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.answers import Answer, Choice
    from explain.attack import Attack
    from explain.outcomes import Control, Kept, MapChange, Smallest, Survival, Sweep, Transfer
    from explain.target import ClassLogit
    from explain.tracing import Trace
    from models.loaded import LoadedModel
    from models.progress import Listener

#: The bundled network that was trained to be hard to fool, and its twin that was not.
TWINS = ("everyday_resnet", "everyday_robust")


@dataclass(frozen=True, eq=False)
class Attacked:
    """An attack on a picture: what was asked, the answer, and what all measurements need of it."""

    choice: Choice
    answer: Answer

    @property
    def result(self) -> Adversarial:
        """What the attack gave."""
        assert isinstance(self.answer.explanation, Adversarial)
        return self.answer.explanation

    @property
    def left(self) -> int:
        """The class to leave."""
        return self.answer.index

    @property
    def goal(self) -> int | None:
        """The class to reach, None = any other."""
        goal: int | None = dict(self.choice.parameters)["goal"]
        return goal

    @property
    def said(self) -> tuple[int, int]:
        """What the network says before and after."""
        return int(self.result.before.argmax()), int(self.result.after.argmax())

    @property
    def attack(self) -> Attack:
        """The attack itself."""
        method = self.result.method
        from explain.attack import Attack

        assert isinstance(method, Attack)
        return method

    @property
    def target(self) -> ClassLogit:
        """The class to leave, as what is asked of the attack."""
        from explain.target import ClassLogit

        return ClassLogit(self.left)


@dataclass(frozen=True, eq=False)
class Maps:
    """The same explanation of the picture before and after, and how alike the two are."""

    before: Heatmap
    after: Heatmap
    change: MapChange


def attack(choice: Choice, listener: Listener) -> Attacked:
    """Run the attack that was chosen."""
    return Attacked(choice, cache.answer(choice, listener))


def pixels_of(trace: Trace) -> NDArray[np.float32]:
    """Return the pixels of a trace as (H, W, 3) in [0, 1]."""
    pixels: NDArray[np.float32] = trace.pixels[0].permute(1, 2, 0).cpu().numpy()
    return pixels


def clean(found: Attacked, listener: Listener) -> NDArray[np.float32]:
    """Return the picture as the network saw it before the attack."""
    return cache.study(found.choice, "clean", lambda network, trace: pixels_of(trace), listener)


def maps(found: Attacked, name: str, index: int, listener: Listener) -> Maps:
    """Explain one class on both pictures by the same method."""

    def compute(network: LoadedModel, trace: Trace) -> Maps:
        import explain
        from explain.agreement import compare
        from explain.survival import tensor_of

        method = explain.METHODS[name]()
        pictures = (trace, tensor_of(found.result.pixels))
        before, after = (explain.run(network, picture, method, index) for picture in pictures)
        if not isinstance(before, Heatmap) or not isinstance(after, Heatmap):
            raise UnsuitableError(f"{method.label} gives no map over the picture.", "Pick another explanation.")
        return Maps(before, after, compare(before.values, after.values))

    return cache.study(found.choice, f"maps {name} {index}", compute, listener)


def control(found: Attacked, listener: Listener) -> Control:
    """Change the picture by random signs of the size that the attack was allowed, or that it took."""

    def compute(network: LoadedModel, trace: Trace) -> Control:
        from explain.control import random_signs

        norm = found.attack.measured_in
        took = found.result.linf if norm == "linf" else found.result.l2
        size = found.attack.budget if np.isfinite(found.attack.budget) else took
        return random_signs(trace, found.left, found.goal, size, norm, seed=found.attack.seed)

    return cache.study(found.choice, "control", compute, listener)


def sweep(found: Attacked, listener: Listener) -> Sweep:
    """Repeat the attack at sixteen sizes."""

    def compute(network: LoadedModel, trace: Trace) -> Sweep:
        from explain.sweep import sweep

        return sweep(trace, found.attack, found.target, known=found.result)

    return cache.study(found.choice, "sweep", compute, listener)


def smallest(found: Attacked, curve: Sweep, listener: Listener) -> Smallest | None:
    """Narrow down the smallest size that succeeds, where the sweep found one."""
    high, low = curve.smallest, curve.fails_at
    if high is None or low is None:
        return None

    def compute(network: LoadedModel, trace: Trace) -> Smallest:
        from explain.sweep import smallest

        return smallest(trace, found.attack, found.target, low=low, high=high)

    return cache.study(found.choice, "smallest", compute, listener)


def kept(found: Attacked, listener: Listener) -> Kept:
    """Write the attacked picture as a file and ask the network about it."""

    def compute(network: LoadedModel, trace: Trace) -> Kept:
        from explain.keeping import keep

        asked = found.attack
        bound = {"epsilon": asked.budget, "norm": asked.measured_in}
        return keep(network, pixels_of(trace), found.result.pixels, found.left, found.goal, **bound)  # type: ignore[arg-type]

    return cache.study(found.choice, "kept", compute, listener)


def defences(found: Attacked, listener: Listener) -> tuple[Survival, ...]:
    """Put both pictures through what usually happens to pictures."""

    def compute(network: LoadedModel, trace: Trace) -> tuple[Survival, ...]:
        from explain.survival import survival, usual_defences

        tried = usual_defences(found.attack.seed)
        return survival(network, pixels_of(trace), found.result.pixels, found.left, found.goal, tried)

    return cache.study(found.choice, "defences", compute, listener)


def others(choice: Choice) -> list[str]:
    """List the other networks whose weights are on this machine, those handed over among them."""
    entries = catalogue().models
    here = [key for key, entry in entries.items() if own.find(key) or weights_here(key, entry.files) is not None]
    return [key for key in here if key != choice.model or choice.untrained]


def transfer(found: Attacked, key: str, listener: Listener) -> Transfer:
    """Show both pictures to another network, loaded for just this unless it is at hand."""

    def compute(network: LoadedModel, trace: Trace) -> Transfer:
        from explain.survival import transfer

        other = cache.loaded(key, False) or cache.load(key)
        return transfer(other, pixels_of(trace), found.result.pixels)

    return cache.study(found.choice, f"transfer {key}", compute, listener)


def twin(key: str) -> str | None:
    """Name the network beside which this one is shown: the robust one beside the standard one; None where none is."""
    entries = catalogue().models
    other = next((name for name in TWINS if name != key), None) if key in TWINS else None
    if other is None or other not in entries or weights_here(other, entries[other].files) is None:
        return None
    return other


def beside(choice: Choice, key: str) -> Choice:
    """Ask the same of another network: away from what it says itself of the picture."""
    return replace(choice, model=key, index=None)
