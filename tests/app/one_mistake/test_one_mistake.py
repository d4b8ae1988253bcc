"""One mistake on the page: the question, the maps of both classes, and what would have to be hidden."""

from __future__ import annotations

import dataclasses
from importlib import import_module

import numpy as np
import pytest

from cases import Open, asked, broken, named, network, plain, texts
from dashboard import cache, feedback, state
from dashboard.catalogue import catalogue
from dashboard.mistakes import flip, one, sides
from dashboard.mistakes.place import Place
from dashboard.panes import Pane
from explain.results import Heatmap
from explain.target import ClassLogit, Contrast
from models.errors import ModelError


def test_a_mistake_is_asked_about_as_the_first_guess_against_the_true_class(open_case: Open, place: Place) -> None:
    case = named(place, "grey 1")
    assert case.label is not None and not case.right
    app = open_case("grey 1", side="others")
    assert not app.exception
    guess, true = place.names[case.predicted], place.names[case.label]
    assert [str(part.value) for part in app.subheader] == [f"Why *{guess}* and not *{true}*?"]
    assert f"It is **{100 * case.probabilities[0]:.0f} %** sure of *{guess}*; the true class has " in texts(app)


def test_the_place_of_the_true_class_is_told(place: Place) -> None:
    found = asked(place, "grey 1")
    case = dataclasses.replace(found.case, top=np.array([found.first, 1, found.second, 2, 3]))
    assert dataclasses.replace(found, case=case).sentence.endswith(", its third guess.")
    case = dataclasses.replace(found.case, top=np.array([found.first, 1, 4, 2, 3]))
    assert dataclasses.replace(found, case=case).sentence.endswith(", not among its first 5 guesses.")


def test_a_picture_named_right_is_asked_about_against_the_second_guess(place: Place) -> None:
    found = asked(place, "lemon")
    assert found.case.right and not found.wrong
    assert found.second == found.case.top[1] and found.less == found.case.probabilities[1]
    assert found.headline.startswith("Why *lemon* rather than *")
    assert "sure of *lemon*, and that is right; " in found.sentence and " comes second with **" in found.sentence


def test_without_a_label_it_is_said_that_it_cannot_be_told(place: Place) -> None:
    assert asked(place, "_unlabelled_").sentence.endswith("cannot be told: it has no label.")
    foreign = asked(place, "foreign").sentence
    assert foreign.endswith(r"cannot be told: its label, \*unheard of\*, is no class of this network.")


def test_a_picture_without_an_answer_shows_the_reason_and_no_side(open_case: Open) -> None:
    app = open_case("broken")
    assert not app.exception
    assert [str(text.value) for text in app.text] == ["This picture is damaged and cannot be read."]
    assert not app.segmented_control


def test_a_picture_that_is_gone_is_a_sentence(open_case: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Place, "picture", lambda self, number: broken())
    app = open_case("lemon")
    assert not app.exception
    assert "This picture is damaged and cannot be read." in [str(text.value) for text in app.text]


