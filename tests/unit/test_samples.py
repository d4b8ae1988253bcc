"""The sample pictures say what they are and whose they are."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from dashboard.samples import FOLDER, SAMPLES

GROUPS = {"things the networks know", "pictures that no class fits"}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_has_a_picture_credit_licence_and_words_for_those_who_cannot_see_it(name: str) -> None:
    sample = SAMPLES[name]
    image = sample.picture().image
    assert sample.picture().notes == ()
    assert max(image.size) <= 720
    left, upper, right, lower = sample.box
    assert 0 <= left < right <= image.width
    assert 0 <= upper < lower <= image.height
    assert all((sample.title, sample.credit, sample.licence, sample.source))
    assert len(sample.alt) > 30
    assert sample.group in GROUPS
    assert (sample.everyday_class is not None) == (sample.group == "things the networks know")
    assert Image.open(io.BytesIO(sample.thumbnail())).size == (96, 96)


def test_every_file_among_the_samples_is_listed_and_the_other_way_round() -> None:
    assert {path.name for path in FOLDER.glob("*.jpg")} == {sample.file for sample in SAMPLES.values()}
    assert {path.stem for path in (FOLDER / "small").iterdir()} == set(SAMPLES)


def test_no_sample_carries_position_or_camera_data() -> None:
    for sample in SAMPLES.values():
        with Image.open(FOLDER / sample.file) as image:
            assert not image.getexif()
            assert "icc_profile" not in image.info


def test_the_page_opens_with_something_the_networks_know_and_a_map_that_holds() -> None:
    first = next(iter(SAMPLES.values()))
    assert first.everyday_class is not None
    shipped = json.loads((FOLDER.parent / "first_screen.json").read_text(encoding="utf-8"))
    check = next(fact["check"] for fact in shipped if fact["sha256"] == first.picture().sha256)
    assert check["hidden"] < min(check["before"], check["elsewhere"])
    assert len(json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))) == len(SAMPLES)
