"""Whether a map holds up: the quick check in words, all checks one after the other, stopped, cached, reported."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import explain
from dashboard import cache, checks, cli, samples, uploads, verdicts, words
from dashboard.answers import Answer, Choice, Declined
from dashboard.catalogue import catalogue
from dashboard.classes import Question
from dashboard.show import Shown
from explain import metric as registry
from explain.quick import with_another_class
from explain.results import Curve, Heatmap, Prediction, QuickCheck, Score

Open = Callable[..., AppTest]
NAMES = catalogue().models["everyday_resnet"].classes
HELD = QuickCheck(0.1, 0.71, 0.09, 0.66, 0.02, 7, other=1, alike=0.3, edges=0.2)
#: A few checks of each kind that cost little: without and with a curve, one that declines, one that asks again.
FEW = ("Sparseness", "Completeness", "Deletion", "RandomLogit")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only a few checks in the registry."""
    monkeypatch.setattr(registry, "METRICS", {name: explain.METRICS[name] for name in FEW})


def said(method: str = "GradCAM", check: QuickCheck | None = HELD, **changed: Any) -> Shown:
    """What the page says of a made-up answer."""
    prediction = Prediction(np.array([0, 1]), NAMES[:2], np.array([0.71, 0.2], np.float32), np.zeros(2, np.float32))
    values = np.zeros((40, 40), np.float32)
    values[10:22, 10:22] = 1
    heatmap = Heatmap(values=values, signed=False, seconds=12.0, **changed)
    choice = Choice("everyday_resnet", samples.SAMPLES["lemon"].picture(), method)
    answer = Answer(prediction, heatmap, check, 0, (0, 0, 40, 40), "w", "cpu")
    return Shown(choice, answer, Question(0, NAMES[0], None, NAMES[0]), "", "")


def texts(shown: Shown) -> list[str]:
    return [plain(f"{found.word}: {found.text}") for found in verdicts.quick(shown)]


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\\", "")


def asked(method: str = "GradCAM", picture: uploads.Picture | None = None, **changed: Any) -> Shown:
    """A live answer of the page."""
    values = {param.name: param.default for param in catalogue().methods[method].params} | changed.pop("values", {})
    chosen = picture or samples.SAMPLES["lemon"].picture()
    choice = Choice("everyday_resnet", chosen, method, tuple(values.items()), **changed)
    answer = cache.answer(choice, lambda progress: None)
    return Shown(choice, answer, Question.of(choice, answer.prediction, NAMES), "", "")


