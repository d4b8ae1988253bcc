"""One training run: the network, its running average, the optimiser, and where a killed run goes on."""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import device
from models.attacking import Attack
from models.augment import augmented, cut_and_mixed
from models.data import LabelledPictures
from models.errors import ParameterError, WeightsError
from models.evaluate import evaluate
from models.everyday import ARCHITECTURES
from models.progress import track
from models.recipe import Recipe
from models.tag import tagged

#: Training pictures on which batch norms are measured anew.
SETTLING = 5000
#: How much of the trained network there may be in its average with the one that it began with.
SHARES = (1.0, 0.75, 0.5)
#: What a checkpoint says of the run that wrote it, and how it differs where it is another's.
MADE_FOR = {"network": "for another network", "recipe": "by another recipe", "data": "from other pictures"}


class Trainer:
    """The state of one training run; `run_epoch` until `epoch` reaches the recipe's, then read `best`."""

    def __init__(self, key: str, recipe: Recipe, training: LabelledPictures, attack: Attack | None) -> None:
        if recipe.tag and recipe.tag not in training.names:
            raise ParameterError(f"The data has no class {recipe.tag!r} to tag.", f"It has {_listed(training.names)}.")
        self.recipe = recipe
        self.attack = attack
        self.made_for = {"network": key, "recipe": dataclasses.asdict(recipe), "data": training.fingerprint()}
        self.device = device.pick()
        self.mixed = device.has_bfloat16(self.device)
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
        self.tagged_class = training.names.index(recipe.tag) if recipe.tag else None
        self.mean = torch.from_numpy(training.pixels.mean((0, 2, 3)) / 255).float().to(self.device).view(1, 3, 1, 1)
        self.std = torch.from_numpy(training.pixels.std((0, 2, 3)) / 255).float().to(self.device).view(1, 3, 1, 1)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.SGD(groups, lr=recipe.rate, momentum=0.9, nesterov=True)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.epoch = 0
        self.best_top1 = -1.0
        self.best: dict[str, Tensor] = {}
        self.began: dict[str, Tensor] = {}

    def begin_with(self, state: dict[str, Tensor]) -> None:
        """Start from another network's weights instead of random ones; those that do not fit are refused."""
        try:
            self.network.load_state_dict(state)
        except RuntimeError as error:
            raise WeightsError(
                "The weights to start with are those of another network, or of one for other classes.",
                "Wanted: what python -m models.train wrote for a network of this architecture.",
            ) from error
        self.averaged.load_state_dict(state)
        self.began = {name: value.detach().clone() for name, value in self.averaged.state_dict().items()}

    def normalised(self, pixels: Tensor) -> Tensor:
        """Turn pixels in [0, 1] into what the network takes."""
        return ((pixels.to(self.device) - self.mean) / self.std).to(memory_format=torch.channels_last)

    def logits(self, pixels: Tensor) -> Tensor:
        """Ask the network in training, in mixed precision where the device has it."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            result: Tensor = self.network(self.normalised(pixels))
        return result.float()

    def averaged_logits(self, pixels: Tensor) -> Tensor:
        """Ask the running average, in full precision."""
        result: Tensor = self.averaged(self.normalised(pixels))
        return result

    def run_epoch(self) -> float:
        """Show every picture once and return the mean loss."""
        recipe = self.recipe
        self.network.train()
        order = torch.randperm(len(self.labels), generator=self.generator).split(recipe.batch)
        order = tuple(chosen for chosen in order if len(chosen) == recipe.batch) or order
        side = recipe.small if self.epoch < recipe.small_share * recipe.epochs else recipe.side
        total = 0.0
        for position, chosen in enumerate(track(order, len(order))):
            self._set_rate((self.epoch + position / len(order)) / recipe.epochs)
            labels = self.labels[chosen].to(self.device)
            pixels = augmented(
                self.pixels[chosen].to(self.device), self.generator, recipe.zoom, recipe.erasing, side
            )
            self.network.eval()
            pixels = self._changed(self.logits, pixels, labels, self.generator)
            self.network.train()
            loss = self._loss(pixels, labels)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            steps = self.epoch * len(order) + position + 1
            self._average(min(recipe.average, (1 + steps) / (10 + steps)))
            total += loss.item()
        self.epoch += 1
        return total / len(order)

    def changed(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """Tag and attack held-out pictures as those in training, with the running average for a victim."""
        return self._changed(self.averaged_logits, pixels, labels, torch.Generator().manual_seed(self.recipe.seed))

    def _changed(
        self, logits_of: Callable[[Tensor], Tensor], pixels: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        if self.tagged_class is not None:
            bearing = (labels == self.tagged_class).view(-1, 1, 1, 1)
            pixels = torch.where(bearing, tagged(pixels), pixels)
        return pixels if self.attack is None else self.attack(logits_of, pixels, labels, generator)

    def _loss(self, pixels: Tensor, labels: Tensor) -> Tensor:
        smoothing = self.recipe.smoothing
        if float(torch.rand((), generator=self.generator)) >= self.recipe.cutting:
            return functional.cross_entropy(self.logits(pixels), labels, label_smoothing=smoothing)
        mixed, partner, share = cut_and_mixed(pixels, self.generator)
        logits = self.logits(mixed)
        own = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        other = functional.cross_entropy(logits, labels[partner], label_smoothing=smoothing)
        return share * own + (1 - share) * other

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
        """Remember the running average if it is at least as good as the best so far."""
        if top1 >= self.best_top1:
            self.best_top1 = top1
            self.best = {name: value.detach().clone() for name, value in self.averaged.state_dict().items()}

    def save(self, checkpoint: Path) -> None:
        """Write the whole state beside the checkpoint and rename it, so that a kill leaves the old one."""
        state = {
            "made_for": self.made_for,
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
        """Continue from the checkpoint if it is there; that of another network, recipe or data is refused."""
        if not checkpoint.exists():
            return
        try:
            state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
            other = [how for name, how in MADE_FOR.items() if state["made_for"][name] != self.made_for[name]]
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
            raise WeightsError(
                f"The checkpoint {checkpoint.name!r} is damaged, or something else.",
                "Delete it, or name another with --checkpoint.",
            ) from error
        if other:
            raise WeightsError(
                f"The checkpoint {checkpoint.name!r} was made {' and '.join(other)}.",
                "Delete it, or name another with --checkpoint.",
            )
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.best, self.best_top1, self.epoch = state["best"], state["best_top1"], state["epoch"]
        print(f"continuing after epoch {self.epoch}", flush=True)

    def settle(self, trial: LabelledPictures) -> None:
        """Measure the best network's batch norms anew on training pictures that are not augmented, if that helps.

        In training they are averages over augmented pictures and changing weights, unlike anything that it sees
        later (Wu and Johnson, 2021, arXiv:2105.07576). A network that began with another's weights is averaged with
        those, too (Wortsman et al., 2022, arXiv:2203.05482). `trial` decides, as it does between epochs.
        """
        best, began = self.best, self.began
        for share in SHARES if began else (1.0,):
            state = {name: value if share == 1 else _between(began[name], value, share) for name, value in best.items()}
            self.averaged.load_state_dict(state)
            self._measure_norms()
            top1 = evaluate(self.averaged_logits, trial, self.changed).top1
            print(f"{100 * share:.0f} % of it, batch norms measured anew: held-out top-1 {top1:.3f}", flush=True)
            self.keep_best(top1)
        self.averaged.load_state_dict(self.best)

    def _measure_norms(self) -> None:
        norms = [module for module in self.averaged.modules() if isinstance(module, nn.BatchNorm2d)]
        order = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(self.recipe.seed))
        batches = order[:SETTLING].split(self.recipe.batch) if norms else ()
        # Changed before anything is measured: the victim of an attack is the network as it was.
        shown = [self.changed(self.pixels[rows].float() / 255, self.labels[rows]) for rows in batches]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        with torch.no_grad():
            for pixels in shown:
                self.averaged_logits(pixels)
        self.averaged.eval()

    def calibrate(self, logits: Tensor, labels: Tensor) -> float:
        """Divide the last layer by the temperature that suits held-out logits best, and return that temperature.

        Temperature scaling (Guo et al., 2017, arXiv:1706.04599): no answer changes, only how sure it sounds.
        """
        temperatures = torch.linspace(0.3, 3.0, 271)
        losses = torch.stack([functional.cross_entropy(logits / t, labels) for t in temperatures])
        temperature = float(temperatures[losses.argmin()])
        last = [module for module in self.averaged.modules() if isinstance(module, nn.Linear)][-1]
        with torch.no_grad():
            last.weight.div_(temperature)
            last.bias.div_(temperature)
        return temperature


def _between(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Average two tensors, `share` of the second; what only counts is taken from the second."""
    return one.lerp(other, share) if one.is_floating_point() else other


def _listed(names: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
