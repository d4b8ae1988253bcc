"""Networks and everything bound to them: cards, weights, pixel spaces, loading.

`models.CARDS` lists every network there is, `models.load(key)` makes one ready to be asked. Nothing
heavy is imported, built or downloaded before it is asked for; `import models` loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from models.allocator import keep_freed_memory
from models.errors import (
    ConvLensError,
    DeviceError,
    LayerError,
    ModelError,
    ParameterError,
    PictureError,
    TargetError,
    UnsuitableError,
    WeightsError,
)

if TYPE_CHECKING:
    from models.card import Accuracy, ModelCard, WeightsVersion
    from models.graph import LayerInfo
    from models.loaded import LoadedModel
    from models.pixels import PixelSpace
    from models.progress import Progress, heard_by
    from models.registry import CARDS, load, register
    from models.weights import WeightsSource, available, weights_here

_HOME = {
    "Accuracy": "models.card",
    "CARDS": "models.registry",
    "LayerInfo": "models.graph",
    "LoadedModel": "models.loaded",
    "ModelCard": "models.card",
    "PixelSpace": "models.pixels",
    "Progress": "models.progress",
    "WeightsSource": "models.weights",
    "WeightsVersion": "models.card",
    "available": "models.weights",
    "heard_by": "models.progress",
    "load": "models.registry",
    "register": "models.registry",
    "weights_here": "models.weights",
}

__all__ = [
    "CARDS",
    "Accuracy",
    "ConvLensError",
    "DeviceError",
    "LayerError",
    "LayerInfo",
    "LoadedModel",
    "ModelCard",
    "ModelError",
    "ParameterError",
    "PictureError",
    "PixelSpace",
    "Progress",
    "TargetError",
    "UnsuitableError",
    "WeightsError",
    "WeightsSource",
    "WeightsVersion",
    "available",
    "heard_by",
    "load",
    "register",
    "weights_here",
]


keep_freed_memory()


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, those not imported yet included."""
    return sorted(set(globals()) | set(__all__))