def noise() -> uploads.Picture:
    levels = np.random.default_rng(0).integers(0, 255, (80, 90, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return uploads.read_picture(buffer.getvalue(), "mine.png")


def test_a_map_that_holds_says_what_hiding_does_and_that_another_class_looks_different() -> None:
    assert texts(said()) == [
        f"Holds: Hiding the marked 10 % drops *{NAMES[0]}* from 71 % to 9.0 %; hiding a random 10 % drops it to 66 %.",
        f"Holds: The map for *{NAMES[1]}* is another one (rank correlation 0.30).",
    ]
    assert verdicts.beside(verdicts.quick(said())) == "✓ Holds up in the quick check."


def test_a_map_that_fails_is_labelled_beside_the_map_with_the_reason() -> None:
    shown = said(check=dataclasses.replace(HELD, hidden=0.71))
    assert texts(shown)[0].startswith(f"Fails: Hiding the marked 10 % leaves *{NAMES[0]}* at 71 %")
    line = verdicts.beside(verdicts.quick(shown))
    assert line.startswith("✗ **Weak guide:**") and "no more than hiding as much elsewhere" in line


def test_a_fall_within_the_spread_of_other_places_may_be_chance_and_the_spread_is_named() -> None:
    shown = said(check=dataclasses.replace(HELD, hidden=0.60, elsewhere=0.66, spread=0.08))
    chance = "places elsewhere differ by ± 8.0 % among themselves, so chance alone may do as much."
    assert shown.answer.check is not None and shown.answer.check.passed is False
    assert texts(shown)[0].startswith("In part: ") and "weak guide" not in words.sentence(shown.answer, shown.question)
    assert texts(shown)[0].endswith(f"drops it to 66 %: {chance}")
    assert plain(verdicts.beside(verdicts.quick(shown))) == f"◐ **Holds up in part:** {chance}"
    assert f"hiding as much elsewhere to 66 %. P{chance[1:]}" in plain(words.sentence(shown.answer, shown.question))


def test_a_class_that_is_hardly_likely_holds_where_a_tenth_of_it_goes() -> None:
    shown = said(check=dataclasses.replace(HELD, before=0.013, hidden=0.006, elsewhere=0.054, spread=0.02))
    moved = "from 1.3 % to 0.6 %; hiding a random 10 % raises it to 5.4 %."
    assert texts(shown)[0] == f"Holds: Hiding the marked 10 % drops *{NAMES[0]}* {moved}"
    few = dataclasses.replace(HELD, before=0.0054, hidden=0.0046, elsewhere=0.00541, spread=0.0)
    text = "from 0.54 % to 0.46 %; hiding a random 10 % leaves it at 0.54 %."
    assert texts(said(check=few))[0] == f"Holds: Hiding the marked 10 % drops *{NAMES[0]}* {text}"
    none = dataclasses.replace(HELD, before=0.0, hidden=0.0, elsewhere=0.0, spread=0.0)
    assert none.passed is None and dataclasses.replace(none, before=1e-9).passed is False


def test_hiding_that_takes_nothing_away_is_not_called_a_fall() -> None:
    for hidden in (0.712, 0.709):
        shown = said(check=dataclasses.replace(HELD, hidden=hidden, elsewhere=0.8))
        assert texts(shown)[0].endswith("raises it to 80 %: hiding what it marks takes next to nothing away.")


@pytest.mark.parametrize(("hidden", "elsewhere"), [(0.705, 0.7095), (0.712, 0.7101), (0.7099, 0.701)])
def test_where_hiding_changes_next_to_nothing_there_is_no_verdict(hidden: float, elsewhere: float) -> None:
    shown = said(check=dataclasses.replace(HELD, hidden=hidden, elsewhere=elsewhere, spread=0.0001))
    assert texts(shown)[0].startswith("No verdict: ") and "neither says what counts" in texts(shown)[0]
    assert "no evidence" in words.sentence(shown.answer, shown.question)
    # The other class's verdict must not make the line beside the map a good one.
    assert "Holds: The map for" in texts(shown)[1]
    assert verdicts.beside(verdicts.quick(shown)).startswith("○ **No verdict:** hiding what it marks")


def test_a_random_place_that_counts_where_the_marked_one_does_not_is_a_failure() -> None:
    shown = said(check=dataclasses.replace(HELD, hidden=0.709, elsewhere=0.5, spread=0.01))
    assert texts(shown)[0].startswith("Fails: ")


def test_maps_of_two_classes_that_are_the_same_do_not_tell_them_apart() -> None:
    shown = said(check=dataclasses.replace(HELD, alike=0.97))
    text = f"Fails: The map for *{NAMES[1]}* is nearly the same (0.97): it does not tell the two apart."
    assert texts(shown)[1] == text
    assert f"nearly the same for *{NAMES[1]}*" in verdicts.beside(verdicts.quick(shown))


def test_another_class_without_evidence_is_told_apart_and_one_that_was_not_asked_for_is_said() -> None:
    assert texts(said(check=dataclasses.replace(HELD, alike=None)))[1].endswith("is empty: it tells the two apart.")
    text = texts(said(check=dataclasses.replace(HELD, other=None, alike=None)))[1]
    assert text.startswith("No verdict: Not asked about another class yet") and "12" not in text


def test_another_class_that_the_method_has_no_map_for_is_told_with_the_reason() -> None:
    refused = dataclasses.replace(HELD, alike=None, refusal="Too much is lost.")
    text = texts(said(check=refused))[1]
    assert text == f"No verdict: The method has no map for *{NAMES[1]}*: Too much is lost."


def test_a_contrast_is_compared_with_the_map_of_its_other_class_alone() -> None:
    shown = dataclasses.replace(said(), question=Question(0, NAMES[0], NAMES[1], NAMES[0]))
    assert f"drops *{NAMES[0]}* against *{NAMES[1]}* from 71 % to 9.0 %" in texts(shown)[0]
    assert f"The map for *{NAMES[1]}* alone is another one" in texts(shown)[1]


def test_a_map_that_is_an_edge_detectors_says_so_and_grad_cam_on_an_object_does_not() -> None:
    assert "follows the picture's edges" in texts(said(check=dataclasses.replace(HELD, edges=0.8)))[2]
    assert len(texts(said(check=dataclasses.replace(HELD, edges=0.66)))) == 2


@pytest.mark.parametrize("method", ["GuidedBackprop", "Deconvnet", "GuidedGradCAM"])
def test_a_method_that_ignores_the_network_says_so_once(method: str) -> None:
    shown = said(method, notes=(catalogue().methods[method].caution, "Another note."))
    assert "replaced by random ones" in texts(shown)[0] and texts(shown)[0].startswith("Fails")
    assert verdicts.notes(shown) == ["Another note."]
    assert "Weak guide" in verdicts.beside(verdicts.quick(shown))


def test_a_method_that_is_the_same_for_every_class_says_so() -> None:
    for method in ("EigenCAM", "AttentionRollout"):
        assert "same for every class" in texts(said(method))[0]


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (0.003, "Holds: The evidence adds up"),
        (0.2, "Fails: The evidence do"),
        (0.0101, "Fails: The evidence does not quite add up to the score: over 1.0 % of"),
        (0.00999, "Holds: The evidence adds up to the score: under 1.0 % of"),
    ],
)
def test_evidence_that_should_add_up_says_whether_it_does(missing: float, text: str) -> None:
    assert texts(said(checks={"completeness": missing}))[2].startswith(text)


