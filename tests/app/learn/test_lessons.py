"""The lessons without a browser: their links open what they say, and what they tell the class to expect is so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.learn import lesson_convolution, lesson_training, maps_asking
from dashboard.learn.demonstrations import demonstrations
from dashboard.learn.lesson import Lesson, Step
from dashboard.learn.lesson_page import written
from dashboard.learn.lessons import LESSONS
from dashboard.learn.terms import meaning, terms_in
from explain.teaching import shortcut
from explain.teaching.kernels import all_edges, blur, upright_edges
from explain.teaching.training_presets import PRESETS

Open = Callable[..., AppTest]
STEPS = [
    pytest.param(step, id=f"{lesson.key}-{number}")
    for lesson in LESSONS
    for number, step in enumerate(lesson.steps, 1)
    if step.demonstration in demonstrations()
]


def texts(app: AppTest) -> list[str]:
    assert not app.exception
    assert not app.error
    return [str(text.value) for text in app.markdown]


def questions(lesson: Lesson) -> int:
    return sum(len(step.questions) for step in lesson.steps)


def test_each_lesson_takes_ten_minutes_and_bears_a_name_of_its_own() -> None:
    assert [lesson.minutes for lesson in LESSONS] == [10, 10, 10]
    assert len({lesson.key for lesson in LESSONS}) == len(LESSONS)


def test_every_demonstration_that_a_lesson_uses_is_there() -> None:
    asked = {step.demonstration for lesson in LESSONS for step in lesson.steps}
    assert asked - set(demonstrations()) == set()


@pytest.mark.parametrize("step", STEPS)
def test_every_link_of_a_lesson_opens_without_a_notice(open_view: Open, step: Step) -> None:
    app = open_view("learn", **{name.replace("-", "_"): value for name, value in step.address.items()})
    texts(app)
    assert [str(text.value) for text in app.text] == []
    assert app.title[0].value == demonstrations()[step.demonstration].title


@pytest.mark.parametrize("step", STEPS)
def test_a_link_names_only_controls_that_the_demonstration_has(step: Step) -> None:
    assert set(step.state) - set(demonstrations()[step.demonstration].controls) == set()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_answers_are_folded_away_and_stand_at_the_end_for_paper(open_view: Open, lesson: Lesson) -> None:
    app = open_view("learn", lesson=lesson.key)
    texts(app)
    assert app.title[0].value == lesson.title
    assert len([e for e in app.expander if e.label.startswith("Answer to question")]) == questions(lesson)
    assert app.header[-1].value == "Answers"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_the_teachers_switch_unfolds_every_answer(open_view: Open, lesson: Lesson) -> None:
    app = open_view("learn", lesson=lesson.key, lesson_answers="true")
    assert app.toggle(key="lesson-answers").value
    assert len([text for text in texts(app) if text.startswith("*Answer.*")]) == questions(lesson)
    assert not app.expander
    assert app.header[-1].value != "Answers"
    app.toggle(key="lesson-answers").set_value(False).run()
    assert app.header[-1].value == "Answers"


def test_a_wrong_value_of_the_switch_gets_a_notice(open_view: Open) -> None:
    app = open_view("learn", lesson="maps", **{"lesson-answers": "perhaps"})
    texts(app)
    assert any("“perhaps”" in str(text.value) for text in app.text)


def test_links_are_written_out_as_they_are() -> None:
    step = LESSONS[0].steps[2]
    assert written(step, None) == "learn?demo=convolution&convolution-kernel=edges&convolution-stride=2"
    assert written(step, "http://localhost/learn?lesson=convolution").startswith("http://localhost/learn?demo=")


def test_every_step_asks_something_and_every_term_is_explained() -> None:
    for lesson in LESSONS:
        told = [lesson.summary, lesson.goal]
        for step in lesson.steps:
            assert step.questions
            told += [step.task, step.expect]
            told += [text for question in step.questions for text in (question.asked, question.answer)]
        assert [term for text in told for term in terms_in(text) if meaning(term) is None] == []


def test_the_lesson_on_convolution_has_the_numbers_of_the_layer() -> None:
    sizes = lesson_convolution.LESSON.steps[2].expect
    for figure in ("30 x 30 at stride 1", "15 x 15 at stride 2", "spans 5 pixels", "28 x 28", "32 x 32 again"):
        assert figure in sizes
    layer = lesson_convolution.LESSON.steps[3].expect
    assert f"{64 * 64 * 9 + 64:,} parameters" in layer
    assert f"{64 * 32 * 32 * 64 * 30 * 30 + 64 * 30 * 30:,}" in layer


def test_the_lesson_on_training_has_the_numbers_of_its_presets() -> None:
    few, slow = PRESETS["overfits"].settings, PRESETS["slow"].settings
    (step,) = [step for step in lesson_training.LESSON.steps if step.state == {"preset": "overfits"}]
    assert f"only {few.pictures} pictures, and {100 * few.label_noise:g} %" in step.task
    assert f"all {few.pictures} pictures" in step.expect
    assert f"after {slow.epochs} epochs not even half" in lesson_training.LESSON.steps[1].expect
    assert PRESETS["slow"].title in lesson_training.LESSON.steps[1].task


def test_what_the_lesson_says_of_the_kernels_is_so() -> None:
    assert upright_edges()[:, 1].tolist() == [0, 0, 0]
    assert (upright_edges()[:, 0] == -upright_edges()[:, 2]).all()
    assert blur(5).sum() == pytest.approx(1)
    assert all_edges().sum() == 0


def test_what_the_lesson_says_of_the_tag_is_so() -> None:
    clean = maps_asking.pixels_of("everyday_shortcut", "teapot")

    def banana(pixels: np.ndarray) -> float:
        return maps_asking.said("everyday_shortcut", pixels).chance(shortcut.CLASS)

    assert banana(shortcut.tagged(clean, *shortcut.HOME)) > 0.8
    assert banana(clean) < 0.01
    assert banana(shortcut.tagged(clean, 27, 27)) < 0.1
