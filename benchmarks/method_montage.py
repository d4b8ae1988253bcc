"""All methods on one sample, as a picture that a person judges at a glance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import explain
import models
from benchmarks.method_table import attributions
from dashboard.samples import SAMPLES
from explain.pictures import GREY, overlay, painted_parts
from explain.results import Concepts

MODEL, SAMPLE = "everyday_resnet", "chelsea"
SIDE, TEXT, GAP, COLUMNS = 176, 20, 8, 7
#: What is asked otherwise than by default, as the page's "Adjust" does.
#: A map of pixels has its full colour from this share of its values on: else a few outliers hide all the rest.
FULL = 0.99
#: How much of the picture's brightness is left below a map: pale below two colours, dark below a bright one.
PALE, DARK = 0.4, 0.5


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
            shown.append((method.label, Image.fromarray(_painted(crop, found, method.question == "pixels"))))
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


def _painted(crop: Image.Image, found: explain.Explanation, of_pixels: bool) -> np.ndarray:
    """Lay a map over what it can be seen on: orange and blue on pale grey, single pixels on dark grey, areas on all."""
    if isinstance(found, Concepts):
        return painted_parts(crop, found)
    assert isinstance(found, explain.Heatmap)
    if of_pixels:
        most = float(np.quantile(np.abs(found.values), FULL))
        found = replace(found, values=np.clip(found.values, -most, most))
    if not of_pixels and not found.signed:
        return overlay(crop, found)
    grey = np.repeat((np.asarray(crop, float) @ GREY)[..., None], 3, 2)
    ground = 255 - PALE * (255 - grey) if found.signed else DARK * grey
    return overlay(ground.round().astype(np.uint8), found, strength=0.85)


def lines(path: Path) -> list[str]:
    """Show the picture."""
    return [
        "## All methods on one picture",
        "",
        f"{SAMPLES[SAMPLE].title}, {models.CARDS[MODEL].label}, the predicted class; default settings. On pale "
        "grey: orange for the class, blue against it. On dark grey: how much a pixel moves the score, "
        "either way. In colour: where the evidence for the class lies. Each map has a scale of its own; in those of "
        f"pixels the highest {100 * (1 - FULL):.0f} % have the full colour. The two rollouts are missing: they need a "
        "transformer, and none ships; with random weights one has nothing to show.",
        "",
        f"![Every method's map of one picture]({path.name})",
    ]
