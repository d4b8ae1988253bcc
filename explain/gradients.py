"""What the gradient methods share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel


def input_gradients(model: LoadedModel, pixels: Tensor, target: Target) -> Tensor:
    """Differentiate the target by the pixels of each picture: (N, 3, H, W) -> (N, 3, H, W)."""
    leaf = pixels.detach().requires_grad_()
    with torch.enable_grad():
        (found,) = torch.autograd.grad(target(model(leaf)).sum(), leaf)
    return found.detach()


def scores(model: LoadedModel, pixels: Tensor, target: Target) -> Tensor:
    """Compute the target for each picture without gradients: (N, 3, H, W) -> (N,)."""
    with torch.no_grad():
        return target(model(pixels))
