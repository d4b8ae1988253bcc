"""An attack that is named on the command line: `explain.methods.pgd:twenty_steps`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable

import torch
from torch import Tensor

from models.errors import ParameterError

#: Moves pixels against the loss: (pixels in [0, 1] -> logits, pixels, labels, generator) -> pixels.
Attack = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, torch.Generator], Tensor]


def attack_named(name: str, epsilon: float) -> Attack:
    """Make the attack of this size by the function that `name` ("package.module:function") names."""
    try:
        attack: Attack = pkgutil.resolve_name(name)(epsilon)
    except (ValueError, ImportError, AttributeError, TypeError) as error:
        raise ParameterError(
            f"{name!r} names no function that makes an attack.",
            "Wanted: MODULE:FUNCTION, such as explain.methods.pgd:twenty_steps.",
        ) from error
    return attack
