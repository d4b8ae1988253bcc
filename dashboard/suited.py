"""Which methods mean something on a network, as far as it is known by now: to find out takes time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

if TYPE_CHECKING:
    from models.loaded import LoadedModel


class Suited:
    """What was found out of each network, by method: why it means nothing there, or None where it means something."""

    def __init__(self) -> None:
        self._found: WeakKeyDictionary[LoadedModel, dict[str, str | None]] = WeakKeyDictionary()
        self._begun: WeakSet[LoadedModel] = WeakSet()

    def begin(self, network: LoadedModel) -> bool:
        """Tell, once for each network, that nobody has begun to try all methods on it."""
        fresh = network not in self._begun
        self._begun.add(network)
        return fresh

    def find(self, network: LoadedModel, method: str) -> str | None:
        """Find out why a method means nothing on a network, or that it means something, and note it."""
        import explain

        reason = explain.unsuitable(network, explain.METHODS[method])
        self._found.setdefault(network, {})[method] = reason
        return reason

    def unsuitable(self, network: LoadedModel) -> dict[str, str]:
        """List the reasons that are known by now, by method."""
        # A copy, since others may be finding out more meanwhile.
        return {name: why for name, why in dict(self._found.get(network, {})).items() if why is not None}
