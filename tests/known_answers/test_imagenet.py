"""Two real networks name as many of 500 labelled pictures right as they are known to."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import models
from models import LoadedModel

#: Larger batches no longer fit the processor's cache and take twice as long for each picture.
BATCH = 5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(test_data: Path) -> list[tuple[Image.Image, int]]:
    with zipfile.ZipFile(test_data / "data" / "imagenet_boxes.zip") as archive:
        records = json.loads(archive.read("imagenet_boxes/annotations.json"))
        return [
            (
                Image.open(io.BytesIO(archive.read(f"imagenet_boxes/images/{record['file']}"))).convert("RGB"),
                int(record["class_index"]),
            )
            for record in records
        ]


def unchanged(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture).transpose(2, 0, 1).astype(np.float32) / 255).unsqueeze(0)


def right(model: LoadedModel, pictures: list[tuple[Image.Image, int]], cropped: bool) -> int:
    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(pictures), BATCH):
            part = pictures[start : start + BATCH]
            seen = [model.card.pixels.crop(picture) if cropped else unchanged(picture) for picture, _ in part]
            yield torch.cat(seen), torch.tensor([label for _, label in part])

    with torch.no_grad():
        return sum(int((model(pixels).argmax(1).cpu() == labels).sum()) for pixels, labels in batches())


@pytest.mark.parametrize(
    ("key", "with_the_preset", "as_they_are"), [("mobilenet_v2", 302, 310), ("squeezenet1_1", 261, 271)]
)
def test_as_many_pictures_are_named_right_as_is_known(
    key: str,
    with_the_preset: int,
    as_they_are: int,
    pictures: list[tuple[Image.Image, int]],
    test_data: Path,
    device: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(test_data / "weights"))
    model = models.load(key, device=device)
    assert (model.weights.kind, model.weights.version) == ("folder", "IMAGENET1K_V1")
    assert len(pictures) == 500
    assert right(model, pictures, cropped=True) == pytest.approx(with_the_preset, abs=2)
    assert right(model, pictures, cropped=False) == pytest.approx(as_they_are, abs=2)
