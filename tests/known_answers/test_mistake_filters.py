"""Every filter and every order of a run gives what a plain loop over its pictures gives."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explain import mistakes
from explain.mistakes import Filter, rows
from explain.runs import UNKNOWN, Case, Cases
from made_runs import MIXED, cases
from models.errors import ParameterError

LABELS = st.one_of(st.none(), st.integers(0, 3))
SHARES = st.one_of(
    st.none(), st.lists(st.integers(1, 9), min_size=4, max_size=4).map(lambda few: np.array(few) / sum(few))
)
NAMES = st.text("aB01290.", min_size=1, max_size=4)
FILTERS = st.builds(
    lambda bounds, **others: Filter(low=min(bounds), high=max(bounds), **others),
    st.one_of(st.just((0.0, 1.0)), st.tuples(*[st.sampled_from([0.0, 0.25, 1 / 3, 0.4, 0.5, 1.0])] * 2)),
    true=st.one_of(st.none(), st.integers(0, 4)),
    predicted=st.one_of(st.none(), st.integers(0, 4)),
    show=st.sampled_from(["all", "wrong", "right", "unlabelled", "unreadable"]),
    top5=st.sampled_from(["any", "in", "out"]),
)


def passes(case: Case, asked: Filter) -> bool:
    """Decide for one picture as a person would read the filter."""
    fine, labelled = not case.reason, case.label is not None
    outcome = {
        "all": True,
        "wrong": fine and labelled and not case.right,
        "right": fine and case.right,
        "unlabelled": fine and not labelled,
        "unreadable": not fine,
    }[asked.show]
    if not outcome or asked.true not in (None, case.label):
        return False
    if asked.predicted is not None and (not fine or asked.predicted != case.predicted):
        return False
    bounded = (asked.low, asked.high) != (0, 1)
    if bounded and not (fine and np.float32(asked.low) <= case.probabilities[0] <= np.float32(asked.high)):
        return False
    if asked.top5 == "any":
        return True
    return fine and labelled and (case.label in list(case.top)) == (asked.top5 == "in")


def in_order(run: list[Case], order: str) -> list[Case]:
    """Sort as the page's words say; Python's sort keeps equal ones as they are."""
    answered = [case for case in run if not case.reason]
    if order == "name":
        return sorted(run, key=lambda case: natural(case.name))
    if order == "margin":
        counted = [case for case in answered if case.label is not None]
        return [*sorted(counted, key=lambda case: case.margin), *(case for case in run if case not in counted)]
    sign = -1 if order == "surest" else 1
    ranked = sorted(answered, key=lambda case: sign * case.probabilities[0])
    return [*ranked, *(case for case in run if case.reason)]


def natural(name: str) -> list[tuple[int, int]]:
    """Letter by letter, but a number as one; among letters it stands where its digits would."""
    parts = re.findall(r"[0-9]+|[^0-9]", name.casefold())
    return [(ord("0"), int(part)) if part.isdigit() else (ord(part), 0) for part in parts]


def case_of(run: Cases, row: int) -> Case:
    fine, label = not run.reason[row], int(run.label[row])
    return Case(
        number=row,
        name=run.name[row],
        sha256="",
        called="",
        label=None if label == UNKNOWN else label,
        reason=run.reason[row],
        predicted=int(run.predicted[row]),
        top=run.top[row] if fine else run.top[row][:0],
        probabilities=run.probabilities[row] if fine else run.probabilities[row][:0],
        label_probability=float(run.label_probability[row]),
        margin=float(run.margin[row]),
        embedding=None,
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(LABELS, SHARES, NAMES), max_size=12), FILTERS, st.sampled_from(list(mistakes.ORDERS)))
def test_every_filter_and_order_gives_what_a_plain_loop_gives(
    pictures: list[tuple[int | None, Any, str]], asked: Filter, order: str
) -> None:
    labels, shares, names = zip(*pictures, strict=True) if pictures else ((), (), ())
    run = cases(labels, shares, names, kept=2)
    plain = [case_of(run, row) for row in range(len(run))]
    expected = [case.number for case in in_order([case for case in plain if passes(case, asked)], order)]
    assert rows(run, asked, order).tolist() == expected


def test_every_picture_is_right_wrong_unlabelled_or_unreadable() -> None:
    shown = {"right": [0], "wrong": [4, 1], "unlabelled": [2], "unreadable": [3], "all": [4, 0, 1, 2, 3]}
    for show, expected in shown.items():
        assert list(rows(MIXED, Filter(show=show))) == expected
    assert list(rows(MIXED, Filter(true=1, show="unreadable"))) == [3]
    assert list(rows(MIXED, Filter(true=2, predicted=0))) == [4]
    assert list(rows(MIXED, Filter(show="wrong", top5="out"))) == [4]
    assert list(rows(MIXED, Filter(show="all", low=0.5, high=0.8))) == [0, 1, 2]


def test_the_orders_are_those_that_the_page_names() -> None:
    asked = Filter(show="all")
    assert list(rows(MIXED, asked, "surest")) == [4, 0, 1, 2, 3]
    assert list(rows(MIXED, asked, "unsure")) == [2, 1, 0, 4, 3]
    assert list(rows(MIXED, asked, "margin")) == [4, 1, 0, 2, 3]
    assert [MIXED.name[row] for row in rows(MIXED, asked, "name")] == ["9.png", "10.png", "a.png", "B.png", "c.png"]


def test_names_with_any_digits_are_sorted() -> None:
    names = ["7" * 5000, "٣.png", "a²", "", "10", "9"]
    run = cases([None] * 6, [None] * 6, names)
    found = [names[row] for row in rows(run, Filter(show="all"), "name")]
    assert found == ["", "9", "10", "7" * 5000, "a²", "٣.png"]


@pytest.mark.parametrize(
    "wrong",
    [{"show": "both"}, {"top5": "yes"}, {"low": -0.1}, {"high": 1.5}, {"low": 0.6, "high": 0.5}, {"low": float("nan")}],
)
def test_a_filter_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        Filter(**wrong)


def test_an_order_that_is_not_there_is_refused() -> None:
    with pytest.raises(ParameterError, match="surest"):
        rows(MIXED, Filter(), "best")
