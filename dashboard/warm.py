"""Makes ready in the background, once the page stands, what it is likely to need next: the network, what suits it."""

from __future__ import annotations

import logging
import os
import time
from threading import Lock, Thread, Timer
from typing import TYPE_CHECKING
from weakref import ref

from dashboard import cache, state
from dashboard.catalogue import as_shipped, catalogue
from models.errors import ConvLensError

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.loaded import LoadedModel

log = logging.getLogger("convlens")

#: Seconds after the first script run; the first screen must be painted before torch takes the processor.
PAUSE = 2.0
#: Networks are probed one at a time, so that the processor is left to those who ask.
_turn = Lock()


def soon() -> None:
    """Start to load the default network in a moment, and to probe the one in view; CONVLENS_WARM=0 turns this off."""
    if os.environ.get("CONVLENS_WARM", "1") == "0":
        return
    cache.once("warm", _start)
    key, untrained = state.get("model"), bool(state.get("untrained"))
    entry = catalogue().models.get(key or "")
    if entry is None or entry.layers is not None:
        return
    network, shelf = cache.loaded(entry.key, untrained), cache.shelf()
    if network is not None and shelf.suited.begin(network):
        Thread(target=probe, args=(shelf, ref(network)), daemon=True).start()


def _start() -> None:
    timer = Timer(PAUSE, _warm, args=(cache.shelf(),))
    timer.daemon = True
    timer.start()


def _warm(shelf: cache.Shelf) -> None:
    key = next(iter(catalogue().models))
    try:
        cache.ready_torch()
        network = shelf.models.ask((key, False), lambda: cache.load(key), lambda progress: None)
        network.layers()
    except ConvLensError as error:
        log.warning("the default network could not be made ready: %s", error)


def probe(shelf: cache.Shelf, held: Callable[[], LoadedModel | None]) -> None:
    """Find out which methods mean something on a network, as long as somebody holds it.

    After each one it rests as long as that took: what a person asks for meanwhile comes first.
    """
    for method in as_shipped().methods:
        with _turn:
            began = time.monotonic()
            if not _probed(shelf, held(), method):
                return
        time.sleep(time.monotonic() - began)


def _probed(shelf: cache.Shelf, network: LoadedModel | None, method: str) -> bool:
    """Probe one method, unless nobody holds the network any more."""
    if network is None:
        return False
    shelf.suited.find(network, method)
    return True