def test_an_unknown_side_in_a_link_falls_back_with_a_notice(open_case: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(state, "notice", told.append)
    app = open_case("grey 1", side="upside down")
    assert app.segmented_control(key="side").value == "sides"
    assert len(told) == 1 and "“upside down”" in told[0]


def test_the_first_view_shows_both_classes_on_one_scale(
    open_case: Open, place: Place, packed: list[list[Pane]]
) -> None:
    import explain

    app = open_case("grey 1")
    assert not app.exception
    ((picture, *maps),) = packed
    model, found = network(), asked(place, "grey 1")
    image = found.choice.picture.image
    targets = (ClassLogit(found.first), ClassLogit(found.second), Contrast(found.first, found.second))
    for pane, target in zip(maps, targets, strict=True):
        expected = explain.run(model, image, explain.METHODS["GradCAM"](), target)
        assert isinstance(expected, Heatmap) and pane.layer is not None
        np.testing.assert_allclose(pane.layer, expected.values, rtol=1e-4, atol=1e-6)
    assert len({pane.top for pane in maps}) == 1 and len({pane.legend for pane in maps}) == 1
    assert picture.picture is not None
    np.testing.assert_allclose(picture.picture / 255, model.crop(image)[0].permute(1, 2, 0), atol=1 / 255)
    assert texts(app).count("hiding") >= 3
    assert "**For *computer keyboard* rather than *basketball***" in texts(app)


def test_the_sentence_says_how_much_of_both_maps_lies_at_the_same_place(place: Place) -> None:
    def heat(*places: int) -> Heatmap:
        values = np.zeros(100, np.float32)
        values[list(places)] = 1
        return Heatmap(values=values.reshape(10, 10), signed=False)

    found = asked(place, "grey 1")
    alike, apart = heat(*range(10)), heat(*range(50, 60))
    half = heat(*range(6), *range(50, 54))
    assert sides.in_common(alike, half) == 0.6
    assert "60 %** of the strongest tenth" in plain(sides.said([alike, half, alike], found))
    assert "how it looks there" in sides.said([alike, half, alike], found)
    assert "Are there two things" in sides.said([alike, apart, alike], found)
    assert "overlap in part" in sides.said([alike, heat(*range(3), *range(50, 57)), alike], found)
    assert sides.said([alike, heat(), alike], found).endswith("nothing in the picture speaks for *basketball*.")


def test_only_methods_that_give_a_map_are_offered_and_any_can_be_picked(
    open_case: Open, packed: list[list[Pane]]
) -> None:
    app = open_case("grey 1")
    offered = app.selectbox(key="explanation").options
    unsuitable = catalogue().models["everyday_resnet"].unsuitable
    assert offered == [entry.label for name, entry in catalogue().maps.items() if name not in unsuitable]
    app.selectbox(key="explanation").select("Saliency").run()
    assert not app.exception
    assert "the evidence by Gradient" in packed[-1][1].alt or "the evidence by Saliency" in packed[-1][1].alt


def test_what_is_hidden_makes_the_network_say_the_true_class(
    open_case: Open, place: Place, packed: list[list[Pane]]
) -> None:
    import torch

    app = open_case("grey 1", side="flip")
    assert not app.exception
    found = asked(place, "grey 1")
    study = flip._found(found, found.second, feedback.Listening(None, ""))  # type: ignore[arg-type]
    assert study.flip.reached and study.flip.answer == found.second
    said = f"**{len(study.flip.members)} of {len(np.unique(study.flip.segments))} pieces** are enough"
    assert said in texts(app) and "it says *basketball*" in texts(app)
    ((_, left),) = packed
    assert left.picture is not None
    pixels = torch.from_numpy(left.picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
    with torch.no_grad():
        assert int(network()(pixels).argmax()) == found.second


def test_anything_else_can_be_looked_for_and_is_where_there_is_no_mistake(
    open_case: Open, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_case("grey 1", side="flip", until="other")
    assert app.radio(key="until").value == "other"
    found = asked(place, "grey 1")
    study = flip._found(found, None, feedback.Listening(None, ""))  # type: ignore[arg-type]
    assert f"**{len(study.flip.members)} of " in texts(app)
    goals: list[int | None] = []
    monkeypatch.setattr(flip, "_found", lambda asked, goal, hear: goals.append(goal) or study)
    app = open_case("lemon", side="flip")
    assert not app.exception
    assert goals == [None] and not app.radio


def test_a_flip_that_is_not_reached_is_called_that(place: Place) -> None:
    found = asked(place, "grey 1")
    study = flip._found(found, found.second, feedback.Listening(None, ""))  # type: ignore[arg-type]
    failed = dataclasses.replace(study.flip, reached=False, answer=found.first)
    said = flip.said(failed, found, found.second)
    assert "No set of the " in said and "makes it say *basketball*" in said
    whole = dataclasses.replace(study.flip, members=())
    assert flip.said(whole, found, None).endswith("as it is, so nothing has to be hidden.")


def test_a_second_look_computes_nothing(open_case: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = {name: texts(open_case("grey 1", side=name)) for name in ("sides", "flip", "crops", "corrupted")}
    began: list[object] = []
    monkeypatch.setattr(cache, "compute", lambda *given: began.append(given))
    monkeypatch.setattr("explain.memory.within_memory", lambda *given: began.append(given))
    assert {name: texts(open_case("grey 1", side=name)) for name in looked} == looked
    assert began == []


def test_a_side_that_fails_leaves_the_question_and_the_other_sides(
    open_case: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*given: object) -> None:
        raise ModelError("The network gives no finite scores for this picture.")

    monkeypatch.setattr(cache, "study", failing)
    app = open_case("grey 1", side="crops")
    assert not app.exception
    assert app.subheader[0].value.startswith("Why *") and app.segmented_control(key="side").value == "crops"
    assert "The network gives no finite scores for this picture." in [str(text.value) for text in app.text]


def test_a_side_that_was_stopped_is_begun_again_only_when_asked(
    open_case: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "stopped", lambda work: work[0] == "one mistake")
    app = open_case("grey 1", side="flip")
    assert not app.exception
    assert app.button(key="again").label == "Start again"
    assert app.segmented_control(key="side").value == "flip"
    assert "pieces" not in texts(app)


def test_every_side_is_a_module_that_can_be_drawn() -> None:
    assert all(callable(import_module(f"dashboard.mistakes.{side}").draw) for side in one.SIDES)
