"""What there is to choose from, read from assets/catalogue.json, so that the first screen needs no torch.

`python -m dashboard.make_assets` writes the file from the live registries, and a test holds them equal.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from explain.method import Question
from explain.metric import Family, Passes
from explain.params import Choice, ClassIndex, Corners, Kind, LayerName, Param, Range, Switch
from explain.results import Direction, Heatmap

ASSETS = Path(__file__).resolve().parent.parent / "assets"
FILE = ASSETS / "catalogue.json"
KINDS: dict[str, Callable[..., Kind]] = {
    kind.__name__: kind for kind in (Range, Choice, Switch, LayerName, ClassIndex, Corners)
}
#: The attack that the page begins with.
USUAL_ATTACK = "PGD"
#: The family of the methods that change the picture.
ATTACKS = "Attacks"
#: The family of the methods that make a picture of their own; they have their place on the page of layers.
PICTURES_MADE = "Feature visualisation"
#: The family of the networks that ship with ConvLens.
BUNDLED = "Bundled"
#: The families that do not explain a picture.
NOT_EXPLAINING = (ATTACKS, PICTURES_MADE)
#: What a person who asks for nothing else is offered, the default first: quick before slow, and one at least for each
#: question. This is the one place that names them.
RECOMMENDED = ("GradCAM", "FusedCAM", "IntegratedGradients", "SmoothGrad", "FeatureFactorization", "Occlusion")
TYPES = {kind.__name__: kind for kind in (int, float, bool, str, tuple)}


@dataclass(frozen=True)
class MethodEntry:
    """A method as the page lists it.

    question: which one it answers, caution: why its maps may say little, and shares: whether signed values are parts of
    the score, see explain.method. gives: the kind of its result. doc: its docstring's first sentence; more: what the
    docstring says beyond that, for people.
    """

    name: str
    label: str
    family: str
    paper: str
    caption: str
    caution: str
    question: Question
    shares: bool
    gives: str
    doc: str
    more: tuple[str, ...]
    params: tuple[Param, ...]


@dataclass(frozen=True)
class MetricEntry:
    """A check of a map as the page lists it; see explain.metric for what is said of it, and MethodEntry for doc."""

    name: str
    label: str
    family: Family
    paper: str
    caption: str
    better: Direction
    asks_again: bool
    cost: int
    passes: Passes | None
    doc: str
    more: tuple[str, ...]
    params: tuple[Param, ...]


@dataclass(frozen=True)
class ModelEntry:
    """A network as the page lists it. layers and unsuitable are known for the bundled networks only."""

    key: str
    label: str
    line: str
    family: str
    bytes: int
    top1: float | None
    parameters: int
    files: tuple[str, ...]
    classes: tuple[str, ...] = field(repr=False)
    layers: tuple[str, ...] | None = field(repr=False)
    unsuitable: dict[str, str] = field(repr=False)

    def title(self, here: bool) -> str:
        """Its name and what helps to choose: "ResNet-50 · 81 % of 1,000 · needs a download of 98 MB", or "· here"."""
        right = "" if self.top1 is None else f"{100 * self.top1:.0f} % of {len(self.classes):,}"
        place = "here" if here else f"needs a download of {size_in_words(self.bytes)}"
        return " · ".join(part for part in (self.label, right, "" if self.bundled else place) if part)

    @property
    def bundled(self) -> bool:
        """Whether its weights ship with ConvLens."""
        return self.family == BUNDLED


@dataclass(frozen=True)
class Catalogue:
    """All networks, methods and checks, by key and by registry name, the default ones first."""

    models: dict[str, ModelEntry]
    methods: dict[str, MethodEntry]
    metrics: dict[str, MetricEntry]

    @property
    def explanations(self) -> dict[str, MethodEntry]:
        """The methods that explain a picture."""
        return {name: entry for name, entry in self.methods.items() if entry.family not in NOT_EXPLAINING}

    @property
    def maps(self) -> dict[str, MethodEntry]:
        """The methods that lay one map over a picture."""
        return {name: entry for name, entry in self.explanations.items() if entry.gives == Heatmap.__name__}

    @property
    def recommended(self) -> dict[str, MethodEntry]:
        """The methods that are offered first."""
        return {name: self.methods[name] for name in RECOMMENDED if name in self.methods}

    @property
    def attacks(self) -> dict[str, MethodEntry]:
        """The methods that change a picture so that the network is fooled; the usual one first."""
        found = {name: entry for name, entry in self.methods.items() if entry.family == ATTACKS}
        return {name: found[name] for name in sorted(found, key=lambda name: name != USUAL_ATTACK)}


def size_in_words(count: int) -> str:
    """Write a number of bytes as people say it."""
    size = count / 2**20
    return f"{size:.1f} MB" if size < 10 else f"{size:.0f} MB"


def told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Add the number of the class to names that occur twice, since a link names a class by its name."""
    counts = Counter(names)
    return tuple(name if counts[name] == 1 else f"{name} · class {i}" for i, name in enumerate(names))


#: Functions that list networks beside those that ship; `dashboard.own` adds one.
also: list[Callable[[], Mapping[str, ModelEntry]]] = []


def catalogue() -> Catalogue:
    """List what ships, and the networks that the server's owner or this session added."""
    known = as_shipped()
    added = {key: entry for listed in also for key, entry in listed().items()}
    return replace(known, models={**known.models, **added}) if added else known


@cache
def as_shipped() -> Catalogue:
    """Read the catalogue once."""
    return from_record(json.loads(FILE.read_text(encoding="utf-8")))


def from_record(record: dict[str, Any]) -> Catalogue:
    """Build the catalogue from what the file holds."""
    lists = {name: told_apart(tuple(names)) for name, names in record["class_lists"].items()}
    models = {entry["key"]: _model(entry, lists) for entry in record["models"]}
    methods = {entry["name"]: MethodEntry(**_described(entry)) for entry in record["methods"]}
    metrics = {entry["name"]: MetricEntry(**_described(entry)) for entry in record["metrics"]}
    return Catalogue(models, methods, metrics)


def _model(entry: dict[str, Any], lists: dict[str, tuple[str, ...]]) -> ModelEntry:
    layers = entry["layers"]
    return ModelEntry(
        **{
            **entry,
            "files": tuple(entry["files"]),
            "classes": lists[entry["classes"]],
            "layers": None if layers is None else tuple(layers),
        }
    )


def _described(entry: dict[str, Any]) -> dict[str, Any]:
    params = tuple(_param(param) for param in entry["params"])
    return {**entry, "more": tuple(entry["more"]), "params": params}


def _param(entry: dict[str, Any]) -> Param:
    kind = {**entry["kind"]}
    made: Kind = KINDS[kind.pop("name")](**{key: tuple(v) if isinstance(v, list) else v for key, v in kind.items()})
    return Param(**{**entry, "kind": made, "type": TYPES[entry["type"]]})
