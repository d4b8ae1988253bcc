"""How much of each method's positive energy lies inside the boxes of labelled pictures."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import explain
import models
from benchmarks import labelled
from benchmarks.method_table import attributions, gives
from explain.boxes import share_inside
from explain.control_maps import centred
from explain.records import Records
from explain.results import Heatmap
from models.errors import ConvLensError

NETWORKS = ("mobilenet_v2", "squeezenet1_1")
#: Pictures that a network sees at once: with one thread torch takes oneDNN's quicker convolutions from 16 on.
BATCH = 16
#: Pictures whose boxes cover more than this say little.
LARGEST = 0.5


@dataclass(frozen=True, eq=False)
class Boxed:
    """A picture (1, 3, 224, 224), its class, and where its boxes are (224, 224)."""

    file: str
    pixels: Tensor
    label: int
    inside: np.ndarray


def pictures() -> Iterator[Boxed]:
    """Read the pictures whose boxes cover at most half, in an order drawn once."""
    with zipfile.ZipFile(labelled.folder() / "data" / "imagenet_boxes.zip") as archive:
        records = json.loads(archive.read("imagenet_boxes/annotations.json"))
        for place in np.random.default_rng(0).permutation(len(records)):
            record = records[place]
            inside = np.zeros((224, 224), bool)
            for left, top, right, bottom in record["boxes_xyxy_224"]:
                inside[round(top) : round(bottom), round(left) : round(right)] = True
            if inside.mean() <= LARGEST:
                with Image.open(io.BytesIO(archive.read(f"imagenet_boxes/images/{record['file']}"))) as picture:
                    values = np.asarray(picture.convert("RGB"), np.float32) / 255
                pixels = torch.from_numpy(values.transpose(2, 0, 1).copy())[None]
                yield Boxed(record["file"], pixels, int(record["class_index"]), inside)


def measure(kept: Records, most: int, seconds: float) -> None:
    """Explain the true class of each picture by each method: at most so many, for about so long."""
    shown = [boxed for boxed, _ in zip(pictures(), range(most), strict=False)]
    for key in NETWORKS:
        model = labelled.load(key)
        for name in attributions():
            method = explain.METHODS[name]
            if not gives(name, Heatmap) or explain.unsuitable(model, method) is not None:
                continue
            ends = time.perf_counter() + seconds
            for boxed in shown:
                if ("boxes", key, name, boxed.file) not in kept:
                    kept.keep(("boxes", key, name, boxed.file), _energy(model, method(), boxed))
                if time.perf_counter() > ends:
                    break
            print(key, name, sum(1 for _ in kept.under("boxes", key, name)), flush=True)


def _energy(model: models.LoadedModel, method: explain.Method, boxed: Boxed) -> dict[str, Any]:
    try:
        found = explain.run(model, boxed.pixels, method, boxed.label, batch=BATCH)
    except ConvLensError as error:
        return {"refused": error.message, "area": float(boxed.inside.mean())}
    assert isinstance(found, Heatmap)
    energy = share_inside(found.values, boxed.inside)
    return {"energy": energy, "area": float(boxed.inside.mean()), "seconds": found.seconds}


def lines(kept: Records) -> list[str]:
    """Write one table a network, the best first; nothing before anything is measured."""
    if not any(True for _ in kept.under("boxes")):
        return []
    found = [
        "## Energy inside the boxes",
        "",
        "The share of a map's positive values that lies inside the boxes of the true class, over ImageNet pictures "
        "whose boxes cover at most half of them: the mean with its standard error, and how many times the boxes' share "
        "of the area that is. Every method has the first pictures of one drawn order, as many as its time allowed. A "
        "method that does not look at the class can score high, too: compare with a Gaussian in the picture's middle.",
    ]
    centres = {boxed.file: share_inside(centred(*boxed.inside.shape), boxed.inside) or 0.0 for boxed in pictures()}
    for key in NETWORKS:
        rows = [row for name in attributions() if (row := _row(kept, key, name, centres)) is not None]
        head = "| method | energy inside | share of the area | times | a centred Gaussian | pictures | without a map |"
        found += ["", f"### {key}", "", head, "|---|---|---|---|---|---|---|"]
        found += [text for _, text in sorted(rows, reverse=True)]
    return found


def _row(kept: Records, key: str, name: str, centres: dict[str, float]) -> tuple[float, str] | None:
    """Write a method's row, after how many times the area's share its energy is; None with fewer than two pictures."""
    records = {where[3]: value for where, value in kept.under("boxes", key, name)}
    mapped = {file: value for file, value in records.items() if value.get("energy") is not None}
    if len(mapped) < 2:
        return None
    energy = np.array([value["energy"] for value in mapped.values()])
    area = float(np.mean([value["area"] for value in mapped.values()]))
    centre = float(np.mean([centres[file] for file in mapped]))
    error, times = float(energy.std(ddof=1) / len(energy) ** 0.5), float(energy.mean() / area)
    return times, (
        f"| {explain.METHODS[name].label} | {100 * energy.mean():.1f} ± {100 * error:.1f} % | {100 * area:.1f} % | "
        f"{times:.2f} | {100 * centre:.1f} % | {len(mapped)} | {len(records) - len(mapped)} |"
    )
