"""Whether a network of somebody's own has one answer for a picture: else no map of it could be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.device import no_memory, out_of_memory
from models.errors import ModelError
from models.registry import SEED, frozen

if TYPE_CHECKING:
    from models.loaded import LoadedModel

#: What two runs of a network may differ by, as a share of its largest score: bfloat16 keeps eight bits of a number.
ROUNDING = 0.02
#: How often a network whose answers differ is asked again, to tell one that draws at random from one that does not.
REPEATS = 16


def check_answers(model: LoadedModel) -> int:
    """Freeze a network, see that its answers stay what they were, and count the scores that it gives.

    Refused, since no map of it could be trusted: a network whose layers overwrite what they are given, where it goes on
    with that; one that answers at random; and one whose answer hangs on the other pictures in the batch.
    """
    side = model.card.pixels.side
    pictures = torch.rand((2, 3, side, side), generator=torch.Generator().manual_seed(SEED))
    before, label = _scores(model, pictures[:1]), model.card.label
    frozen(model.network)
    after = _scores(model, pictures[:1])
    if not _same(after, before):
        _refuse_random(model, pictures[:1], after)
        raise ModelError(
            f"{label} goes on with what a layer of its has overwritten (inplace=True).",
            "Let it use what that layer returns, as in x = self.relu(x).",
        )
    if not _same(_scores(model, pictures)[:1], after):
        _refuse_random(model, pictures[:1], after)
        raise ModelError(
            f"{label} answers otherwise where a picture is not alone.",
            "Let each picture be answered by itself; a batch norm needs statistics of its own for that.",
        )
    return int(after.shape[1])


def _refuse_random(model: LoadedModel, picture: Tensor, answer: Tensor) -> None:
    """Refuse a network that gives another answer to the same picture; two draws alone may come out alike by chance."""
    if not all(_same(_scores(model, picture), answer) for _ in range(REPEATS)):
        raise ModelError(
            f"{model.card.label} answers the same picture differently each time.",
            "Something in it is drawn at random: let its dropout obey eval(), as torch.nn.Dropout does.",
        )


def _scores(model: LoadedModel, pictures: Tensor) -> Tensor:
    """Ask a network, and refuse one that cannot be run so."""
    count, side = len(pictures), model.card.pixels.side
    try:
        with torch.no_grad():
            scores: object = model(pictures)
    except Exception as error:
        # Whatever a network of somebody else's raises; the cause goes along for the log.
        if out_of_memory(error):
            raise no_memory(model.card.label) from error
        if count > 1:
            raise ModelError(
                f"{model.card.label} cannot be asked about several pictures at once: {type(error).__name__}.",
                "Let it take any number of pictures; the log has the details.",
            ) from error
        raise ModelError(
            f"{model.card.label} cannot be run on a picture of {side} x {side} pixels: {type(error).__name__}.",
            "Declare the pixels that it was made for; the log has the details.",
        ) from error
    if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != count or not scores.is_floating_point():
        given = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
        asked = "a picture" if count == 1 else "each picture"
        raise ModelError(f"{model.card.label} must give one row of scores for {asked}; it gives {given}.")
    return scores


def _same(one: Tensor, other: Tensor) -> bool:
    """Tell whether two runs gave the same scores, but for what numbers of half the bits, or TF32, round."""
    finite = other[other.isfinite()].abs()
    tolerance = ROUNDING * float(finite.max()) if len(finite) else 0.0
    return torch.allclose(one.float(), other.float(), rtol=0, atol=tolerance, equal_nan=True)
