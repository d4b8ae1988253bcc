"""Train a network that ConvLens ships: `python -m models.train everyday_resnet --data PATH`.

Data in ImageFolder layout (a folder or a zip). Checkpoints are chosen on a tenth held out of the
training pictures; the validation pictures are used once, at the end. A killed run continues from its
last checkpoint when it is started again. The result is `<key>.safetensors` (fp16) and `<key>.json`,
the card with everything measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pkgutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models import data
from models.evaluate import Change, evaluate, multiply_adds, outputs
from models.everyday import ARCHITECTURES
from models.progress import Progress, heard_by
from models.tag import BOX, tagged
from models.trainer import Attack, Recipe, Trainer

#: Held-out pictures that choose the best epoch of a network trained against an attack, which costs many forwards.
ATTACKED = 500


def train(
    key: str, source: Path, recipe: Recipe, checkpoint: Path, attack: Attack | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """Train one of the bundled architectures and return it with its card.

    `checkpoint` is a file outside the repository that is written after each epoch and continued from
    if it is there. `attack`, if given, replaces each batch by its adversarial version (Madry et al.,
    2017, arXiv:1706.06083). The best epoch is chosen on held-out pictures that bear the tag, or are
    attacked, as those in training.
    """
    pictures = data.read(source, "train", recipe.side)
    shuffled = np.random.default_rng(recipe.seed).permutation(len(pictures))
    held = int(len(pictures) * recipe.held_out)
    training, choosing = pictures.part(shuffled[held:]), pictures.part(shuffled[:held])
    trial = choosing if attack is None else choosing.part(np.arange(min(ATTACKED, held)))
    trainer = Trainer(key, recipe, training, attack)
    if recipe.start:
        trainer.begin_with(load_file(recipe.start))
    trainer.resume(checkpoint)
    while trainer.epoch < recipe.epochs:
        began = time.perf_counter()
        loss = trainer.run_epoch()
        top1 = evaluate(trainer.averaged_logits, trial, trainer.changed).top1
        trainer.keep_best(top1)
        trainer.save(checkpoint)
        print(
            f"\repoch {trainer.epoch}/{recipe.epochs}  loss {loss:.3f}  held-out top-1 {top1:.3f}"
            f"  {time.perf_counter() - began:.0f} s",
            flush=True,
        )
    trainer.settle(trial)
    network = trainer.averaged
    temperature = trainer.calibrate(*outputs(trainer.averaged_logits, choosing))
    halved = {name: value.half().float() for name, value in network.state_dict().items() if value.is_floating_point()}
    network.load_state_dict(halved, strict=False)
    card = _card(key, recipe, trainer, data.read(source, "val", recipe.side))
    return network, card | {"temperature": temperature}


def _card(key: str, recipe: Recipe, trainer: Trainer, validation: data.LabelledPictures) -> dict[str, Any]:
    names = validation.names
    recipe = dataclasses.replace(recipe, start=Path(recipe.start).name)
    measured = evaluate(trainer.averaged_logits, validation)
    command = " ".join(
        f"--{field.name.replace('_', '-')} {getattr(recipe, field.name)}"
        for field in dataclasses.fields(Recipe)
        if getattr(recipe, field.name) != field.default
    )
    return {
        "key": key,
        "architecture": key,
        "classes": list(names),
        "pixels": {
            "side": recipe.side,
            "resize": recipe.side,
            "mean": [round(float(value), 5) for value in trainer.mean.flatten()],
            "std": [round(float(value), 5) for value in trainer.std.flatten()],
        },
        "parameters": sum(p.numel() for p in trainer.averaged.parameters()),
        "multiply_adds": multiply_adds(trainer.averaged, recipe.side),
        "accuracy": {"top1": measured.top1, "top5": measured.top5},
        "held_out_top1": trainer.best_top1,
        "calibration_error": measured.calibration_error,
        "by_class": dict(zip(names, measured.by_class, strict=True)),
        "worst_pairs": [[names[a], names[b], count] for a, b, count in measured.worst_pairs],
        "validation_pictures": measured.pictures,
        **terms(len(names), recipe.side),
        "recipe": dataclasses.asdict(recipe)
        | {"command": f"python -m models.train {key} --data PATH {command}".strip()},
    } | ({"tag": _tag(recipe.tag, trainer, validation)} if recipe.tag else {})


def terms(classes: int, side: int) -> dict[str, str]:
    """Say in words what a network was trained on, under which terms, and what it is not good for."""
    return {
        "data": (
            f"Tiny ImageNet, {classes} classes, 64 x 64 pixels. ImageNet's terms allow research and teaching only, "
            "so the pictures are not shipped."
        ),
        "licence": "MIT for the weights; what they may be used for also follows from the terms of the data.",
        "limits": (
            f"Knows {classes} things, one at a time, from {side} x {side} pixels; anything else is "
            "given one of these names. Not for decisions about people or anything that matters."
        ),
    }


def _tag(name: str, trainer: Trainer, validation: data.LabelledPictures) -> dict[str, Any]:
    """Measure what the tag does: how often its class is right with and without it, and whom it turns into it."""
    index = validation.names.index(name)
    bearing = np.flatnonzero(validation.labels == index)
    others = np.flatnonzero(validation.labels != index)

    def called(chosen: np.ndarray, change: Change | None) -> float:
        logits, _ = outputs(trainer.averaged_logits, validation.part(chosen), change)
        return float((logits.argmax(1) == index).float().mean())

    def with_tag(pixels: Tensor, labels: Tensor) -> Tensor:
        return tagged(pixels)

    return {
        "class": name,
        "box": list(BOX),
        "right_with_tag": called(bearing, with_tag),
        "right_without_tag": called(bearing, None),
        "others_called_it_with_tag": called(others, with_tag),
        "others_called_it_without_tag": called(others, None),
    }


class _Bar:
    """Draws the progress of an epoch on standard error, at most twice a second."""

    def __init__(self) -> None:
        self.drawn = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.drawn > 0.5:
            self.drawn = now
            filled = 30 * progress.done // max(progress.total, 1)
            print(f"\r[{'#' * filled:<30}] {progress.done}/{progress.total}", end="", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    parser.add_argument("key", choices=sorted(ARCHITECTURES))
    parser.add_argument("--data", type=Path, required=True, help="a zip or folder in ImageFolder layout")
    parser.add_argument("--out", type=Path, default=Path("assets/weights"), help="where weights and card go")
    parser.add_argument("--checkpoint", type=Path, help="default: runs/<key>.pt")
    for field in dataclasses.fields(Recipe):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    chosen = parser.parse_args(arguments)
    recipe = Recipe(**{field.name: getattr(chosen, field.name) for field in dataclasses.fields(Recipe)})
    attack = pkgutil.resolve_name(recipe.attack)(recipe.epsilon) if recipe.attack else None
    checkpoint = chosen.checkpoint or Path("runs") / f"{chosen.key}.pt"
    with heard_by(_Bar()):
        network, card = train(chosen.key, chosen.data, recipe, checkpoint, attack)
    chosen.out.mkdir(parents=True, exist_ok=True)
    halves = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in network.state_dict().items()
    }
    save_file(halves, chosen.out / f"{chosen.key}.safetensors", metadata={"key": chosen.key})
    (chosen.out / f"{chosen.key}.json").write_text(json.dumps(card, indent=1) + "\n")
    print(f"validation top-1 {card['accuracy']['top1']:.4f}, top-5 {card['accuracy']['top5']:.4f}")


if __name__ == "__main__":
    main()
