"""Measure a network on labelled pictures: `python -m models.evaluate everyday_resnet --data PATH`.

Accuracy, accuracy by class, calibration, confused pairs, on the validation pictures of a folder or zip in
ImageFolder layout; with `--attack explain.methods.pgd:twenty_steps` also after each picture was attacked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models import data, registry, weights
from models.attacking import Attack, attack_named
from models.command_line import Bar, in_words
from models.data import LabelledPictures
from models.errors import ModelError, PictureError
from models.loaded import LoadedModel
from models.progress import Stage, heard_by, track, within

#: Pictures attacked at once: few, so that progress is seen.
ATTACKED = 50
#: Alters labelled pictures: (pixels (N, 3, H, W) in [0, 1], labels (N,)) -> pixels.
Change = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Evaluation:
    """What a network gets right: shares in 0..1, `by_class` one per class, `worst_pairs` (true, said, count)."""

    pictures: int
    top1: float
    top5: float
    calibration_error: float
    by_class: tuple[float, ...]
    worst_pairs: tuple[tuple[int, int, int], ...]


def outputs(
    logits_of: Callable[[Tensor], Tensor], pictures: LabelledPictures, change: Change | None = None, batch: int = 250
) -> tuple[Tensor, Tensor]:
    """Run the pictures through `logits_of` (pixels in [0, 1] -> logits), changed if asked.

    Returns the logits (N, C) and the labels (N,). Progress is reported in batches.
    """
    found = []
    labels = torch.from_numpy(pictures.labels)
    starts = range(0, len(pictures), batch)
    for start in track(starts, len(starts)):
        part = slice(start, start + batch)
        pixels = torch.from_numpy(pictures.pixels[part]).float() / 255
        if change is not None:
            pixels = change(pixels, labels[part])
        with torch.no_grad():
            found.append(logits_of(pixels).float().cpu())
    return torch.cat(found), labels


def evaluate(
    logits_of: Callable[[Tensor], Tensor], pictures: LabelledPictures, change: Change | None = None, batch: int = 250
) -> Evaluation:
    """Run the pictures through `logits_of` (pixels in [0, 1] -> logits) and count.

    `change`, if given, alters them first: an attack, a tag. The calibration error is the expected
    calibration error over 15 bins of equal width (Guo et al., 2017, arXiv:1706.04599).
    """
    logits, labels = outputs(logits_of, pictures, change, batch)
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


def main(arguments: list[str] | None = None) -> None:
    """Measure a network from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("key", help="a network of models.CARDS")
    parser.add_argument("--data", type=Path, required=True, help="a zip or folder in ImageFolder layout")
    parser.add_argument("--attack", metavar="MODULE:FUNCTION", help="makes an attack of a given epsilon")
    parser.add_argument("--epsilon", type=float, default=4 / 255, help="the size of the attack, default 4/255")
    parser.add_argument("--write", action="store_true", help="write the accuracy under attack to the network's card")
    chosen = parser.parse_args(arguments)
    if chosen.write and not chosen.attack:
        parser.error("--write needs --attack: only the accuracy under attack is written")
    with in_words(), heard_by(Bar()):
        _measure(chosen)


def _measure(chosen: argparse.Namespace) -> None:
    attack = attack_named(chosen.attack, chosen.epsilon) if chosen.attack else None
    card = weights.BUNDLED / f"{chosen.key}.json"
    if chosen.write and not card.exists():
        raise ModelError(f"{chosen.key!r} is no bundled network, so it has no card to write to.", "Leave out --write.")
    model = registry.load(chosen.key)
    pictures = data.read(chosen.data, "val", model.card.pixels.side)
    if len(pictures.names) != len(model.card.classes):
        raise PictureError(
            f"The data has {len(pictures.names)} classes, {model.card.label} knows {len(model.card.classes)}."
        )
    with within(Stage("pictures as they are, batch")):
        found = evaluate(model, pictures)
    print(
        f"validation top-1 {found.top1:.4f}, top-5 {found.top5:.4f}, calibration error {found.calibration_error:.4f}"
        f" ({found.pictures} pictures)"
    )
    if attack is None:
        return
    with within(Stage("attacked pictures, batch")):
        attacked = evaluate(model, pictures, _changing(model, attack), ATTACKED).top1
    print(f"under attack ({chosen.attack}, epsilon {255 * chosen.epsilon:g}/255): top-1 {attacked:.4f}")
    if chosen.write:
        record = json.loads(card.read_text(encoding="utf-8"))
        under = {"attack": chosen.attack, "epsilon": round(chosen.epsilon, 6), "top1": round(attacked, 6)}
        card.write_text(json.dumps(record | {"under_attack": under}, indent=1) + "\n", encoding="utf-8")


def _changing(model: LoadedModel, attack: Attack) -> Change:
    generator = torch.Generator().manual_seed(0)

    def change(pixels: Tensor, labels: Tensor) -> Tensor:
        return attack(model, pixels.to(model.device), labels.to(model.device), generator)

    return change


if __name__ == "__main__":
    main()
