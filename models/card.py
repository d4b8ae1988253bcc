"""What is known of a network before it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from models.pixels import PixelSpace

#: Builds the network, filled with whatever its author's initialisation gives; its weights are replaced.
Builder = Callable[[], "nn.Module"]


@dataclass(frozen=True)
class Accuracy:
    """The shares of validation pictures named right: first guess, and among the first five (0..1)."""

    top1: float
    top5: float


@dataclass(frozen=True)
class WeightsVersion:
    """One set of weights for a network, and all that goes with it.

    name: as torchvision calls it, "IMAGENET1K_V2". file: the file's name; sha256: the first digits of its
    checksum; bytes: its size. builder: makes the network that these weights fit (some need larger
    pictures). licence and recipe: text or a link. ignored: beginnings of names in the file that the
    network does not use (auxiliary heads). renamed: (regular expression, replacement) for names that
    older files spell differently.
    """

    name: str
    file: str
    url: str
    sha256: str
    bytes: int
    builder: Builder
    pixels: PixelSpace
    classes: tuple[str, ...] = field(repr=False)
    accuracy: Accuracy | None
    licence: str
    recipe: str
    parameters: int
    multiply_adds: int | None
    ignored: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ModelCard:
    """All that is known of a network before it is loaded.

    key: its unique name. label and family: as people call it. builder: makes it. classes: their names, in
    the order of the logits. weights: its versions, the default first; the other fields are those of the
    default. parameters: how many weights; multiply_adds: for one picture, None = not counted.
    default_layer: the layer that class activation maps start with, None = found by probing. source: a
    link. summary: replaces the line that is made from the figures.
    """

    key: str
    label: str
    family: str
    builder: Builder
    pixels: PixelSpace
    classes: tuple[str, ...] = field(repr=False)
    weights: tuple[WeightsVersion, ...] = ()
    licence: str = ""
    parameters: int = 0
    multiply_adds: int | None = None
    accuracy: Accuracy | None = None
    default_layer: str | None = None
    source: str = ""
    summary: str = ""

    @property
    def line(self) -> str:
        """One line for people: "ResNet-50 · 25.6 M parameters · 80.9 % · 98 MB"."""
        if self.summary:
            return self.summary
        parts = [self.label, f"{self.parameters / 1e6:.1f} M parameters"]
        if self.accuracy is not None:
            parts.append(f"{100 * self.accuracy.top1:.1f} %")
        if self.weights:
            parts.append(megabytes(self.weights[0].bytes))
        return " · ".join(parts)

    def version(self, name: str) -> WeightsVersion | None:
        """Return the version of the weights with this name, if there is one."""
        return next((version for version in self.weights if version.name == name), None)

    def with_version(self, version: WeightsVersion) -> ModelCard:
        """Return this card with the pixel space, classes and figures of another version of the weights."""
        return replace(
            self,
            builder=version.builder,
            pixels=version.pixels,
            classes=version.classes,
            licence=version.licence,
            parameters=version.parameters,
            multiply_adds=version.multiply_adds,
            accuracy=version.accuracy,
        )


def megabytes(count: int) -> str:
    """Write a number of bytes as torchvision's documentation does: 102540417 -> "98 MB"."""
    size = count / 2**20
    return f"{size:.1f} MB" if size < 10 else f"{size:.0f} MB"
