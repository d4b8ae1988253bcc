"""All methods on one sample, as a picture that a person judges at a glance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import explain
import models
from benchmarks.method_table import attributions
from dashboard.samples import SAMPLES
from explain.pictures import overlay, painted_parts
from explain.results import Concepts

MODEL, SAMPLE = "everyday_resnet", "chelsea"
SIDE, TEXT, GAP, COLUMNS = 176, 20, 8, 7


def draw(path: Path) -> None:
    """Explain the predicted class of the sample by every method that suits the network."""
    model = models.load(MODEL, device="cpu")
    picture = SAMPLES[SAMPLE].picture().image
    trace = explain.trace(model, picture)
    crop = Image.fromarray((trace.pixels[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    shown: list[tuple[str, Image.Image]] = [("the picture", crop)]
    for name in attributions():
        method = explain.METHODS[name]
        if explain.unsuitable(model, method) is None:
            found = explain.run(model, trace, method())
            shown.append((method.label, Image.fromarray(_painted(crop, found))))
            print(name, f"{found.seconds:.1f} s", flush=True)
    rows = -(-len(shown) // COLUMNS)
    wide, tall = SIDE + GAP, SIDE + TEXT + GAP
    sheet = Image.new("RGB", (COLUMNS * wide + GAP, rows * tall + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (label, tile) in enumerate(shown):
        left, top = GAP + place % COLUMNS * wide, GAP + place // COLUMNS * tall
        pen.text((left, top), label, fill="black", font_size=13)
        sheet.paste(tile.resize((SIDE, SIDE), Image.Resampling.BICUBIC), (left, top + TEXT))
    sheet.quantize(256).save(path, optimize=True)


def _painted(crop: Image.Image, found: explain.Explanation) -> np.ndarray:
    if isinstance(found, Concepts):
        return painted_parts(crop, found)
    assert isinstance(found, explain.Heatmap)
    return overlay(crop, found)


def lines(path: Path) -> list[str]:
    """Show the picture."""
    return [
        "## All methods on one picture",
        "",
        f"{SAMPLES[SAMPLE].title}, {models.CARDS[MODEL].label}, the predicted class; default settings. Orange or "
        "bright: for the class; blue: against it. Each map has a scale of its own.",
        "",
        f"![Every method's map of one picture]({path.name})",
    ]