def test_a_map_without_evidence_is_not_checked() -> None:
    shown = said(check=None)
    assert texts(shown) == [] and verdicts.beside(verdicts.quick(shown)) == ""


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the quick check wait for another class as long as is said, however fast the machine is."""

    def wait(seconds: float) -> None:
        monkeypatch.setattr(explain, "quick_check", functools.partial(explain.quick_check, patience=seconds))
        cache.shelf.clear()

    return wait


def test_the_second_most_likely_class_is_asked_about_and_of_a_contrast_its_other(
    patience: Callable[[float], None],
) -> None:
    patience(math.inf)
    first = asked()
    assert first.answer.check is not None
    assert first.answer.check.other == int(first.answer.prediction.indices[1])
    second = asked(index=3)
    assert second.answer.check is not None and second.answer.check.other == int(second.answer.prediction.indices[0])
    contrast = asked(index=3, against=7)
    assert contrast.answer.check is not None and contrast.answer.check.other == 7
    same = asked("EigenCAM").answer.check
    assert same is not None and same.alike == pytest.approx(1)


def test_a_slow_map_is_not_asked_for_another_class_until_that_is_wanted() -> None:
    trace = explain.trace(cache.load("everyday_resnet"), samples.SAMPLES["lemon"].picture().image)
    heatmap = explain.run(trace.model, trace, explain.GradCAM())
    assert isinstance(heatmap, Heatmap) and heatmap.target is not None
    slow = explain.quick_check(trace, heatmap, heatmap.target, patience=0)
    assert slow.other is None and slow.alike is None
    found = with_another_class(slow, trace, heatmap, heatmap.target)
    assert found == explain.quick_check(trace, heatmap, heatmap.target, patience=60)
    assert found.alike is not None and -1 <= found.alike <= 1


def test_an_edge_detector_follows_the_edges_wholly() -> None:
    from explain.control_maps import control_maps

    trace = explain.trace(cache.load("everyday_resnet"), samples.SAMPLES["lemon"].picture().image)
    heatmap = Heatmap(values=-control_maps(trace)["edges"], signed=True)
    check = explain.quick_check(trace, heatmap, explain.ClassLogit(0))
    assert check.edges == pytest.approx(1) and check.other is None


def measured(name: str, value: float, baselines: dict[str, float], **made: Any) -> verdicts.Verdict:
    metric = explain.METRICS[name](**made)
    return verdicts.measured(metric, Score(value=value, better=metric.better, baselines=baselines))


CONTROLS = {"random": 0.21, "centre": 0.16, "edges": 0.18}


def test_a_figure_is_read_beside_maps_that_know_nothing() -> None:
    found = measured("Deletion", 0.08, CONTROLS)
    assert found.holds is True and found.sign == "✓"
    assert found.text == (
        "**0.08** (lower is better); a random map gets 0.21, the picture's centre 0.16, an edge detector 0.18: "
        "better than all three."
    )


def test_a_figure_that_is_better_than_some_or_none_of_them_says_so() -> None:
    part = measured("Deletion", 0.165, {**CONTROLS, "centre": 0.14})
    assert (part.holds, part.word) == (None, "In part")
    assert part.text.endswith("better than a random map and an edge detector only.")
    close = measured("Deletion", 0.165, CONTROLS)
    assert (close.holds, close.word) == (None, "In part")
    few = "better than a random map and an edge detector, too close to the picture's centre to tell."
    assert close.text.endswith(few)
    none = measured("Deletion", 0.3, CONTROLS)
    assert none.holds is False and none.text.endswith("no better than any of them.")
    assert measured("Insertion", 0.3, CONTROLS).holds is True


@pytest.mark.parametrize(
    ("name", "value", "other", "error"),
    [
        ("Deletion", 0.5, 0.505, math.nan),
        ("Insertion", 0.5000001, 0.5, math.nan),
        ("Infidelity", 1e-5, 1.005e-5, math.nan),
        ("Infidelity", 0.5, 0.7, 0.3),
        ("ROAD", 9.0, 9.05, math.nan),
    ],
)
def test_a_difference_that_is_rounding_or_within_the_error_decides_nothing(
    name: str, value: float, other: float, error: float
) -> None:
    metric = explain.METRICS[name]()
    baselines = dict.fromkeys(CONTROLS, other)
    found = verdicts.measured(metric, Score(value=value, better=metric.better, baselines=baselines, error=error))
    assert (found.holds, found.partly) == (None, False) and found.text.endswith("too close to tell.")


def test_a_figure_with_a_unit_is_told_apart_however_small_it_is() -> None:
    assert measured("Infidelity", 1e-6, dict.fromkeys(CONTROLS, 2e-6)).holds is True
    assert measured("Infidelity", 2e-6, dict.fromkeys(CONTROLS, 1e-6)).holds is False


@pytest.mark.parametrize(("value", "written"), [(0.0123, "0.012"), (0.01004, "0.01004"), (0.00996, "0.00996")])
def test_a_figure_is_never_written_like_the_limit_that_it_keeps_or_misses(value: float, written: str) -> None:
    found = measured("Completeness", value, {})
    assert found.text == f"**{written}** (lower is better). At most 0.01 passes." and found.holds is (value < 0.01)


def test_figures_that_differ_are_never_written_alike() -> None:
    assert "**0.944**" in measured("Insertion", 0.944, {"random": 0.9449, "centre": 0.8, "edges": 0.8}).text


def test_a_limit_decides_where_maps_that_know_nothing_cannot() -> None:
    ones = dict.fromkeys(CONTROLS, 1.0)
    fails, holds = measured("RandomLogit", 0.97, ones), measured("RandomLogit", 0.3, ones)
    assert (fails.holds, holds.holds) == (False, True)
    assert fails.text == "**0.97** (lower is better); maps that know nothing get 1.00. At most 0.90 passes."
    assert measured("Sparseness", 0.9, CONTROLS).holds is None
    assert measured("Infidelity", 0.5, dict.fromkeys(CONTROLS, 0.5)).word == "No verdict"


def test_every_check_of_the_registry_can_be_put_into_words() -> None:
    shown = asked()
    for metric in checks.planned(shown.choice, shown.answer):
        for value in (-1.0, 0.0, 0.00012, 1.0, 5000.0):
            score = Score(value=value, better=metric.better, baselines=CONTROLS)
            assert verdicts.measured(metric, score).text.startswith("**")


def test_cheap_checks_come_first_and_boxes_are_taken_only_where_one_is_known() -> None:
    shown = asked()
    planned = checks.planned(shown.choice, shown.answer)
    order = [(metric.asks_again, metric.cost) for metric in planned]
    assert order == sorted(order) and len(planned) == len(explain.METRICS)
    (box,) = {vars(metric)["box"] for metric in planned if "box" in vars(metric)}
    left, top, right, bottom = box
    assert 0 <= left < right <= 64 and 0 <= top < bottom <= 64
    mine = asked(picture=noise())
    assert not [metric for metric in checks.planned(mine.choice, mine.answer) if "box" in vars(metric)]


def test_a_box_that_fills_the_crop_says_nothing_of_a_map() -> None:
    shown = asked(picture=samples.SAMPLES["chelsea"].picture())
    assert not [metric for metric in checks.planned(shown.choice, shown.answer) if "box" in vars(metric)]


def cells(app: AppTest) -> str:
    return plain("\n".join(str(text.value) for text in app.markdown))


def test_the_first_screen_shows_the_quick_check(open_app: Open) -> None:
    app = open_app()
    assert "✓ Holds up in the quick check." in cells(app)
    assert "hiding a random 10 %" in cells(app) and "is another one (rank correlation" in cells(app)
    assert app.button(key="check-button").label == "Check thoroughly"
    assert "All checks" not in [title.value for title in app.subheader]


def test_checking_thoroughly_shows_every_figure_and_stays_until_something_else_is_asked(
    open_app: Open, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(sample="lemon")
    app.button(key="check-button").click().run()
    assert not app.exception
    assert app.query_params["check"] == "1"
    text = cells(app)
    assert "Holds. Deletion" in text and "better than" in text and "a random map gets" in text
    assert "○ Completeness" in text and "Not for this map." in text
    assert "Checked thoroughly: ✓" in text and "○ 1 without a verdict, ○ 1 not for this map;" in text
    # Those that decide come first, and what is not for this map last.
    order = [text.index(f" {name}** ·") for name in ("Deletion", "Another class", "Sparseness", "Completeness")]
    assert order == sorted(order)
    assert len(app.get("plotly_chart")) == 1

    def fail(*given: object) -> None:
        raise AssertionError("was measured again")

    monkeypatch.setattr(cache, "measured", fail)
    app.run()
    assert not app.exception and "Checked thoroughly: ✓" in cells(app)
    app.selectbox(key="class").select("banana").run()
    assert "check" not in app.query_params and app.button(key="check-button")


def test_what_the_quick_check_had_no_time_for_is_not_said_any_more_once_it_was_asked(
    open_app: Open, few: None, patience: Callable[[float], None]
) -> None:
    patience(0)
    unasked = "Not asked about another class yet"
    app = open_app(sample="temple", method="Saliency")
    assert unasked in cells(app)
    app.button(key="check-button").click().run()
    assert not app.exception and "Another class** ·" in cells(app)
    assert unasked not in cells(app) and unasked not in cells(app.run())


def test_a_link_asks_for_all_checks(open_app: Open, few: None) -> None:
    app = open_app(sample="lemon", check="1")
    assert not app.exception and "Checked thoroughly" in cells(app)
    unknown = open_app(check="2")
    assert any("“2”" in str(text.value) for text in unknown.text) and unknown.button(key="check-button")


def test_checks_that_were_stopped_keep_what_was_found_and_go_on(open_app: Open, few: None) -> None:
    app = open_app(sample="orange", check="1")
    choice = app.session_state["checks_asked_of"]
    answer_of = cache.shelf().studies
    kept = [key for key in answer_of._values if "Deletion" in str(key) and key[1] == choice]
    for key in kept:
        del answer_of._values[key]
    app.session_state["stopped"] = ("checks", choice)
    app.run()
    assert not app.exception
    assert f"Stopped after {len(FEW) - 1} of {len(FEW)} checks." in cells(app)
    assert "… Deletion" in cells(app)
    app.button(key="check-on").click().run()
    assert "Deletion" in cells(app) and "Stopped" not in cells(app)


def test_a_check_that_means_nothing_for_a_map_says_why_and_ends_no_other(few: None) -> None:
    shown = asked()
    found = {type(metric).__name__: outcome for metric, outcome in checks.make(
        explain.trace(cache.load("everyday_resnet"), shown.choice.picture.image), shown.choice, shown.answer
    )}
    assert isinstance(found["Completeness"], Declined) and "add up" in found["Completeness"].reason
    assert isinstance(found["Deletion"], Curve) and isinstance(found["RandomLogit"], Score)


def test_the_command_line_says_what_the_checks_find(
    few: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = samples.FOLDER / samples.SAMPLES["lemon"].file
    asked_for = ["explain", "--image", str(file), "--model", "everyday_resnet", "--method", "guided-backprop"]
    assert cli.main([*asked_for, "--check", "--out", str(tmp_path / "a.json")]) == 0
    told = plain(capsys.readouterr().out)
    assert "✗ Fails. This map stays much the same" in told and told.count("random ones") == 1
    assert "Deletion: 0." in told and "✗ Fails. Another class: 0.9" in told
    assert len(json.loads((tmp_path / "a.json").read_text())["result"]["all_checks"]) == len(FEW)
