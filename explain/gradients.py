"""What the gradient methods share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from models.errors import UnsuitableError

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel


def differentiate(score: Tensor, by: list[Tensor]) -> list[Tensor]:
    """Differentiate one number by each tensor, in one backward; zero where it does not follow from that tensor."""
    found = [torch.zeros_like(each, dtype=None if each.is_floating_point() else torch.float32) for each in by]
    places = [place for place, each in enumerate(by) if each.requires_grad]
    if score.requires_grad and places:
        inputs = [by[place] for place in places]
        try:
            gradients = torch.autograd.grad(score, inputs, allow_unused=True, materialize_grads=True)
        except RuntimeError as error:
            if not overwritten(error):
                raise
            raise overwriting() from error
        for place, gradient in zip(places, gradients, strict=True):
            found[place] = gradient
    return found


def overwritten(error: BaseException) -> bool:
    """Tell whether a gradient fails because the network wrote into a tensor that it needs."""
    return isinstance(error, RuntimeError) and any(word in str(error) for word in ("inplace", "in-place", "out=..."))


def overwriting() -> UnsuitableError:
    """Say that a network has no gradient for that reason."""
    return UnsuitableError("This network overwrites what its own gradient needs.", "Occlusion works without gradients.")


def input_gradients(model: LoadedModel, pixels: Tensor, target: Target) -> Tensor:
    """Differentiate the target by the pixels of each picture: (N, 3, H, W) -> (N, 3, H, W)."""
    leaf = pixels.detach().requires_grad_()
    with torch.enable_grad():
        (found,) = differentiate(target(model(leaf)).sum(), [leaf])
    return found.detach()


def least_difference(*scores: float) -> float:
    """Say below which difference of these scores nothing but rounding is left: a millionth of the largest, or of 1."""
    return max(1e-6 * min(1.0, max(map(abs, scores))), 1e-30)


def scores(model: LoadedModel, pixels: Tensor, target: Target) -> Tensor:
    """Compute the target for each picture without gradients: (N, 3, H, W) -> (N,)."""
    with torch.no_grad():
        return target(model(pixels))
