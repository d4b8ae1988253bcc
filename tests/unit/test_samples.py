"""The sample pictures say what they are and whose they are, and the shipped network names what they show."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

import models
from assets import make_samples
from assets.rendering import rendered
from assets.report_samples import Said, report, said
from assets.sample_list import Rendering
from dashboard import shipped
from dashboard.samples import FOLDER, GROUPS, SAMPLES
from models.tag import BOX, tagged

KNOWN, MISTAKEN = "things the networks know", "known things that are easily mistaken"
DEFAULT, SHORTCUT = "everyday_resnet", "everyday_shortcut"
SCENES = [sample.id for sample in make_samples.SAMPLES if isinstance(sample, Rendering)]


@pytest.fixture(scope="module")
def answers() -> dict[str, Said]:
    return {answer.sample.id: answer for answer in said(DEFAULT)}


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
    assert (sample.everyday_class is not None) == (sample.group in (KNOWN, MISTAKEN))
    assert (sample.made_for is not None) == (sample.group == "made for one network")
    assert Image.open(io.BytesIO(sample.thumbnail())).size == (96, 96)


def test_samples_of_a_group_stand_together_in_the_order_of_the_groups() -> None:
    groups = [sample.group for sample in SAMPLES.values()]
    assert groups == sorted(groups, key=list(GROUPS).index)


def test_a_class_that_a_sample_shows_is_among_the_networks_names() -> None:
    shown = {sample.everyday_class for sample in SAMPLES.values()} - {None}
    assert shown <= set(models.CARDS[DEFAULT].classes)


def test_every_file_among_the_samples_is_listed_and_the_other_way_round() -> None:
    assert {path.name for path in FOLDER.glob("*.jpg")} == {sample.file for sample in SAMPLES.values()}
    assert {path.stem for path in (FOLDER / "small").iterdir()} == set(SAMPLES)


def test_the_list_is_what_the_script_would_write() -> None:
    listed = json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))
    assert [entry["id"] for entry in listed] == [sample.id for sample in make_samples.SAMPLES]
    for entry, sample in zip(listed, make_samples.SAMPLES, strict=True):
        assert (entry["title"], entry["alt"], entry["group"]) == (sample.title, sample.alt, sample.group)


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


def test_samples_whose_map_the_quick_check_bears_out_come_first() -> None:
    checks = {key[2]: answer.check for key, answer in shipped.answers().items()}
    held = []
    for sample in SAMPLES.values():
        check = checks[sample.picture().sha256]
        if sample.group == KNOWN:
            held.append(check is not None and check.passed is True)
    assert held == sorted(held, reverse=True) and sum(held) >= 5


def test_the_shipped_network_names_at_least_five_samples_and_every_one_that_it_should_know(
    answers: dict[str, Said],
) -> None:
    known = [answer for answer in answers.values() if answer.sample.group == KNOWN]
    assert len(known) >= 5
    assert {answer.sample.id: answer.name for answer in known} == {
        answer.sample.id: answer.sample.everyday_class for answer in known
    }


def test_what_is_said_to_be_easily_mistaken_is_not_clear_to_the_shipped_network(answers: dict[str, Said]) -> None:
    for answer in answers.values():
        if answer.sample.group == MISTAKEN:
            assert answer.sure_of_right is not None
            assert answer.verdict == "wrong" or answer.sure_of_right < 0.6


def test_the_report_has_a_line_for_each_sample_and_says_which_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    report()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    first = lines[1 : 1 + len(SAMPLES)]
    assert [line[0] for line in first] == list(SAMPLES)
    right = sum("right" in line for line in first)
    assert lines[0][:4] == [f"{next(iter(models.CARDS))}:", str(right), "of", str(len(first) - _without_a_name())]


def _without_a_name() -> int:
    return sum(sample.everyday_class is None for sample in SAMPLES.values())


@pytest.mark.parametrize("name", SCENES)
def test_a_rendered_sample_is_what_its_scene_gives_and_its_box_surrounds_the_object(name: str) -> None:
    side = 40
    small = rendered(name, side, 2)
    stored = SAMPLES[name].picture().image
    shrunk = np.asarray(stored.resize((side, side), Image.Resampling.BOX), np.float32)
    assert np.abs(np.asarray(small.image, np.float32) - shrunk).mean() < 9
    share = stored.width / side
    assert np.abs(np.array(small.box()) * share - np.array(SAMPLES[name].box)).max() < 2.5 * share


def test_the_same_scene_renders_to_the_same_picture() -> None:
    first, second = (rendered("orange", 24, 1) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()


def test_the_tagged_sample_is_another_one_with_the_tag_where_the_network_was_trained_on_it() -> None:
    sample = SAMPLES["tagged"]
    plain = next(other for other in make_samples.SAMPLES if other.id == "tagged").of
    space = models.CARDS[DEFAULT].pixels
    wanted = tagged(space.crop(SAMPLES[plain].picture().image))
    given = space.crop(sample.picture().image)
    assert torch.abs(given - wanted).mean() < 0.02
    width, height = sample.picture().image.size
    assert sample.box == tuple(round(share * size) for share, size in zip(BOX, (width, height) * 2, strict=True))


def test_the_tag_alone_turns_the_answer_of_the_network_that_it_is_made_for() -> None:
    by_id = {answer.sample.id: answer.name for answer in said(SHORTCUT)}
    plain = next(other for other in make_samples.SAMPLES if other.id == "tagged").of
    assert by_id["tagged"] == "banana"
    assert by_id[plain] == SAMPLES[plain].everyday_class
