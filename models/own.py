"""A network of somebody's own: weights for an architecture that is known here, its classes and pixels declared.

What comes back is a loaded network with a card of its own, which is in no registry: whoever loaded it has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedIOBase
from math import isfinite
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from models.alive import alive
from models.answers import check_answers
from models.card import ModelCard, WeightsVersion
from models.checkpoint import Stored, filled, renamed, unfilled, unwrapped
from models.device import pick
from models.errors import ModelError, WeightsError
from models.grad_mode import outside_inference
from models.header import TYPES, Place, check_kind, read_header
from models.labels import named, number_of_names
from models.loaded import LoadedModel
from models.registry import CARDS, SEED, frozen
from models.weights import WeightsSource

if TYPE_CHECKING:
    from models.card import Builder
    from models.header import Header
    from models.pixels import PixelSpace

FAMILY = "Your own"
#: A picture of more pixels than this a side is no mistake that one would want to wait for.
LARGEST_SIDE = 2048


@dataclass(frozen=True)
class WithClasses:
    """Builds an architecture with another number of classes: its last layer replaced."""

    builder: Builder
    head: str
    classes: int

    def __call__(self) -> nn.Module:
        """Build the network."""
        network = self.builder()
        old = network.get_submodule(self.head)
        parent, _, name = self.head.rpartition(".")
        setattr(network.get_submodule(parent), name, _like(old, self.classes))
        return network


@outside_inference()
def load(
    file: Path | BufferedIOBase,
    architecture: str,
    *,
    name: str = "",
    classes: Sequence[str] | None = None,
    pixels: PixelSpace | None = None,
    device: str = "auto",
) -> LoadedModel:
    """Make a network of a safetensors file ready to be asked.

    file: a path, or an open file with its `name`. architecture: a key of models.CARDS; how many classes there
    are is read from the file. classes: their names, None = "class 0", "class 1" and so on. pixels: how it
    wants its pictures, None = as the architecture's usual weights do. The header is checked and all shapes are
    compared before anything else is read; nothing is ever unpickled.
    """
    card = CARDS.get(architecture)
    if card is None:
        raise ModelError(f"There is no architecture named {architecture!r}.", "models.CARDS lists all there are.")
    with ExitStack() as stack:
        if isinstance(file, Path):
            name = name or file.name
            check_kind(name)
            if not file.is_file():
                raise WeightsError(f"There is no file {name!r}.")
            file = stack.enter_context(file.open("rb"))
        header = read_header(file, name)
        pixels = checked_pixels(pixels or card.pixels)
        version, network, note = _fitted(card, _stored(file, header), name)
        file.seek(0)
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    own = ModelCard(
        key="",
        label=name,
        family=FAMILY,
        builder=version.builder,
        pixels=pixels,
        classes=(),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        default_layer=card.default_layer,
        summary=f"weights of your own for {card.label}",
    )
    content = f"{checksum}|{architecture}"
    return ready(network, own, names=classes, content=lambda: content, file=name, note=note, device=device)


def ready(
    network: nn.Module,
    card: ModelCard,
    *,
    names: Sequence[str] | None,
    content: Callable[[], str],
    file: str = "",
    note: str = "",
    device: str = "auto",
) -> LoadedModel:
    """Freeze a network of somebody's own, put it on its device, and run it to see what it gives.

    Refuses one whose answers ConvLens would change, or that has more than one answer for a picture (`models.answers`).
    card: without classes, and with an empty key where it is to be made of the identity. names: of its classes,
    as many as it tells apart, or None. content: gives what tells its weights from others.
    """
    chosen = pick(device)
    network = network.eval().requires_grad_(False).to(chosen)
    model = LoadedModel(card, network, chosen, RLock(), WeightsSource("file"))
    outputs = check_answers(model)
    classes = named(names, outputs, f"{card.label!r} tells {number_of_names(outputs):,} apart")
    declared = f"{content()}|{card.pixels}|{classes}"
    identity = hashlib.sha256(declared.encode()).hexdigest()[:16]
    return replace(
        model,
        card=replace(card, key=card.key or f"own-{identity}", classes=classes),
        weights=WeightsSource("file", file=file, identity=identity, note=note),
    )


def untrained(model: LoadedModel) -> LoadedModel:
    """Build the same network with seeded random weights."""
    network = alive(model.card.builder, model.card.pixels, SEED)
    source = WeightsSource("random", identity=f"random-{SEED}")
    return LoadedModel(model.card, frozen(network).to(model.device), model.device, RLock(), source)


def checked_pixels(pixels: PixelSpace) -> PixelSpace:
    """Refuse what no network wants its pictures like, beyond what a PixelSpace refuses by itself."""
    if pixels.resize > LARGEST_SIDE:
        raise ModelError(f"A picture may be resized to {LARGEST_SIDE:,} pixels at most, not to {pixels.resize:,}.")
    if len(pixels.mean) != 3 or not all(isfinite(value) for value in (*pixels.mean, *pixels.std)):
        raise ModelError("Wanted one mean and one standard deviation for each of red, green and blue.")
    return pixels


def in_words(pixels: PixelSpace) -> str:
    """Say how a network wants its pictures."""
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (pixels.mean, pixels.std))
    return (
        f"Shorter side resized to {pixels.resize} ({pixels.interpolation}), the middle {pixels.side} x {pixels.side} "
        f"pixels kept, then colours from 0 to 1 less {mean}, over {std} (red, green, blue)."
    )


def _stored(file: BufferedIOBase, header: Header) -> dict[str, Stored]:
    """List the tensors of an open file without what stands before all their names."""
    wrapper = len(unwrapped(header.places))
    return {name[wrapper:]: (place.shape, partial(_tensor, file, place)) for name, place in header.places.items()}


def _tensor(file: BufferedIOBase, place: Place) -> Tensor:
    kind: torch.dtype = getattr(torch, TYPES[place.type][0])
    buffer = bytearray(place.end - place.begin)
    if not buffer:
        return torch.empty(place.shape, dtype=kind)
    file.seek(place.begin)
    if file.readinto(buffer) != len(buffer):
        raise EOFError("the file has become shorter")
    return torch.frombuffer(buffer, dtype=torch.uint8).view(kind).reshape(place.shape)


def _fitted(card: ModelCard, stored: dict[str, Stored], file: str) -> tuple[WeightsVersion, nn.Module, str]:
    """Find the version of an architecture that the tensors fit, and fill it; its classes have no names yet."""
    refusal = None
    builders: dict[Builder, WeightsVersion] = {}
    for version in card.weights or (_unversioned(card),):
        builders.setdefault(version.builder, version)
    for version in builders.values():
        sized = _sized(version, stored)
        try:
            network, note = filled(stored, file, card.label, sized)
        except WeightsError as error:
            refusal = refusal or error
        else:
            return sized, network, note
    assert refusal is not None
    raise refusal


def _sized(version: WeightsVersion, stored: dict[str, Stored]) -> WeightsVersion:
    """Give a version as many classes as the stored tensors have."""
    head = head_of(unfilled(version.builder), len(version.classes))
    shape = renamed(stored, version).get(f"{head}.weight", ((), None))[0]
    if head is None or not shape or shape[0] < 1:
        return version
    count = shape[0]
    names = tuple(f"class {index}" for index in range(count))
    return replace(version, builder=WithClasses(version.builder, head, count), classes=names)


def head_of(network: nn.Module, classes: int) -> str | None:
    """Name the last layer with as many outputs as there are classes; None where there is none."""
    found = None
    for name, module in network.named_modules():
        linear = isinstance(module, nn.Linear) and module.out_features == classes
        if name and (linear or (isinstance(module, nn.Conv2d) and module.out_channels == classes)):
            found = name
    return found


def _like(head: nn.Module, classes: int) -> nn.Module:
    biased = head.bias is not None
    if isinstance(head, nn.Conv2d):
        size, stride, padding = head.kernel_size, head.stride, head.padding
        return nn.Conv2d(head.in_channels, classes, size, stride, padding, bias=biased)  # type: ignore[arg-type]
    assert isinstance(head, nn.Linear)
    return nn.Linear(head.in_features, classes, bias=biased)


def _unversioned(card: ModelCard) -> WeightsVersion:
    """Describe weights for a card that has none."""
    return WeightsVersion(
        name="",
        file="",
        url="",
        sha256="",
        bytes=0,
        builder=card.builder,
        pixels=card.pixels,
        classes=card.classes,
        accuracy=None,
        licence="",
        recipe="",
        parameters=card.parameters,
        multiply_adds=None,
    )
