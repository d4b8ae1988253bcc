"""The numbers that the lesson on maps tells the class to expect are those that the page shows."""

from __future__ import annotations

import re
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dashboard import words
from dashboard.catalogue import catalogue
from dashboard.learn.lesson import Step
from dashboard.learn.lesson_maps import LESSON
from explain.teaching import saturation

Open = Callable[..., AppTest]


def step(part: str) -> Step:
    (found,) = [each for each in LESSON.steps if each.state["part"] == part]
    return found


def shown(open_view: Open, part: str) -> str:
    """Open what the lesson's link opens."""
    app = open_view("learn", **{name.replace("-", "_"): value for name, value in step(part).address.items()})
    assert not app.exception
    assert not app.error
    told = "\n".join(str(text.value) for text in app.markdown)
    return told.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def test_the_three_methods_stay_below_what_the_lesson_says_and_the_edges_stay_the_same(open_view: Open) -> None:
    most = re.search(r"stay below ([\d.]+\d)", step("sanity").expect)
    assert most is not None
    *methods, edge = re.findall(r"^Spearman \*\*(\S+)\*\*$", shown(open_view, "sanity"), re.MULTILINE)
    assert len(methods) == 3
    assert all(float(each) < float(most[1]) for each in methods)
    assert f"[[Spearman correlation]] of {edge}:" in step("sanity").expect


def test_the_robust_network_is_right_as_often_as_the_lesson_says() -> None:
    entries = catalogue().models
    figures = re.findall(
        r"about (\d+ %) of its test pictures, the standard one for about (\d+ %)", step("robust").expect
    )
    expected = tuple(
        words.percent(entries[name].top1 or 0).replace("\N{NO-BREAK SPACE}", " ")
        for name in ("everyday_robust", "everyday_resnet")
    )
    assert figures == [expected]


def test_the_robust_map_is_smoother_and_closer_to_the_edges(open_view: Open) -> None:
    told = shown(open_view, "robust")
    assert "The robust network's map is smoother" in told
    edges = re.search(r"agrees by Spearman (-?[\d.]+\d); the standard one by (-?[\d.]+\d)", told)
    assert edges is not None
    assert float(edges[1]) > float(edges[2])


def test_the_numbers_by_hand_are_those_of_the_small_network(open_view: Open) -> None:
    assert step("saturation").state == {"part": "saturation", "input": "2.0", "from": "0.0"}
    upper, lower, slope = (
        int(found(at)) for found, at in ((saturation.output, 2.0), (saturation.output, 0.0), (saturation.gradient, 2.0))
    )
    assert f"f(2) = {upper}, f(0) = {lower}, the [[gradient]] at 2 is {slope}:" in step("saturation").expect
    assert "[[Integrated Gradients]] gives 1, the whole difference." in step("saturation").expect
    assert saturation.path(2.0, 2.0, 10).total == 0
    told = shown(open_view, "saturation")
    assert "At x = 2 the output is 1 and the gradient is **0**" in told
    assert "gives x **1**, just the difference" in told
