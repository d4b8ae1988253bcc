"""A layer's parts on the Explain page: shown, exported, reported and written from the command line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import cache, cli, concepts, export, samples
from dashboard.answers import Choice
from dashboard.classes import Question
from dashboard.report.of_one import again_of, of_one
from dashboard.show import Shown
from explain.results import Concepts

LEMON = Question(0, "lemon", None, "lemon")


@pytest.fixture(scope="module")
def shown() -> Shown:
    few = (("layer", None), ("parts", 3), ("iterations", 20), ("seed", 0))
    choice = Choice("everyday_resnet", samples.SAMPLES["lemon"].picture(), "FeatureFactorization", few)
    answer = cache.compute(cache.Shelf(), cache.load("everyday_resnet"), choice)
    return Shown(choice, answer, LEMON, "", "A lemon.")


def test_the_page_shows_the_parts_and_what_they_add(
    open_app: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, object]] = []
    pack = concepts.pack

    def kept(*given: object) -> dict[str, object]:
        drawn.append(pack(*given))
        return drawn[-1]

    monkeypatch.setattr(concepts, "pack", kept)
    app = open_app(method="FeatureFactorization", parts="3")
    assert not app.exception
    assert "3 parts that the layer tells apart" in " ".join(str(text.value) for text in app.markdown)
    assert any("To first order the parts add" in str(text.value) for text in app.caption)
    data = drawn[-1]
    assert len(data["parts"]) == 3 and "part 1, " in str(data["alt"])
    assert str(data["caption"]).startswith("What each part adds to the score of")


def test_an_answer_of_parts_counts_its_bytes(shown: Shown) -> None:
    found = shown.answer.explanation
    assert isinstance(found, Concepts)
    assert shown.answer.nbytes >= found.maps.nbytes + found.grids.nbytes
    assert shown.answer.check is None


def test_parts_can_be_taken_along(shown: Shown) -> None:
    image = Image.open(io.BytesIO(export.picture(shown)))
    assert min(image.size) >= 448
    assert np.load(io.BytesIO(export.raw(shown))).shape == (3, 64, 64)
    result = json.loads(export.recipe(shown))["result"]
    assert len(result["shares"]) == 3 and 0 < result["error"] < 1


def test_the_recipe_of_parts_runs_as_it_stands(shown: Shown) -> None:
    names: dict[str, object] = {}
    exec(json.loads(export.recipe(shown))["python"], names)
    again, first = names["answer"], shown.answer.explanation
    assert isinstance(again, Concepts) and isinstance(first, Concepts)
    np.testing.assert_allclose(again.maps, first.maps, rtol=1e-4, atol=1e-5)


def test_the_report_shows_the_parts_and_says_what_they_add(shown: Shown) -> None:
    report = of_one(shown, again_of(shown, "", "2026-01-01"))
    panel = report.entries[0].panels[1]
    assert panel.title == "Parts of layer3" and "part 1, " in panel.alt and "To first order" in panel.caption
    assert ("Explained", "the score of lemon") in report.about


def test_parts_can_be_written_from_the_command_line(tmp_path: Path) -> None:
    given, picture, array = tmp_path / "lemon.png", tmp_path / "parts.png", tmp_path / "parts.npy"
    samples.SAMPLES["lemon"].picture().image.save(given)
    options = ["--method", "feature-factorization", "--parts", "2", "--iterations", "20"]
    files = ["--image", str(given), "--out", str(picture), "--out", str(array)]
    assert cli.main(["explain", "--model", "everyday_resnet", *options, *files]) == 0
    with Image.open(picture) as written:
        assert written.mode == "RGB"
    assert np.load(array).shape[0] == 2
