"""Grad-CAM on real weights and real pictures with known boxes."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import explain
import models


def test_grad_cams_energy_lies_in_the_boxes(test_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With mobilenet_v2, on boxes under half the picture: at least 1.5 times the boxes' share of the area."""
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(test_data / "weights"))
    model = models.load("mobilenet_v2", device="cpu")
    energy, area = [], []
    with zipfile.ZipFile(test_data / "data" / "imagenet_boxes.zip") as archive:
        for record in json.loads(archive.read("imagenet_boxes/annotations.json")):
            inside = np.zeros((224, 224), bool)
            for left, top, right, bottom in record["boxes_xyxy_224"]:
                inside[round(top) : round(bottom), round(left) : round(right)] = True
            if inside.mean() >= 0.5:
                continue
            picture = Image.open(io.BytesIO(archive.read(f"imagenet_boxes/images/{record['file']}"))).convert("RGB")
            pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
            found = explain.run(model, pixels, explain.GradCAM(), record["class_index"])
            if not found.empty:
                energy.append(found.values[inside].sum() / found.values.sum())
                area.append(inside.mean())
    assert len(energy) > 150
    assert np.mean(energy) >= 1.5 * np.mean(area), f"{np.mean(energy):.3f} of the energy in {np.mean(area):.3f}"
