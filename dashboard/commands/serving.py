"""What the owner of the server hands to it when it is started: a network of their own, and a folder of pictures.

Both go by the environment, so that a page can read them and never name them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import PictureError

if TYPE_CHECKING:
    import argparse

NETWORK_SETTING, DATA_SETTING = "CONVLENS_NETWORK", "CONVLENS_DATA"


def serving(parser: argparse.ArgumentParser) -> None:
    """Add the flags `--network` and `--data`."""
    parser.add_argument(
        "--network", metavar="PACKAGE.MODULE:FACTORY", help="a network of your own, made by a function of your program"
    )
    parser.add_argument(
        "--data", type=Path, metavar="PATH", help="a folder or zip of pictures on this machine, for the page Mistakes"
    )


def hand_over(chosen: argparse.Namespace) -> None:
    """Pass the flags' values to the server, once they are seen to be of use; a ConvLensError says why they are not."""
    if chosen.data is not None:
        if not chosen.data.exists():
            raise PictureError(f"There is no folder or zip named {chosen.data.name!r}.", "--data takes a path.")
        os.environ[DATA_SETTING] = str(chosen.data.resolve())
    if chosen.network is not None:
        from models import entry

        entry.shared(chosen.network)
        os.environ[NETWORK_SETTING] = chosen.network


def network() -> str | None:
    """Return the entry point of the network that the server was started with."""
    return os.environ.get(NETWORK_SETTING) or None


def data() -> Path | None:
    """Return the folder or zip of pictures that the server was started with."""
    named = os.environ.get(DATA_SETTING)
    return Path(named) if named else None
