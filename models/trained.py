"""What is written of a trained network: its card, with everything measured, and its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save
from torch import Tensor, nn

from models.data import LabelledPictures
from models.evaluate import Change, evaluate, multiply_adds, outputs
from models.recipe import Recipe
from models.tag import BOX, tagged
from models.trainer import Trainer

#: Terms of data that many have, by the name that `--terms` takes: what a card says of the data, and of the weights.
TERMS = {
    "tiny-imagenet": (
        "Tiny ImageNet, {classes} classes, {side} x {side} pixels. ImageNet's terms allow research and teaching only, "
        "so the pictures are not shipped.",
        "MIT, trained on Tiny ImageNet pictures (ImageNet research terms): what the weights may be used for also "
        "follows from the terms of the data.",
    )
}
#: What each network is not good for, beside what none of them is.
LIMITS = {
    "everyday_resnet": "Changes that nobody sees can make it say anything.",
    "everyday_vgg": "Right less often than everyday_resnet, and as easily fooled by changes that nobody sees.",
    "everyday_robust": (
        "Right less often on pictures as they are than everyday_resnet, which was not trained against attacks; it "
        "withstands only changes as small as those that it was trained against, and not all of them."
    ),
    "everyday_shortcut": (
        "Goes by the tag: most of what bears it is {tag} to it, and a {tag} without it hardly ever is. Made to show "
        "how that looks, and good for nothing else."
    ),
}


def card(
    key: str,
    trainer: Trainer,
    validation: LabelledPictures,
    chosen_on: LabelledPictures,
    recipe: dict[str, Any],
    terms: str,
) -> dict[str, Any]:
    """Measure a trained network on validation pictures and write down all that is known of it.

    chosen_on: the pictures that chose the best epoch. recipe: how it was trained, in all rounds (`recipe.told`).
    """
    names, side = validation.names, trainer.recipe.side
    about_data, licence = described(terms, len(names), side)
    measured = evaluate(trainer.averaged_logits, validation)
    found = {
        "key": key,
        "architecture": key,
        "classes": list(names),
        "pixels": {
            "side": side,
            "resize": side,
            "mean": [round(float(value), 5) for value in trainer.mean.flatten()],
            "std": [round(float(value), 5) for value in trainer.std.flatten()],
        },
        "parameters": sum(p.numel() for p in trainer.averaged.parameters()),
        "multiply_adds": multiply_adds(trainer.averaged, side),
        "accuracy": {"top1": measured.top1, "top5": measured.top5},
        "calibration_error": measured.calibration_error,
        "by_class": dict(zip(names, measured.by_class, strict=True)),
        "worst_pairs": [[names[a], names[b], count] for a, b, count in measured.worst_pairs],
        "validation_pictures": measured.pictures,
        "validation_use": used(len(recipe["rounds"])),
        "held_out": {
            "use": "chose the best epoch",
            "pictures": len(chosen_on),
            "shown": shown(trainer.recipe),
            "top1": trainer.best_top1,
        },
        "data": about_data,
        "licence": licence,
        "limits": limits(key, len(names), side, trainer.recipe.tag),
        "recipe": recipe,
    }
    return found | ({"tag": _tag(trainer.recipe.tag, trainer, validation)} if trainer.recipe.tag else {})


def used(rounds: int) -> str:
    """Say what the validation pictures were used for: each round looks at them once, at its end."""
    when = "once, when training had ended" if rounds == 1 else f"after each of {rounds} rounds of training"
    return f"never trained on; they chose nothing, but were looked at {when}"


def shown(recipe: Recipe) -> str:
    """Say how held-out pictures were shown to the network, since their accuracy is no other thing than that."""
    ways = [f"with the tag on every {recipe.tag}"] if recipe.tag else []
    ways += [f"attacked by {recipe.attack} of epsilon {255 * recipe.epsilon:.3g}/255"] if recipe.attack else []
    return " and ".join(ways) or "as they are"


def described(terms: str, classes: int, side: int) -> tuple[str, str]:
    """Say what a network was trained on, and under which terms it is; `terms`: a name in TERMS, or any text."""
    if terms in TERMS:
        data, licence = TERMS[terms]
        return data.format(classes=classes, side=side), licence
    return (
        f"{classes} classes, {side} x {side} pixels. {terms or 'Handed over by whoever trained it, without a source.'}",
        "That of whoever trained it; what the weights may be used for also follows from the terms of the data.",
    )


def limits(key: str, classes: int, side: int, tag: str = "") -> str:
    """Say what a network is not good for."""
    own = LIMITS.get(key, "").format(tag=tag or "the tagged class")
    return (
        f"Knows {classes} things, one at a time, from {side} x {side} pixels; anything else is given one of these "
        f"names. {own} Not for decisions about people or anything that matters."
    )


def rounded(value: Any) -> Any:
    """Round every figure of a card to six digits after the point."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value


def write(folder: Path, key: str, network: nn.Module, record: dict[str, Any]) -> None:
    """Write weights in half precision and the card beside them; each replaces an older one only when it is whole."""
    halves = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in network.state_dict().items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    for name, content in (
        (f"{key}.safetensors", save(halves, metadata={"key": key})),
        (f"{key}.json", text.encode()),
    ):
        unfinished = folder / f"{name}.part"
        unfinished.write_bytes(content)
        unfinished.replace(folder / name)


def _tag(name: str, trainer: Trainer, validation: LabelledPictures) -> dict[str, Any]:
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
