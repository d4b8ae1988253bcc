"""What can be compared: methods, classes, networks or pictures; for each, what there is and how it changes a question.

The first of those compared is always what the rail says; the others differ from it in the one thing compared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from dashboard import around, cache, samples, sidebar, state
from dashboard.catalogue import catalogue
from dashboard.classes import name_of
from explain.label_lists import folded
from explain.method import kebab
from explain.params import LayerName

if TYPE_CHECKING:
    from dashboard.answers import Choice
    from dashboard.sidebar import Rail
    from explain.results import Prediction

#: What marks, behind the key of the rail's network, the same network with random weights.
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Base:
    """What the rail asks, what the network says of its picture, and how the picture is described."""

    rail: Rail
    choice: Choice
    prediction: Prediction

    @property
    def index(self) -> int:
        """The class explained."""
        return int(self.prediction.indices[0]) if self.choice.index is None else self.choice.index

    @property
    def label(self) -> str:
        """The name of the class explained."""
        return name_of(self.index, self.rail.model.classes)


@dataclass(frozen=True)
class Member:
    """One of those compared: its name, what is asked, and what its picture shows."""

    id: str
    title: str
    choice: Choice
    alt: str

    @property
    def names(self) -> tuple[str, ...]:
        """The classes of its network."""
        return catalogue().models[self.choice.model].classes


class Axis(ABC):
    """One thing that may differ between the panes; the address lists by `key` what stands beside the rail's.

    one_unit: whether the values of the maps are in one unit, so that they may share a scale as they are.
    """

    key: ClassVar[str]
    one: ClassVar[str]
    one_unit: ClassVar[bool] = True

    @abstractmethod
    def own(self, base: Base) -> str:
        """Name what the rail says."""

    @abstractmethod
    def mine(self, base: Base) -> str | None:
        """Write what the rail says as the address would; None where it cannot."""

    @abstractmethod
    def options(self, base: Base) -> dict[str, str]:
        """List what may stand beside it, by what the address calls it; the first that is shown unasked comes first."""

    @abstractmethod
    def choice(self, base: Base, option: str) -> Choice:
        """Change the one thing in what the rail asks; another method's parameters are left to its controls."""

    def alt(self, base: Base, option: str) -> str:
        """Describe the picture below the map."""
        return base.rail.alt

    def named(self, base: Base, text: str) -> str | None:
        """Find what a link means, in the address's spelling or by its name; it may be what the rail says, too."""
        options, mine = self.options(base), self.mine(base)
        if mine is not None:
            options[mine] = self.own(base)
        # Grad-CAM++ is not Grad-CAM, so a plus counts.
        spelled = text.replace("+", "-plus")
        found: str | None = state.named(spelled, options, str, kebab, lambda option: options[option])
        return found


class _Methods(Axis):
    key = "methods"
    one = "method"
    one_unit = False

    def own(self, base: Base) -> str:
        return base.rail.method.label

    def mine(self, base: Base) -> str | None:
        return base.rail.method.name

    def options(self, base: Base) -> dict[str, str]:
        entries, mine = catalogue().maps, base.rail.method
        reasons = cache.unsuitable(base.choice.model, base.choice.untrained)
        names = [name for name in entries if name not in reasons and name != mine.name]
        first = list(catalogue().recommended)
        # Another question before the same one again.
        names.sort(key=lambda n: (n not in first, n in first and entries[n].question == mine.question))
        return {name: entries[name].label for name in names}

    def choice(self, base: Base, option: str) -> Choice:
        return replace(base.choice, method=option, parameters=())


class _Classes(Axis):
    key = "classes"
    one = "class"

    def own(self, base: Base) -> str:
        return base.label

    def mine(self, base: Base) -> str | None:
        return str(base.index)

    def options(self, base: Base) -> dict[str, str]:
        names = base.rail.model.classes
        return {str(index): name_of(int(index), names) for index in base.prediction.indices if index != base.index}

    def choice(self, base: Base, option: str) -> Choice:
        return replace(base.choice, index=int(option), against=None)


class _Networks(Axis):
    key = "networks"
    one = "network"

    def own(self, base: Base) -> str:
        return base.rail.model.label + (", untrained" if base.choice.untrained else "")

    def mine(self, base: Base) -> str | None:
        return UNTRAINED if base.choice.untrained else base.choice.model

    def options(self, base: Base) -> dict[str, str]:
        entries = catalogue().models
        found = {key: entries[key].label for key in around.others(base.choice)}
        if not base.choice.untrained:
            found[UNTRAINED] = f"{base.rail.model.label}, untrained"
        return found

    def choice(self, base: Base, option: str) -> Choice:
        if option == UNTRAINED:
            return replace(base.choice, untrained=True, index=base.index)
        against = base.choice.against
        return replace(
            base.choice,
            model=option,
            untrained=False,
            parameters=_without_layers(base),
            index=_same_class(base.label, option),
            against=None if against is None else _same_class(name_of(against, base.rail.model.classes), option),
        )


class _Pictures(Axis):
    key = "pictures"
    one = "picture"

    def own(self, base: Base) -> str:
        sample = samples.id_of(base.choice.picture.sha256)
        return base.choice.picture.name if sample is None else samples.SAMPLES[sample].title

    def mine(self, base: Base) -> str | None:
        return samples.id_of(base.choice.picture.sha256)

    def options(self, base: Base) -> dict[str, str]:
        mine = samples.id_of(base.choice.picture.sha256)
        return {name: sample.title for name, sample in samples.SAMPLES.items() if name != mine}

    def choice(self, base: Base, option: str) -> Choice:
        return replace(base.choice, picture=sidebar.sample_picture(option))

    def alt(self, base: Base, option: str) -> str:
        return samples.SAMPLES[option].alt


#: All that can be compared, by what the address calls it; the first is the default.
AXES: dict[str, Axis] = {axis.key: axis for axis in (_Methods(), _Classes(), _Networks(), _Pictures())}


def _same_class(name: str, model: str) -> int | None:
    """Find a class of another network by its name; None, which is what that network says, where it has none."""
    places = [i for i, other in enumerate(catalogue().models[model].classes) if folded(other) == folded(name)]
    return places[0] if len(places) == 1 else None


def _without_layers(base: Base) -> tuple[tuple[str, object], ...]:
    """Leave the choice of layers to the method, since another network's have other names."""
    kinds = {param.name: param.kind for param in base.rail.method.params}
    asked = base.choice.parameters
    return tuple((name, None if isinstance(kinds[name], LayerName) else value) for name, value in asked)
