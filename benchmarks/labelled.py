"""Labelled pictures of the test data, as each network sees them, of which it names right those that are attacked."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

import models

#: Larger batches no longer fit the processor's cache.
PIXELS_AT_ONCE = 5 * 224 * 224


def folder() -> Path:
    """Return the folder of test data: the setting CONVLENS_TEST_DATA, else ../shared."""
    return Path(os.environ.get("CONVLENS_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared")


def load(key: str) -> models.LoadedModel:
    """Load a network, with the weights of the test data where it has some for it."""
    here = folder() / "weights" / f"{key}.safetensors"
    return models.load(key, weights=here if here.is_file() else None)


def right_ones(
    model: models.LoadedModel, count: int, among: list[str] | None = None
) -> tuple[list[str], Tensor, Tensor]:
    """Read pictures that the network names right: their names, pixels (n, 3, H, W) and labels (n,).

    They are spread evenly over the classes; `among` keeps to these names.
    """
    names, shown, labels = [], [], []
    with zipfile.ZipFile(_archive(model)) as archive, torch.no_grad():
        for name, label in _spread(list(_everyday(archive) if _bundled(model) else _boxed(archive))):
            if among is not None and name not in among:
                continue
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                pixels = model.crop(picture.convert("RGB"))
            if int(model(pixels).argmax()) == label:
                names.append(name)
                shown.append(pixels)
                labels.append(label)
            if len(names) == count:
                break
    return names, torch.cat(shown), torch.tensor(labels, device=model.device)


def batches(model: models.LoadedModel, count: int) -> Iterator[slice]:
    """Split pictures into batches that suit the processor's cache."""
    size = max(1, PIXELS_AT_ONCE // model.card.pixels.side**2)
    return (slice(start, start + size) for start in range(0, count, size))


def _bundled(model: models.LoadedModel) -> bool:
    return len(model.card.classes) == 50


def _archive(model: models.LoadedModel) -> Path:
    return folder() / "data" / ("everyday50.zip" if _bundled(model) else "imagenet_boxes.zip")


def _everyday(archive: zipfile.ZipFile) -> Iterator[tuple[str, int]]:
    classes = {entry["wnid"]: entry["index"] for entry in json.loads(archive.read("everyday50/classes.json"))}
    for name in sorted(archive.namelist()):
        parts = name.split("/")
        if parts[1:2] == ["val"] and len(parts) == 4 and parts[3]:
            yield name, classes[parts[2]]


def _boxed(archive: zipfile.ZipFile) -> Iterator[tuple[str, int]]:
    for record in json.loads(archive.read("imagenet_boxes/annotations.json")):
        yield f"imagenet_boxes/images/{record['file']}", int(record["class_index"])


def _spread(pictures: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Order them so that the first of each class come first, then the second ones."""
    seen: dict[int, int] = {}
    ranked = []
    for name, label in pictures:
        seen[label] = seen.get(label, 0) + 1
        ranked.append((seen[label], label, name))
    return [(name, label) for _, label, name in sorted(ranked)]
