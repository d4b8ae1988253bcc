"""One question about many versions of a picture: how sure is the network of two classes, and what does it say?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from explain.memory import within_memory
from explain.stepping import steps
from explain.survival import tensor_of
from explain.target import ClassProbability, probabilities
from explain.tracing import Trace
from models.errors import ModelError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from models import LoadedModel

Version = TypeVar("Version")


@dataclass(frozen=True)
class Asked:
    """What a network says of one version of a picture.

    p_label, p_predicted: the probabilities of the label (None without one) and of the class first predicted. said:
    the class it now takes the picture for, with its probability.
    """

    p_label: float | None
    p_predicted: float
    said: int
    said_probability: float


def ask(
    model: LoadedModel,
    versions: Sequence[Version],
    picture: Callable[[Version], Image.Image],
    label: int | None,
    predicted: int,
) -> tuple[Asked, ...]:
    """Ask a network about versions of a picture, each made when its turn comes: RGB, at the size that it sees."""

    def pixels(some: Sequence[Version]) -> Tensor:
        return tensor_of(*(np.asarray(picture(version), np.float32) / 255 for version in some))

    def answers(trace: Trace) -> tuple[Asked, ...]:
        found: list[Asked] = []
        for part in steps(trace, len(versions)):
            logits = trace.model(pixels(versions[part]).to(trace.model.device))
            if not torch.isfinite(logits).all():
                raise ModelError("The network gives no finite scores for this picture.", "Its weights may be damaged.")
            best = probabilities(logits).max(1)
            p_label = [None] * len(logits) if label is None else ClassProbability(label)(logits).tolist()
            p_predicted = ClassProbability(predicted)(logits).tolist()
            said = zip(p_label, p_predicted, best.indices.tolist(), best.values.tolist(), strict=True)
            found.extend(Asked(*one) for one in said)
        return tuple(found)

    return within_memory(Trace(model, pixels(versions[:1]).to(model.device)), answers)
