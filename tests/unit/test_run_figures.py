"""What a run got wrong becomes figures that say what they show, also of runs in which there is nothing to show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from explain import run_figures
from explain.mistakes import ByClass, calibrate
from explain.run_figures import calibration_figure, class_figure, confidence_figure
from explain.runs import Cases

ROOT = Path(__file__).resolve().parents[2]


def cases(right: list[bool], sure: list[float]) -> Cases:
    """Make the cases of a run in which class 0 is guessed every time."""
    count = len(right)
    nothing, words = np.zeros(count, np.float32), np.array([""] * count, object)
    top = np.zeros((count, 1), np.int32)
    label = np.array([0 if one else 1 for one in right], np.int32)
    shares = np.array(sure, np.float32)[:, None]
    numbers = np.arange(count)
    return Cases(numbers, words, words, words, label, words, top[:, 0], top, shares, nothing, nothing)


EMPTY = cases([], [])


def by_class(index: int, right: int, count: int, guessed: int) -> ByClass:
    precision = right / guessed if guessed else None
    return ByClass(index, count, guessed, right, right / count if count else None, 0.5, precision)


def test_the_calibration_is_drawn_as_how_often_against_how_sure() -> None:
    run = cases([True] * 9 + [False] * 3 + [True, False], [0.9] * 12 + [0.15, 0.15])
    bars, gaps, diagonal = calibration_figure(calibrate(run, 10)).data
    assert list(bars.x) == pytest.approx([0.15, 0.95]) and list(bars.y) == pytest.approx([0.5, 0.75])
    assert list(bars.marker.opacity) == [0.4, 1.0]
    assert "12 pictures" in bars.hovertext[1] and "right in 75 %, 90 % sure" in bars.hovertext[1]
    assert [value for value in gaps.y if value is not None] == pytest.approx([0.5, 0.15, 0.75, 0.9])
    assert list(gaps.x) == pytest.approx([0.15] * 3 + [0.9] * 3)
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]


def test_how_sure_it_is_when_right_and_when_wrong_are_shares_of_each() -> None:
    right, wrong = confidence_figure(cases([True, True, True, False], [0.95, 1.0, 0.42, 0.42])).data
    assert right.name == "right: 3 pictures" and wrong.name == "wrong: 1 picture"
    assert list(right.y) == pytest.approx([0, 0, 0, 0, 1 / 3, 0, 0, 0, 0, 2 / 3])
    assert list(wrong.y) == pytest.approx([0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    assert "2 of the 3 pictures named right" in right.hovertext[-1]


def test_the_hardest_classes_come_first_and_of_those_alike_the_one_with_more_pictures() -> None:
    found = [by_class(0, 9, 10, 9), by_class(1, 1, 2, 0), by_class(2, 5, 10, 20), by_class(3, 0, 0, 4)]
    figure = class_figure(found, ["a", "b", "c", "never shown"])
    bars, marks = figure.data
    assert [text.strip() for text in figure.layout.yaxis.ticktext] == ["c", "b", "a"]
    assert list(bars.x) == [0.5, 0.5, 0.9] and list(bars.marker.opacity) == [1.0, 0.4, 1.0]
    assert list(marks.x) == [0.25, 1.0] and list(marks.y) == [0, 2]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert figure.layout.title.text is None


def test_of_many_classes_the_hardest_are_drawn_and_the_title_says_so() -> None:
    found = [by_class(index, index, 100, 1) for index in range(60)]
    figure = class_figure(found, [f"class {index}" for index in range(60)])
    assert list(figure.data[0].x) == [index / 100 for index in range(run_figures.MOST_CLASSES)]
    assert figure.layout.title.text == "The 25 of 60 classes that are least often right"


def test_two_classes_of_the_same_name_stay_two_and_tags_in_names_are_text() -> None:
    figure = class_figure([by_class(0, 1, 4, 2), by_class(1, 2, 4, 2)], ["crane", "crane"])
    assert list(figure.data[0].y) == [0, 1]
    figure = class_figure([by_class(0, 1, 4, 2)], ["<a href='x'>" + "long " * 20])
    assert (
        figure.layout.yaxis.ticktext[0].startswith("&lt;a href='x'&gt;") and len(figure.layout.yaxis.ticktext[0]) < 40
    )
    assert "<" not in figure.data[0].hovertext[0] and "long long" in figure.data[1].hovertext[0]


def test_figures_of_a_run_without_anything_right_or_wrong_are_empty_and_say_what_they_would_show() -> None:
    calibration, confidence, classes = (
        calibration_figure(calibrate(EMPTY)),
        confidence_figure(EMPTY),
        class_figure([], []),
    )
    assert not calibration.data[0].x and set(confidence.data[0].y) == {0} and not classes.data[0].x
    for figure in (calibration, confidence):
        assert figure.layout.xaxis.title.text == "How sure the network is" and figure.layout.yaxis.title.text
    assert classes.layout.xaxis.title.text and classes.layout.height > 0


def test_the_colours_of_right_and_wrong_are_the_same_in_all_figures() -> None:
    run = cases([True, False], [0.9, 0.8])
    bars, gaps, _ = calibration_figure(calibrate(run)).data
    right, wrong = confidence_figure(run).data
    assert bars.marker.color == right.marker.color != wrong.marker.color == gaps.line.color


def test_counting_and_drawing_a_run_load_no_torch() -> None:
    code = "import sys; import explain.mistakes, explain.run_figures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
