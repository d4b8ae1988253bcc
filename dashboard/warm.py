"""Makes the network ready in the background once the first screen stands."""

from __future__ import annotations

import logging
import os
from threading import Timer

from dashboard import cache
from dashboard.catalogue import catalogue
from models.errors import ConvLensError

log = logging.getLogger("convlens")

#: Seconds after the first script run; the first screen must be painted before torch takes the processor.
PAUSE = 2.0


def soon() -> None:
    """Start to load the default network in a moment; CONVLENS_WARM=0 turns this off."""
    if os.environ.get("CONVLENS_WARM", "1") != "0":
        cache.once("warm", _start)


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
