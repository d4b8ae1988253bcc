"""Networks that do not ship: the one that the server was started with, for all, and one of each session, for itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dashboard import catalogue, state
from dashboard.catalogue import ModelEntry
from dashboard.commands import serving
from models.errors import ConvLensError

if TYPE_CHECKING:
    from models.loaded import LoadedModel

#: The family under which the list has them; the same as on their cards.
FAMILY = "Your own"
#: How the keys of sessions' networks begin; a link holds the key, never the network.
BEGINS = "own-"
HELD = "own_network"

log = logging.getLogger("convlens")


@dataclass(frozen=True, eq=False)
class Own:
    """A network that does not ship: how the page lists it, what it does with a picture, and itself.

    python: the lines that load it again, with `model` as its name.
    """

    entry: ModelEntry
    pixels: str
    python: str
    model: LoadedModel


def of_server() -> Own | None:
    """Return the network that the server was started with, if there is one and it can be made."""
    spec = serving.network()
    return _made(spec) if spec else None


@cache
def _made(spec: str) -> Own | None:
    from models import entry

    try:
        return described(entry.shared(spec), f"from models import entry, own\nmodel = entry.load({spec!r})")
    except ConvLensError as error:
        log.error("the network %s that the server was started with: %s", spec, error)
        return None


def of_session() -> Own | None:
    """Return the network that this session handed over."""
    held: Own | None = state.held(HELD)
    return held


def keep(own: Own | None) -> None:
    """Hold a network for this session in place of the one before, or none."""
    state.put(HELD, own)


def find(key: str) -> Own | None:
    """Return the network with this key if it is the server's or this session's; nobody else's is ever found."""
    return next((own for own in _all() if own.entry.key == key), None)


def python(key: str, untrained: bool) -> str:
    """Write the lines of Python that make a network ready, with `model` as its name and `models` imported before."""
    own = find(key)
    if own is None:
        weights = ', weights="random"' if untrained else ""
        return f'model = models.load("{key}"{weights})'
    return f"{own.python}\nmodel = own.untrained(model)" if untrained else own.python


def entries() -> dict[str, ModelEntry]:
    """List the server's and this session's network by key."""
    return {own.entry.key: own.entry for own in _all()}


def _all() -> list[Own]:
    return [own for own in (of_server(), of_session()) if own is not None]


def described(model: LoadedModel, python: str) -> Own:
    """Describe a loaded network as the page lists it."""
    from models.own import in_words

    card = model.card
    entry = ModelEntry(
        key=card.key,
        label=card.label,
        line=card.line,
        family=card.family,
        bytes=4 * card.parameters,
        top1=None,
        parameters=card.parameters,
        files=(),
        classes=catalogue.told_apart(card.classes),
        layers=None,
        unsuitable={},
    )
    return Own(entry, in_words(card.pixels), python, model)


catalogue.also.append(entries)
