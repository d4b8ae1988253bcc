"""Which networks there are, and how one of them is made ready to be asked."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from models.card import ModelCard
from models.errors import ModelError
from models.fit import check_torch
from models.weights import WeightsSource, resolve
from models.zoo import FAMILIES

if TYPE_CHECKING:
    from torch import nn

    from models.loaded import LoadedModel

SEED = 0


class _Cards(Mapping[str, ModelCard]):
    """All cards by key; the zoo, and with it torchvision, is imported when they are first asked for."""

    def __init__(self) -> None:
        self._cards: dict[str, ModelCard] = {}
        self._filled = False
        self._lock = RLock()

    def add(self, card: ModelCard) -> None:
        with self._lock:
            self._fill()
            self._add(card)

    def _add(self, card: ModelCard) -> None:
        if card.key in self._cards:
            raise ModelError(f"There is a network named {card.key!r} already.", "Give the new one another key.")
        self._cards[card.key] = card

    def _fill(self) -> dict[str, ModelCard]:
        with self._lock:
            if not self._filled:
                check_torch()
                self._cards.clear()
                for family in FAMILIES:
                    for card in importlib.import_module(family).cards():
                        self._add(card)
                self._filled = True
            return self._cards

    def __getitem__(self, key: str) -> ModelCard:
        return self._fill()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._fill()))

    def __len__(self) -> int:
        return len(self._fill())

    def __repr__(self) -> str:
        return f"CARDS({', '.join(self)})"


_cards = _Cards()
#: Every network there is, by key: the bundled ones first, then torchvision's.
CARDS: Mapping[str, ModelCard] = _cards


def register(card: ModelCard) -> ModelCard:
    """Add a network of your own; a key that is taken is refused."""
    _cards.add(card)
    return card


def load(key: str, *, device: str = "auto", weights: str | Path | None = None) -> LoadedModel:
    """Make a network ready to be asked: built, filled with weights, frozen, on its device.

    `device`: "auto", "cpu", "cuda", "mps". `weights`: None = the first found of the folder
    CONVLENS_WEIGHTS, torch's hub cache and a download; the name of a version ("IMAGENET1K_V1"); the path
    of a .safetensors or .pth file; "random" = seeded random weights that pass gradients on. A download
    reports its progress in bytes (`models.heard_by`).
    """
    card = CARDS.get(key)
    if card is None:
        close = difflib.get_close_matches(key, CARDS, n=3)
        raise ModelError(
            f"There is no network named {key!r}.",
            f"Did you mean {' or '.join(close)}?" if close else "models.CARDS lists all there are.",
        )
    from models.alive import alive
    from models.checkpoint import load_weights
    from models.device import pick
    from models.grad_mode import outside_inference
    from models.loaded import LoadedModel

    chosen = pick(device)
    with outside_inference():
        if weights == "random":
            network = alive(card.builder, card.pixels, SEED)
            source = WeightsSource("random", identity=f"random-{SEED}")
            card = replace(card, accuracy=None)
        else:
            found = resolve(card, weights)
            network, note = load_weights(found.path, card.label, found.version, read_through=not found.published)
            source = found.source(note)
            card = card.with_version(found.version)
            if not found.published:
                # A file of somebody's own: torchvision's figure says nothing about it.
                card = replace(card, accuracy=None)
        return LoadedModel(card, frozen(network).to(chosen), chosen, RLock(), source)


def frozen(network: nn.Module) -> nn.Module:
    """Set eval, take the gradients off the weights, and let no activation overwrite what it was given."""
    network.eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(vars(module).get("inplace"), bool):
            vars(module)["inplace"] = False
    return network
