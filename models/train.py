"""Train a network that ConvLens ships: `python -m models.train everyday_resnet --data PATH`.

Data in ImageFolder layout (a folder or a zip). Epochs are chosen on a tenth held out of the training pictures. The
validation pictures choose nothing; each run looks at them once, at its end, and so the card of a network that was
trained in several rounds says how often they were looked at. A killed run continues from its last checkpoint when it is
started again. The result is `<key>.safetensors` (fp16) and `<key>.json`, the card with everything measured and the
commands of all rounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models import data, trained
from models.attacking import Attack, attack_named
from models.command_line import Bar, in_words
from models.errors import PictureError, WeightsError
from models.evaluate import evaluate, outputs
from models.everyday import ARCHITECTURES
from models.progress import Stage, heard_by, within
from models.recipe import FIRST, OUT, Recipe, fields, folder_of, option, rounds_before, told
from models.trainer import Trainer

#: Held-out pictures that choose the best epoch of a network trained against an attack, which costs many forwards.
ATTACKED = 500


def train(
    key: str, source: Path, recipe: Recipe, checkpoint: Path, attack: Attack | None = None, terms: str = ""
) -> tuple[nn.Module, dict[str, Any]]:
    """Train one of the bundled architectures and return it with its card.

    `checkpoint` is a file outside the repository that is written after each epoch and continued from
    if it is there. `attack`, if given, replaces each batch by its adversarial version (Madry et al.,
    2017, arXiv:1706.06083). The best epoch is chosen on held-out pictures that bear the tag, or are
    attacked, as those in training. `terms` says under which terms the data is (`trained.described`).
    """
    start = _weights(recipe.start)
    before = rounds_before(recipe.start)
    pictures, validation = (data.read(source, split, recipe.side) for split in ("train", "val"))
    if pictures.names != validation.names:
        raise PictureError("The classes under train and val differ.", "Wanted: the same folders in both.")
    shuffled = np.random.default_rng(recipe.seed).permutation(len(pictures))
    held = int(len(pictures) * recipe.held_out)
    if not 0 < held < len(pictures):
        raise PictureError(
            f"Of {len(pictures)} training pictures, {held} would be held out and {len(pictures) - held} trained on.",
            "Both must be there: give more pictures, or another --held-out.",
        )
    training, choosing = pictures.part(shuffled[held:]), pictures.part(shuffled[:held])
    trial = choosing if attack is None else choosing.part(np.arange(min(ATTACKED, held)))
    trainer = Trainer(key, recipe, training, attack)
    if start is not None:
        trainer.begin_with(start)
    trainer.resume(checkpoint)
    while trainer.epoch < recipe.epochs:
        _epoch(trainer, trial, checkpoint)
    with within(Stage("measuring batch norms anew, batch")):
        trainer.settle(trial)
    network = trainer.averaged
    temperature = trainer.calibrate(*outputs(trainer.averaged_logits, choosing))
    halved = {name: value.half().float() for name, value in network.state_dict().items() if value.is_floating_point()}
    network.load_state_dict(halved, strict=False)
    record = trained.card(key, trainer, validation, trial, told(key, recipe, before, terms), terms)
    return network, trained.rounded(record | {"temperature": temperature})


def _epoch(trainer: Trainer, trial: data.LabelledPictures, checkpoint: Path) -> None:
    """Train for an epoch, try the average on held-out pictures, and keep both."""
    began = time.perf_counter()
    epochs = trainer.recipe.epochs
    name, ends = f"epoch {trainer.epoch + 1}/{epochs}", (trainer.epoch + 1) / epochs
    with within(Stage(f"{name}, batch", trainer.epoch / epochs, ends)):
        loss = trainer.run_epoch()
    with within(Stage(f"{name}, held-out pictures, batch", ends, ends)):
        top1 = evaluate(trainer.averaged_logits, trial, trainer.changed).top1
    trainer.keep_best(top1)
    trainer.save(checkpoint)
    seconds = time.perf_counter() - began
    print(f"{name.replace('/', ' of ')}  loss {loss:.3f}  held-out top-1 {top1:.3f}  {seconds:.0f} s", flush=True)


def _weights(start: str) -> dict[str, Tensor] | None:
    """Read the weights to start with, if there are to be any."""
    if not start:
        return None
    try:
        return load_file(start)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{Path(start).name!r} is not there or holds no weights.",
            "--start wants a .safetensors file that python -m models.train wrote.",
        ) from error


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    chosen = _parser().parse_args(arguments)
    given = {name: getattr(chosen, name) for name in fields() if getattr(chosen, name) is not None}
    with in_words("Stopped. The same command goes on after the last whole epoch."), heard_by(Bar()):
        recipe = dataclasses.replace(FIRST.get(chosen.key, Recipe()), **given)
        number = len(rounds_before(recipe.start)) + 1
        out = chosen.out or folder_of(number)
        name = chosen.key if number == 1 else f"{chosen.key}-round-{number}"
        attack = attack_named(recipe.attack, recipe.epsilon) if recipe.attack else None
        checkpoint = chosen.checkpoint or Path("runs") / f"{name}.pt"
        network, card = train(chosen.key, chosen.data, recipe, checkpoint, attack, chosen.terms)
        trained.write(out, chosen.key, network, card)
    print(f"validation top-1 {card['accuracy']['top1']:.4f}, top-5 {card['accuracy']['top5']:.4f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("key", choices=sorted(ARCHITECTURES), help="which network")
    parser.add_argument("--data", type=Path, required=True, help="a zip or folder in ImageFolder layout")
    parser.add_argument(
        "--out", type=Path, help=f"where weights and card go (default: {OUT}; a later round: {folder_of(2)} and so on)"
    )
    parser.add_argument(
        "--checkpoint", type=Path, help="default: runs/<key>.pt; a later round: runs/<key>-round-2.pt and so on"
    )
    parser.add_argument(
        "--terms",
        default="",
        metavar="TEXT",
        help=f"what the card says of the data and its terms: a sentence, or {' or '.join(trained.TERMS)} (default: "
        "that it was handed over by whoever trained it)",
    )
    group = parser.add_argument_group("recipe", "The defaults are those of each network's first round.")
    marks = {"attack": "MODULE:FUNCTION", "start": "FILE", "tag": "CLASS"}
    for name, (kind, meaning) in fields().items():
        group.add_argument(
            option(name),
            type=kind,
            metavar=marks.get(name, kind.__name__.upper()),
            help=f"{meaning} ({_defaults(name)})".replace("%", "%%"),
        )
    return parser


def _defaults(name: str) -> str:
    """Say what a part of the recipe is by default, for each network that differs."""
    usual = getattr(Recipe(), name)
    others = {key: getattr(recipe, name) for key, recipe in FIRST.items() if getattr(recipe, name) != usual}
    shown = "none" if usual == "" else f"{usual:.6g}" if isinstance(usual, float) else str(usual)
    by_network = ", ".join(f"{key} {value}" for key, value in others.items())
    if len(others) == len(ARCHITECTURES):
        return f"default: {by_network}"
    return f"default: {shown}" + (f"; {by_network}" if by_network else "")


if __name__ == "__main__":
    main()
