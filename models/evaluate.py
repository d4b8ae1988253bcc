"""Measure a network on labelled pictures: accuracy, accuracy by class, calibration, confused pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.data import LabelledPictures


@dataclass(frozen=True)
class Evaluation:
    """What a network gets right: shares in 0..1, `by_class` one per class, `worst_pairs` (true, said, count)."""

    pictures: int
    top1: float
    top5: float
    calibration_error: float
    by_class: tuple[float, ...]
    worst_pairs: tuple[tuple[int, int, int], ...]


def evaluate(logits_of: Callable[[Tensor], Tensor], pictures: LabelledPictures, batch: int = 250) -> Evaluation:
    """Run the pictures through `logits_of` (pixels in [0, 1] -> logits) and count.

    The calibration error is the expected calibration error over 15 bins of equal width
    (Guo et al., 2017, arXiv:1706.04599).
    """
    outputs = []
    with torch.no_grad():
        for start in range(0, len(pictures), batch):
            pixels = torch.from_numpy(pictures.pixels[start : start + batch]).float() / 255
            outputs.append(logits_of(pixels).float().cpu())
    logits = torch.cat(outputs)
    labels = torch.from_numpy(pictures.labels)
    confidence, said = logits.softmax(1).max(1)
    right = said == labels
    count = len(pictures.names)
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (labels.numpy(), said.numpy()), 1)
    per_class = confusion.diagonal() / np.maximum(confusion.sum(1), 1)
    wrong = confusion - np.diag(confusion.diagonal())
    worst = wrong.ravel().argsort()[::-1][:10]
    pairs = [(int(place // count), int(place % count)) for place in worst]
    return Evaluation(
        pictures=len(pictures),
        top1=right.float().mean().item(),
        top5=(logits.topk(min(5, count), 1).indices == labels[:, None]).any(1).float().mean().item(),
        calibration_error=_calibration_error(confidence.numpy(), right.numpy()),
        by_class=tuple(float(value) for value in per_class),
        worst_pairs=tuple((a, b, int(wrong[a, b])) for a, b in pairs if wrong[a, b]),
    )


def multiply_adds(network: nn.Module, side: int) -> int:
    """Count the multiply-adds that one picture of `side` x `side` pixels takes."""
    example = next(network.parameters()).new_zeros(1, 3, side, side)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(example)
    return int(counter.get_total_flops()) // 2


def _calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for index in range(bins):
        inside = place == index
        if inside.any():
            error += float(inside.mean()) * abs(float(confidence[inside].mean()) - float(right[inside].mean()))
    return error
