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
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from models import data, device
from models.augment import augmented
from models.evaluate import Evaluation, evaluate, multiply_adds
from models.everyday import ARCHITECTURES
from models.progress import Progress, heard_by, track

#: Moves pixels against the loss: (pixels in [0, 1] -> logits, pixels, labels, generator) -> pixels.
Attack = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the card repeats it, so that anyone can repeat the training."""

    epochs: int = 16
    batch: int = 128
    rate: float = 0.1
    weight_decay: float = 5e-4
    smoothing: float = 0.1
    zoom: float = 0.5
    mixing: float = 0.0
    erasing: float = 0.0
    average: float = 0.998
    held_out: float = 0.1
    side: int = 64
    seed: int = 0


def train(
    key: str, source: Path, recipe: Recipe, checkpoint: Path, attack: Attack | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """Train one of the bundled architectures and return it with its card.

    `checkpoint` is a file outside the repository that is written after each epoch and continued from
    if it is there. `attack`, if given, replaces each batch by its adversarial version (Madry et al.,
    2017, arXiv:1706.06083).
    """
    pictures = data.read(source, "train", recipe.side)
    shuffled = np.random.default_rng(recipe.seed).permutation(len(pictures))
    held = int(len(pictures) * recipe.held_out)
    training, choosing = pictures.part(shuffled[held:]), pictures.part(shuffled[:held])
    mean = training.pixels.mean((0, 2, 3)) / 255
    std = training.pixels.std((0, 2, 3)) / 255
    trainer = _Trainer(key, recipe, training, mean, std, attack)
    trainer.resume(checkpoint)
    while trainer.epoch < recipe.epochs:
        began = time.perf_counter()
        loss = trainer.run_epoch()
        measured = evaluate(trainer.averaged_logits, choosing)
        trainer.keep_best(measured.top1)
        trainer.save(checkpoint)
        print(
            f"\repoch {trainer.epoch}/{recipe.epochs}  loss {loss:.3f}  held-out top-1 {measured.top1:.3f}"
            f"  {time.perf_counter() - began:.0f} s",
            flush=True,
        )
    trainer.averaged.load_state_dict(trainer.best)
    halved = {name: value.half().float() for name, value in trainer.best.items() if value.is_floating_point()}
    trainer.averaged.load_state_dict(halved, strict=False)
    validation = data.read(source, "val", recipe.side)
    return trainer.averaged, _card(key, recipe, trainer, evaluate(trainer.averaged_logits, validation), pictures.names)


class _Trainer:
    """The state of one training run: network, running average, optimiser, position."""

    def __init__(
        self,
        key: str,
        recipe: Recipe,
        training: data.LabelledPictures,
        mean: np.ndarray,
        std: np.ndarray,
        attack: Attack | None,
    ) -> None:
        self.recipe = recipe
        self.attack = attack
        self.device = device.pick()
        with torch.random.fork_rng():
            torch.random.manual_seed(recipe.seed)
            self.network, self.averaged = (
                ARCHITECTURES[key](len(training.names)).to(self.device).to(memory_format=torch.channels_last)
                for _ in range(2)
            )
        self.averaged.load_state_dict(self.network.state_dict())
        self.averaged.eval()
        self.pixels = torch.from_numpy(training.pixels)
        self.labels = torch.from_numpy(training.labels)
        self.mean = torch.tensor(mean, dtype=torch.float32, device=self.device).view(1, 3, 1, 1)
        self.std = torch.tensor(std, dtype=torch.float32, device=self.device).view(1, 3, 1, 1)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.SGD(groups, lr=recipe.rate, momentum=0.9, nesterov=True)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.epoch = 0
        self.best_top1 = -1.0
        self.best: dict[str, Tensor] = {}

    def logits(self, pixels: Tensor) -> Tensor:
        normalised = (pixels.to(self.device) - self.mean) / self.std
        with torch.autocast(self.device.type, torch.bfloat16):
            result: Tensor = self.network(normalised.to(memory_format=torch.channels_last))
        return result.float()

    def averaged_logits(self, pixels: Tensor) -> Tensor:
        result: Tensor = self.averaged((pixels.to(self.device) - self.mean) / self.std)
        return result.float().cpu()

    def run_epoch(self) -> float:
        self.network.train()
        order = torch.randperm(len(self.labels), generator=self.generator).split(self.recipe.batch)
        order = tuple(chosen for chosen in order if len(chosen) == self.recipe.batch) or order
        total = 0.0
        for position, chosen in enumerate(track(order, len(order))):
            self._set_rate((self.epoch + position / len(order)) / self.recipe.epochs)
            pixels = augmented(
                self.pixels[chosen].to(self.device), self.generator, self.recipe.zoom, self.recipe.erasing
            )
            labels = self.labels[chosen].to(self.device)
            if self.attack is not None:
                self.network.eval()
                pixels = self.attack(self.logits, pixels, labels, self.generator)
                self.network.train()
            loss = self._loss(pixels, labels)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            steps = self.epoch * len(order) + position + 1
            self._average(min(self.recipe.average, (1 + steps) / (10 + steps)))
            total += loss.item()
        self.epoch += 1
        return total / len(order)

    def _loss(self, pixels: Tensor, labels: Tensor) -> Tensor:
        recipe = self.recipe
        if recipe.mixing == 0:
            return functional.cross_entropy(self.logits(pixels), labels, label_smoothing=recipe.smoothing)
        share = float(np.random.default_rng(int(torch.randint(2**31, (1,), generator=self.generator))).beta(
            recipe.mixing, recipe.mixing
        ))
        partner = torch.randperm(len(pixels), generator=self.generator).to(pixels.device)
        logits = self.logits(share * pixels + (1 - share) * pixels[partner])
        return share * functional.cross_entropy(logits, labels, label_smoothing=recipe.smoothing) + (
            1 - share
        ) * functional.cross_entropy(logits, labels[partner], label_smoothing=recipe.smoothing)

    def _set_rate(self, share: float) -> None:
        warm = 0.1
        factor = share / warm if share < warm else 0.5 * (1 + math.cos(math.pi * (share - warm) / (1 - warm)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate * max(factor, 1e-3)

    def _average(self, keep: float) -> None:
        with torch.no_grad():
            for mine, theirs in zip(
                self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mine.is_floating_point():
                    mine.lerp_(theirs, 1 - keep)
                else:
                    mine.copy_(theirs)

    def keep_best(self, top1: float) -> None:
        if top1 >= self.best_top1:
            self.best_top1 = top1
            self.best = {name: value.detach().clone() for name, value in self.averaged.state_dict().items()}

    def save(self, checkpoint: Path) -> None:
        """Write the whole state beside the checkpoint and rename it, so that a kill leaves the old one."""
        state = {
            "recipe": dataclasses.asdict(self.recipe),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "best": self.best,
            "best_top1": self.best_top1,
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "epoch": self.epoch,
        }
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        unfinished = checkpoint.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(checkpoint)

    def resume(self, checkpoint: Path) -> None:
        """Continue from the checkpoint if it is there and was made with this recipe."""
        if not checkpoint.exists():
            return
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if state["recipe"] != dataclasses.asdict(self.recipe):
            raise SystemExit(f"{checkpoint.name} was made with another recipe; delete it or name another checkpoint.")
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.best, self.best_top1, self.epoch = state["best"], state["best_top1"], state["epoch"]
        print(f"continuing after epoch {self.epoch}", flush=True)


def _card(
    key: str, recipe: Recipe, trainer: _Trainer, measured: Evaluation, names: tuple[str, ...]
) -> dict[str, Any]:
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
        "data": "Tiny ImageNet, 50 classes, 64 x 64 pixels; ImageNet research terms, the pictures are not shipped",
        "licence": "MIT for the weights",
        "limits": "Knows 50 things, one at a time, from 64 x 64 pixels; anything else is given one of these names.",
        "recipe": dataclasses.asdict(recipe) | {"command": f"python -m models.train {key} --data PATH"},
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
    with heard_by(_Bar()):
        network, card = train(chosen.key, chosen.data, recipe, chosen.checkpoint or Path("runs") / f"{chosen.key}.pt")
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
