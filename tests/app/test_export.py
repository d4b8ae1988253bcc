"""What is taken along: the recipe runs as it stands and gives the map again; the map's values say what they are."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboard import cache, export, samples, uploads
from dashboard.answers import Choice
from dashboard.classes import Question
from dashboard.show import Shown
from models import colours

LEMON = Question(0, "lemon", None, "lemon")


def shown(picture: uploads.Picture, method: str = "GradCAM", **changed: Any) -> Shown:
    choice = dataclasses.replace(Choice("everyday_resnet", picture, method), **changed)
    kept = cache.Shelf()
    return Shown(choice, cache.compute(kept, cache.load("everyday_resnet"), choice), LEMON, "", "")


def sideways() -> bytes:
    """A photo as telephones write it: lying on its side, with a word on how to turn it."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[colours.ORIENTATION] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def again(asked: Shown) -> np.ndarray:
    names: dict[str, Any] = {}
    exec(json.loads(export.recipe(asked))["python"], names)
    values: np.ndarray = names["answer"].values
    return values


def test_the_recipe_of_a_sample_runs_as_it_stands() -> None:
    asked = shown(next(iter(samples.SAMPLES.values())).picture(), index=3, against=5)
    np.testing.assert_allclose(again(asked), np.load(io.BytesIO(export.raw(asked))), atol=1e-6)


def test_the_recipe_of_an_upload_runs_beside_the_file_and_turns_it_upright(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it's mine.jpg").write_bytes(sideways())
    monkeypatch.chdir(tmp_path)
    asked = shown(uploads.read_picture(sideways(), "it's mine.jpg"), ask="probability", index=3)
    np.testing.assert_allclose(again(asked), np.load(io.BytesIO(export.raw(asked))), atol=1e-6)


def test_signed_values_are_in_points_of_what_is_explained() -> None:
    picture = next(iter(samples.SAMPLES.values())).picture()
    large = (("window", 32), ("stride", 32))
    assert shown(picture, "Occlusion", parameters=large).unit == "points of score"
    assert shown(picture, "Occlusion", parameters=large, ask="probability").unit == "points of probability"
    assert shown(picture, "Occlusion", parameters=large, ask="probability", index=1, against=2).unit == (
        "points of score"
    )
    assert shown(picture).unit == "evidence"
    assert {shown(picture, name).unit for name in ("GuidedBackprop", "Deconvnet", "GuidedGradCAM")} == {"evidence"}
