"""The arithmetic of adversarial pictures: norms, steps, projections, margins. Everything in pixels of [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

Norm = Literal["linf", "l2"]

#: How much of its length a change may have: measuring that in 32 bits is off by a part in a million.
WITHIN = 1 - 2e-6


def column(values: Tensor) -> Tensor:
    """Shape one number for each picture (N,) so that it multiplies pictures: (N, 1, 1, 1)."""
    return values.view(-1, 1, 1, 1)


def size_of(change: Tensor, norm: Norm) -> Tensor:
    """Measure changes (N, 3, H, W): the largest absolute value, or the square root of the sum of squares, (N,)."""
    flat = change.flatten(1)
    return flat.abs().amax(1) if norm == "linf" else flat.norm(dim=1)


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """Turn a gradient into the step of size 1 that raises the loss most: its sign, or itself over its length."""
    if norm == "linf":
        return gradient.sign()
    return gradient / column(size_of(gradient, "l2").clamp(min=1e-12))


def projected(pixels: Tensor, start: Tensor, epsilon: Tensor, norm: Norm) -> Tensor:
    """Bring pictures back to within epsilon (N,) of where they started, and to [0, 1]."""
    change = pixels - start
    if norm == "linf":
        change = change.clamp(-column(epsilon), column(epsilon))
    else:
        change = change * column((WITHIN * epsilon / size_of(change, "l2").clamp(min=1e-12)).clamp(max=1))
    return (start + change).clamp(0, 1)


def random_start(start: Tensor, epsilon: Tensor, norm: Norm, generator: torch.Generator) -> Tensor:
    """Draw a picture evenly from those within epsilon (N,) of each start, cut to [0, 1]."""
    return (start + column(epsilon) * random_change(start, norm, generator)).clamp(0, 1)


def random_change(like: Tensor, norm: Norm, generator: torch.Generator) -> Tensor:
    """Draw changes of the shape of `like` (N, 3, H, W), evenly from those of size 1 at the most."""
    if norm == "linf":
        return torch.rand(like.shape, generator=generator).to(like) * 2 - 1
    radius = torch.rand(len(like), generator=generator).to(like) ** (1 / like[0].numel())
    return steepest(torch.randn(like.shape, generator=generator).to(like), "l2") * column(WITHIN * radius)


def random_signs(like: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw -1 or 1, each as often, in this shape, of the type and on the device of `like`."""
    return torch.randint(2, shape, generator=generator).to(like) * 2 - 1


def margins(logits: Tensor, labels: Tensor, goals: Tensor | None) -> Tensor:
    """Say how far each picture is from fooling the network, (N,); below zero it does.

    Without goals: the score of the label minus the best other score. With goals: the best score but
    the goal's, minus the goal's.
    """
    chosen = labels if goals is None else goals
    own = logits.gather(1, chosen[:, None])[:, 0]
    other = logits.scatter(1, chosen[:, None], -torch.inf).amax(1)
    return own - other if goals is None else other - own


def cross_entropy(logits: Tensor, labels: Tensor, goals: Tensor | None) -> Tensor:
    """The loss that an attack raises, (N,): the label's cross-entropy, or minus the goal's."""
    if goals is None:
        return functional.cross_entropy(logits, labels, reduction="none")
    return -functional.cross_entropy(logits, goals, reduction="none")


def lead_lost(logits: Tensor, labels: Tensor, goals: Tensor | None) -> Tensor:
    """The margin as a loss to raise, (N,): above zero the picture fools the network."""
    return -margins(logits, labels, goals)


def difference_of_logits_ratio(logits: Tensor, labels: Tensor, goals: Tensor | None) -> Tensor:
    """The DLR loss of arXiv:2003.01690 (equations 6 and 7), (N,): a margin that no scaling of the scores changes.

    Without goals it needs three classes, with goals four.
    """
    ranked = logits.sort(1, descending=True).values
    if goals is None:
        return -margins(logits, labels, None) / (ranked[:, 0] - ranked[:, 2] + 1e-12)
    own, wanted = (logits.gather(1, classes[:, None])[:, 0] for classes in (labels, goals))
    return (wanted - own) / (ranked[:, 0] - (ranked[:, 2] + ranked[:, 3]) / 2 + 1e-12)
