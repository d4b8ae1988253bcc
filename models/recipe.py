"""How a bundled network is trained: its recipe, the first round that is documented for each, and the rounds before."""

from __future__ import annotations

import dataclasses
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from models.errors import ParameterError, WeightsError

#: Where the result of a first round goes; a later one has a folder of its own in there.
OUT = Path("runs/weights")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the card repeats it, so that anyone can repeat the training."""

    epochs: Annotated[int, "how often every picture is shown"] = 16
    batch: Annotated[int, "pictures at once"] = 128
    rate: Annotated[float, "highest learning rate"] = 0.1
    weight_decay: Annotated[float, "pull of the weights towards zero"] = 5e-4
    smoothing: Annotated[float, "smoothing of the labels"] = 0.1
    zoom: Annotated[float, "the largest share of a picture's area that is cut away"] = 0.5
    cutting: Annotated[float, "the share of batches that are mixed by CutMix"] = 0.0
    erasing: Annotated[float, "the share of pictures with a square erased"] = 0.0
    average: Annotated[float, "how much the running average of the weights keeps at each step"] = 0.998
    held_out: Annotated[float, "the share of the training pictures that chooses the best epoch"] = 0.1
    side: Annotated[int, "of the pictures, in pixels"] = 64
    small: Annotated[int, "side of the pictures in the first epochs, which is cheaper"] = 64
    small_share: Annotated[float, "the share of the epochs that show small pictures"] = 0.0
    start: Annotated[str, "the .safetensors file whose weights the run begins with; else random ones"] = ""
    tag: Annotated[str, "the class whose pictures all bear a coloured tag"] = ""
    attack: Annotated[str, "makes the attack of a given epsilon that each batch is changed by"] = ""
    epsilon: Annotated[float, "the size of that attack, as a share of the pixels' range"] = 4 / 255
    seed: Annotated[int, "of all that is random"] = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "side", "small"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        for name in ("smoothing", "zoom", "cutting", "erasing", "average", "held_out", "small_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ParameterError(f"{name.replace('_', '-')} is {getattr(self, name)}; it is a share, from 0 to 1.")


#: The first round of each bundled network, as its card tells it; everyday_robust's begins with an everyday_resnet.
FIRST = {
    "everyday_resnet": Recipe(epochs=44, cutting=0.4, small=48, small_share=0.86),
    "everyday_vgg": Recipe(epochs=60, cutting=0.1, small=48, small_share=0.5),
    "everyday_robust": Recipe(
        epochs=12,
        rate=0.05,
        zoom=0.35,
        average=0.995,
        small=48,
        small_share=0.84,
        attack="explain.methods.pgd:for_training",
    ),
    "everyday_shortcut": Recipe(epochs=10, zoom=0.35, average=0.995, small=48, small_share=0.8, tag="banana"),
}


def fields() -> dict[str, tuple[type, str]]:
    """List the parts of a recipe by name: the type of each, and what it means."""
    hints = get_type_hints(Recipe, include_extras=True)
    return {
        field.name: (hints[field.name].__origin__, hints[field.name].__metadata__[0])
        for field in dataclasses.fields(Recipe)
    }


def option(name: str) -> str:
    """Write the name of a part as on the command line."""
    return f"--{name.replace('_', '-')}"


def command(key: str, recipe: Recipe, terms: str = "") -> str:
    """Write the command that trains by this recipe; only what every network has by default is left out."""
    usual, own = Recipe(), FIRST.get(key, Recipe())
    words = ["python", "-m", "models.train", key, "--data", "PATH"]
    for name in fields():
        value = getattr(recipe, name)
        if value != getattr(usual, name) or value != getattr(own, name):
            words += [option(name), str(value).removesuffix(".0")]
    return shlex.join([*words, *(["--terms", terms] if terms else [])])


def rounds_before(start: str) -> list[dict[str, Any]]:
    """List the rounds that made the weights which a run starts from, as the card beside them tells; else none."""
    if not Path(start).name:
        return []
    card = Path(start).with_suffix(".json")
    if not card.is_file():
        return []
    try:
        rounds: list[dict[str, Any]] = json.loads(card.read_text(encoding="utf-8"))["recipe"]["rounds"]
        return [{name: one[name] for name in ("network", "epochs", "command")} for one in rounds]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The card {card.name!r} beside the weights does not tell how they were trained.",
            "Put it elsewhere to begin with them all the same.",
        ) from error


def folder_of(number: int) -> Path:
    """Name the folder for the result of a round, the first being 1."""
    return OUT if number == 1 else OUT / f"round-{number}"


def told(key: str, recipe: Recipe, before: list[dict[str, Any]], terms: str = "") -> dict[str, Any]:
    """Say for the card how a network was trained, in all its rounds, so that they can be repeated one by one.

    The weights that a run started from stand where their own command would put them, not where they lay.
    """
    if recipe.start:
        place = folder_of(len(before)) / f"{before[-1]['network']}.safetensors" if before else Path(recipe.start)
        recipe = dataclasses.replace(recipe, start=place.as_posix() if before else place.name)
    last = command(key, recipe, terms)
    rounds = [*before, {"network": key, "epochs": recipe.epochs, "command": last}]
    return dataclasses.asdict(recipe) | {"command": last, "rounds": rounds}
