"""Does an attack last? What the network says once the pictures have been through something, and what others say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from explain.corruptions import through_jpeg
from explain.outcomes import Said, Survival, Transfer
from explain.perturbing import margins
from explain.target import both
from models.progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from models import LoadedModel

    Pixels = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Defence:
    """Something done to a picture before the network sees it: pixels (N, 3, H, W) in [0, 1] -> the same."""

    name: str
    apply: Callable[[Tensor], Tensor]


def jpeg(quality: int) -> Defence:
    """Write the picture as JPEG and read it back."""

    def apply(pixels: Tensor) -> Tensor:
        return torch.stack([_through_jpeg(picture, quality) for picture in pixels.cpu()]).to(pixels)

    return Defence(f"JPEG, quality {quality}", apply)


def blur(sigma: float) -> Defence:
    """Blur with a Gaussian of this width in pixels; beyond the edge the picture is mirrored."""

    def apply(pixels: Tensor) -> Tensor:
        radius = max(1, round(3 * sigma))
        places = torch.arange(-radius, radius + 1).to(pixels)
        weights = torch.exp(-(places**2) / (2 * sigma**2))
        weights = (weights / weights.sum()).repeat(3, 1)
        wide = functional.pad(pixels, (radius,) * 4, mode="reflect")
        wide = functional.conv2d(wide, weights[:, None, None, :], groups=3)
        return functional.conv2d(wide, weights[:, None, :, None], groups=3).clamp(0, 1)

    return Defence(f"Blur, {sigma:g} pixel{'' if sigma == 1 else 's'}", apply)


def resize(share: float) -> Defence:
    """Make the picture smaller by this share, and as large as before again."""

    def apply(pixels: Tensor) -> Tensor:
        height, width = pixels.shape[-2:]
        small = resized(pixels, (max(1, round(share * height)), max(1, round(share * width))))
        return resized(small, (height, width))

    return Defence(f"Shrink to {100 * share:.0f} % and back", apply)


def quantise(bits: int) -> Defence:
    """Round every colour to one of 2 ** bits levels; eight bits are what a file holds."""
    top = 2**bits - 1
    return Defence(f"Rounding to {bits} bits a colour", lambda pixels: (pixels * top).round() / top)


def noise(size: float, seed: int = 0) -> Defence:
    """Add Gaussian noise of this standard deviation, the same in each picture."""

    def apply(pixels: Tensor) -> Tensor:
        drawn = torch.randn(pixels.shape[1:], generator=torch.Generator().manual_seed(seed))
        return (pixels + size * drawn.to(pixels)).clamp(0, 1)

    return Defence(f"Noise, {255 * size:g} of 255", apply)


def usual_defences(seed: int = 0) -> tuple[Defence, ...]:
    """List the defences that a page tries, from what every file does to a picture to what anyone would see."""
    return (
        *(quantise(8), quantise(4), jpeg(90), jpeg(75), jpeg(50), blur(0.7), blur(1.5)),
        *(resize(0.75), resize(0.5), noise(4 / 255, seed), noise(16 / 255, seed)),
    )


def survival(
    model: LoadedModel,
    clean: Pixels,
    attacked: Pixels,
    label: int,
    goal: int | None = None,
    defences: Iterable[Defence] | None = None,
) -> tuple[Survival, ...]:
    """Do the same to a picture (H, W, 3) and to its attacked version, and ask the network about both.

    An attack survives while the network still does not say `label` of the attacked picture, or, with a
    goal, still says the goal.
    """
    tried = list(usual_defences() if defences is None else defences)
    both_pictures = tensor_of(clean, attacked).to(model.device)
    rows = []
    for defence in track(tried, len(tried)):
        logits = _logits(model, defence.apply(both_pictures))
        chances = logits.softmax(1)
        margin = margins(logits[1:], torch.tensor([label], device=logits.device), _goals(goal, logits))
        kept = (float(chances[0, label]), float(chances[1, label]))
        before, after = (said(model, row) for row in logits)
        rows.append(Survival(defence.name, before, after, bool(margin[0] < 0), kept))
    return tuple(rows)


def transfer(model: LoadedModel, clean: Pixels, attacked: Pixels) -> Transfer:
    """Show a picture (H, W, 3) and its attacked version to a network, at the size that it wants."""
    side = model.card.pixels.side
    logits = _logits(model, resized(tensor_of(clean, attacked).to(model.device), (side, side)))
    return Transfer(model.card.key, said(model, logits[0]), said(model, logits[1]))


def said(model: LoadedModel, logits: Tensor) -> Said:
    """Put the scores of one picture (C,) into the network's first guess."""
    best = int(logits.argmax())
    names = model.card.classes
    return Said(best, names[best] if best < len(names) else f"class {best}", float(logits.softmax(0)[best]))


def tensor_of(*pictures: Pixels) -> Tensor:
    """Stack pictures (H, W, 3) in [0, 1] into a batch (N, 3, H, W)."""
    stacked = np.stack([np.asarray(picture, np.float32) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()


def resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize pictures (N, 3, H, W) to (height, width); where they get smaller, neighbours are averaged first."""
    if tuple(pixels.shape[-2:]) == size:
        return pixels
    return functional.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)


def _logits(model: LoadedModel, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        return both(model(pixels))


def _goals(goal: int | None, logits: Tensor) -> Tensor | None:
    return None if goal is None else torch.tensor([goal], device=logits.device)


def _through_jpeg(picture: Tensor, quality: int) -> Tensor:
    levels = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return tensor_of(np.asarray(through_jpeg(Image.fromarray(levels), quality), np.float32) / 255)[0]
