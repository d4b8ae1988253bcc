"""Do the installed torch and torchvision fit each other?"""

from __future__ import annotations

import importlib
import logging
from importlib.metadata import PackageNotFoundError, version

from models.errors import ModelError


def check_torch() -> None:
    """Import torch and torchvision, or say in one sentence that they do not fit and how to mend it."""
    try:
        importlib.import_module("torch")
        importlib.import_module("torchvision")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        # torchvision registers its operators with the torch it was built for; with another one the import
        # ends in "operator torchvision::nms does not exist", an undefined symbol, or a half-made module.
        logging.getLogger(__name__).error("torch and torchvision cannot be imported", exc_info=error)
        raise ModelError(
            f"torch {_version('torch')} and torchvision {_version('torchvision')} do not fit each other.",
            "Mend it with: pip install -c constraints.txt torch torchvision",
        ) from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
