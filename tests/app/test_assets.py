"""What is shipped beside the code equals what the code would say: catalogue, first answers, links, bytes sent."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dashboard import cache, catalogue, lens, make_assets, samples, shipped, widgets, words
from dashboard.answers import Answer
from dashboard.classes import Question
from dashboard.commands import arguments
from dashboard.report import repeating
from explain.params import params_of
from explain.results import Heatmap, Prediction, QuickCheck


def test_the_catalogue_equals_the_live_registries() -> None:
    assert json.loads(catalogue.FILE.read_text(encoding="utf-8")) == json.loads(json.dumps(make_assets.record()))


def test_the_catalogue_gives_back_every_parameter_of_every_method() -> None:
    import explain

    for name, entry in catalogue.catalogue().methods.items():
        assert entry.params == params_of(explain.METHODS[name])


def test_the_catalogue_lists_every_check_with_its_parameters() -> None:
    import explain

    entries = catalogue.catalogue().metrics
    assert list(entries) == list(explain.METRICS)
    for name, entry in entries.items():
        cls = explain.METRICS[name]
        assert entry.params == params_of(cls)
        assert (entry.label, entry.family, entry.better, entry.cost) == (cls.label, cls.family, cls.better, cls.cost)
        assert entry.doc.endswith("is better.") and entry.more and not any("arXiv" in text for text in entry.more)


def test_the_default_network_is_a_trained_one_that_is_shipped() -> None:
    first = next(iter(catalogue.catalogue().models.values()))
    assert cache.weights_here(first.key, first.files) == "bundled"
    assert first.top1 is not None and first.top1 > 0.4


def test_every_precomputed_answer_equals_a_live_one() -> None:
    choices = make_assets.default_choices(catalogue.catalogue())
    network = cache.load(choices[0].model)
    assert {choice.key for choice in choices} == set(shipped.answers())
    for choice in choices:
        early, live = shipped.find(choice), cache.compute(cache.Shelf(), network, choice)
        assert early is not None
        assert early.weights == live.weights
        assert isinstance(early.explanation, Heatmap) and isinstance(live.explanation, Heatmap)
        one, other = early.explanation.values.ravel(), live.explanation.values.ravel()
        assert one @ other >= 0.9999 * np.linalg.norm(one) * np.linalg.norm(other)
        assert early.prediction.names[:3] == live.prediction.names[:3]
        assert np.allclose(early.prediction.probabilities, live.prediction.probabilities, atol=1e-3)
        assert early.box == pytest.approx(live.box)
        assert early.check is not None and live.check is not None
        assert early.check.hidden == pytest.approx(live.check.hidden, abs=0.01)
        assert early.check.other == live.check.other
        assert early.check.alike == pytest.approx(live.check.alike, abs=0.01)
        assert early.check.edges == pytest.approx(live.check.edges, abs=0.01)


def test_names_that_occur_twice_can_be_told_apart() -> None:
    assert catalogue.told_apart(("crane", "cat", "crane")) == ("crane · class 0", "cat", "crane · class 2")


def test_every_network_has_classes_with_names_of_their_own() -> None:
    for entry in catalogue.catalogue().models.values():
        assert len(set(entry.classes)) == len(entry.classes) > 1


@pytest.mark.parametrize("signed", [False, True])
def test_a_noisy_map_of_224_pixels_with_its_picture_takes_less_than_120_kib(signed: bool) -> None:
    values = np.random.default_rng(0).normal(size=(224, 224)).astype(np.float32)
    for sample in samples.SAMPLES.values():
        image = sample.picture().image
        sent = lens.pack(image, (0, 0, *image.size), Heatmap(values=values, signed=signed), caption="c", alt="a")
        assert len(sent) < 120 * 1024


def test_bytes_of_a_signed_map_are_centred_on_zero() -> None:
    values = np.array([[-2.0, 0.0, 1.0, 2.0]], np.float32)
    assert lens.to_bytes(values, True, 2.0).tolist() == [[1, 128, 192, 255]]
    assert lens.to_bytes(values, False, 2.0).tolist() == [[0, 0, 128, 255]]


def test_the_scale_ends_at_the_maximum_unless_a_few_pixels_stand_out() -> None:
    ramp = np.linspace(0, 1, 10000, dtype=np.float32).reshape(100, 100)
    assert lens.scale(ramp) == (1.0, False)
    ramp[0, 0] = 50
    top, exceeds = lens.scale(ramp)
    assert exceeds and 0.9 < top < 1.1


def answer(**changed: object) -> Answer:
    prediction = Prediction(
        np.array([1, 0]), ("tea", "coffee"), np.array([0.75, 0.25], np.float32), np.array([1, 0], np.float32)
    )
    heatmap = Heatmap(values=np.eye(4, dtype=np.float32), signed=False)
    fields = {"prediction": prediction, "explanation": heatmap, "index": 1, "box": (0, 0, 4, 4), "weights": "w"}
    return Answer(**{**fields, "check": QuickCheck(0.1, 0.75, 0.09, 0.66, 0.02, 7), "device": "cpu", **changed})  # type: ignore[arg-type]


TEA = Question(1, "tea", None, "tea")


def test_the_answer_says_how_sure_and_what_hiding_does() -> None:
    text = words.sentence(answer(), TEA).replace("\N{NO-BREAK SPACE}", " ")
    assert text.startswith("**75 %** sure.")
    assert text.endswith("raised that the most: hiding it drops the figure to 9.0 %, hiding as much elsewhere to 66 %.")


def test_a_map_that_fails_its_check_is_called_a_weak_guide() -> None:
    assert "weak guide" in words.sentence(answer(check=QuickCheck(0.1, 0.75, 0.7, 0.6, 0.02, 7)), TEA)
    assert "weak guide" not in words.sentence(answer(), TEA)


def test_where_hiding_changes_nothing_there_is_no_evidence() -> None:
    assert "no evidence" in words.sentence(answer(check=QuickCheck(0.1, 0.75, 0.75, 0.75, 0.0, 7)), TEA)


def test_a_map_without_evidence_says_so() -> None:
    empty = Heatmap(values=np.zeros((4, 4), np.float32), signed=False)
    assert "no positive evidence for this class" in words.sentence(answer(explanation=empty, check=None), TEA)


def test_a_contrast_weighs_only_the_two_classes() -> None:
    asked = Question(1, "tea", "coffee", "tea")
    assert words.headline(asked) == "Why *tea* rather than *coffee*?"
    assert "Between these two" in words.sentence(answer(), asked)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "**bold** :red[x] $x$ [a](b)", "a_b*c`d`"])
def test_markup_in_a_class_name_stays_text(name: str) -> None:
    import re

    safe = words.escaped(name)
    assert re.sub(r"\\(.)", r"\1", safe) == name
    assert not re.search(r"(?<!\\)[<>*_`$\[\]:]", safe)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.714, "71 %"), (0.003, "0.3 %"), (0.00001, "under 0.1 %"), (0.0, "0 %"), (0.99999, "over 99.9 %"), (1, "100 %")],
)
def test_shares_are_written_as_people_say_them(share: float, text: str) -> None:
    assert words.percent(share).replace("\N{NO-BREAK SPACE}", " ") == text


def test_every_kind_of_parameter_has_a_control() -> None:
    import explain

    for name, cls in {**explain.METHODS, **explain.METRICS}.items():
        values = widgets.configure(name, params_of(cls), ("layer1",), ("tea",))
        assert cls(**dict(values)) == cls()


def test_a_box_is_written_for_the_command_line_as_it_is_read_there() -> None:
    """No method has such a parameter so far, only checks; commands and reports treat both alike."""
    import argparse

    entry = catalogue.catalogue().metrics["Localisation"]
    parser = argparse.ArgumentParser()
    for param in entry.params:
        arguments._add(parser.add_argument_group("check"), param)
    written = repeating.flags(entry, [("box", (4, 5, 60, 70))])  # type: ignore[arg-type]
    assert written == ["--method", "localisation", "--box", "4,5,60,70"]
    assert arguments.parameters(entry, parser.parse_args(written[2:]), ()) == (("box", (4, 5, 60, 70)),)  # type: ignore[arg-type]
    assert arguments.parameters(entry, parser.parse_args([]), ()) == (("box", None),)  # type: ignore[arg-type]
    with pytest.raises(SystemExit):
        parser.parse_args(["--box", "here"])
