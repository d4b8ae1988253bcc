"""What a run got wrong is counted as scikit-learn counts it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support, top_k_accuracy_score

from explain.mistakes import Filter, by_class, calibrate, confuse, rows, summarise, worst_pairs
from explain.runs import Cases
from made_runs import BROKEN, EMPTY, MIXED, UNLABELLED, cases
from models.errors import ParameterError
from models.evaluate import _calibration_error

CLASSES = 7


def drawn(count: int, classes: int = CLASSES, seed: int = 0, temperature: float = 1.0) -> tuple[Cases, Any, Any]:
    """Draw labels and probabilities, and make the cases of a run from them."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    scores = generator.normal(size=(count, classes))
    scores[np.arange(count), labels] += 1.2
    shares = np.exp(scores / temperature)
    shares = (shares / shares.sum(1, keepdims=True)).astype(np.float32)
    return cases([int(label) for label in labels], shares), labels, shares


@pytest.mark.parametrize("classes", [2, 3, CLASSES, 40])
def test_the_counts_are_those_of_scikit_learn(classes: int) -> None:
    run, labels, shares = drawn(400, classes)
    summary, guesses = summarise(run), shares.argmax(1)
    confusion = confuse(run)
    assert np.array_equal(confusion.matrix, confusion_matrix(labels, guesses, labels=confusion.labels))
    assert set(confusion.labels) == set(labels) | set(guesses)
    assert summary.accuracy == pytest.approx(accuracy_score(labels, guesses))
    assert summary.right == (labels == guesses).sum() and summary.pictures == summary.counted == 400
    if classes > 5:
        expected = top_k_accuracy_score(labels, shares, k=5, labels=np.arange(classes))
        assert summary.top5_accuracy == pytest.approx(expected)
        assert summary.top5_accuracy != summary.accuracy


def test_of_each_class_recall_and_precision_are_those_of_scikit_learn() -> None:
    run, labels, shares = drawn(300)
    guesses = shares.argmax(1)
    found = by_class(run)
    index = [one.index for one in found]
    precision, recall, _, support = precision_recall_fscore_support(labels, guesses, labels=index, zero_division=np.nan)
    assert [one.accuracy for one in found] == pytest.approx(list(recall))
    assert [one.precision for one in found] == pytest.approx(list(precision))
    assert [one.count for one in found] == list(support)
    assert [one.guessed for one in found] == [int((guesses == place).sum()) for place in index]
    for one in found:
        assert one.confidence == pytest.approx(shares[labels == one.index].max(1).mean())


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 3.0])
def test_the_calibration_error_is_that_of_the_command_line(temperature: float, bins: int) -> None:
    run, labels, shares = drawn(500, temperature=temperature)
    expected = _calibration_error(shares.max(1), shares.argmax(1) == labels, bins)
    found = calibrate(run, bins)
    assert found.error == pytest.approx(expected, abs=1e-6) and expected > 0.01
    assert found.count.sum() == 500 and len(found.edges) == bins + 1
    if bins == 15:
        assert summarise(run).calibration_error == found.error


def test_a_network_that_is_as_often_right_as_it_is_sure_is_calibrated() -> None:
    shares = [[0.75, 0.25]] * 4 + [[1.0, 0.0]] * 2
    found = calibrate(cases([0, 0, 0, 1, 0, 0], np.array(shares, np.float32)), bins=4)
    assert found.error == pytest.approx(0)
    assert list(found.count) == [0, 0, 0, 6]
    assert found.accuracy[3] == pytest.approx(5 / 6) and np.isnan(found.accuracy[:3]).all()


def test_what_has_no_label_or_no_answer_is_named_and_not_counted() -> None:
    summary = summarise(MIXED)
    assert (summary.pictures, summary.unreadable, summary.unlabelled, summary.counted) == (5, 1, 1, 3)
    assert (summary.right, summary.top5) == (1, 2)
    assert summary.confidence == pytest.approx((0.8 + 0.6 + 0.5 + 0.9) / 4)
    assert confuse(MIXED).matrix.sum() == 3 == sum(one.count for one in by_class(MIXED))
    assert [(one.index, one.count, one.guessed) for one in by_class(MIXED)] == [(0, 2, 2), (1, 0, 1), (2, 1, 0)]
    assert by_class(MIXED)[1].accuracy is None and by_class(MIXED)[2].precision is None
    assert by_class(MIXED)[1].confidence is None


def test_the_interval_of_the_accuracy_is_wilsons() -> None:
    """The example of Newcombe, 1998: 81 of 263, 0.2553 to 0.3662."""
    shares = np.array([[0.9, 0.1]] * 263, np.float32)
    interval = summarise(cases([0] * 81 + [1] * 182, shares)).interval
    assert interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert summarise(cases([0] * 9, shares[:9])).interval == pytest.approx((0.7008, 1.0), abs=5e-4)
    assert summarise(cases([1] * 9, shares[:9])).interval == pytest.approx((0.0, 0.2992), abs=5e-4)


@pytest.mark.parametrize("run", [EMPTY, UNLABELLED, BROKEN], ids=["empty", "without labels", "nothing readable"])
def test_of_a_run_without_anything_right_or_wrong_nothing_is_claimed(run: Cases) -> None:
    summary = summarise(run)
    assert summary.counted == 0 and summary.pictures == len(run)
    assert summary.accuracy is summary.top5_accuracy is summary.interval is summary.calibration_error is None
    assert confuse(run).matrix.shape == (0, 0) and confuse(run).labels.shape == (0,)
    assert worst_pairs(confuse(run)) == () == by_class(run)
    assert calibrate(run).error is None and calibrate(run).count.sum() == 0
    assert not len(rows(run, Filter())) and not len(rows(run, Filter(show="right")))
    assert len(rows(run, Filter(show="all"))) == len(run)


def test_a_run_without_labels_still_says_how_sure_the_network_is() -> None:
    assert summarise(UNLABELLED).confidence == pytest.approx(0.75)
    assert summarise(BROKEN).confidence is None
    assert list(rows(UNLABELLED, Filter(show="unlabelled"))) == [1, 0]


def test_a_single_class_is_confused_with_nothing() -> None:
    run = cases([0, 0, 0], np.ones((3, 1), np.float32))
    assert confuse(run).matrix.tolist() == [[3]] and worst_pairs(confuse(run)) == ()
    assert summarise(run).accuracy == summarise(run).top5_accuracy == 1
    assert calibrate(run).error == pytest.approx(0)


def test_the_worst_pairs_are_the_largest_mistakes_of_the_matrix() -> None:
    run, labels, shares = drawn(300)
    guesses = shares.argmax(1)
    pairs = [(int(true), int(guess)) for true, guess in zip(labels, guesses, strict=True) if true != guess]
    found = worst_pairs(confuse(run), 12)
    assert [pair.count for pair in found] == sorted({pair: pairs.count(pair) for pair in pairs}.values())[::-1][:12]
    for pair in found:
        assert pair.count == pairs.count((pair.true, pair.predicted)) and pair.of == (labels == pair.true).sum()


def test_of_equally_frequent_mistakes_the_larger_share_of_a_class_comes_first() -> None:
    labels, sure = [0] * 8 + [1, 2, 2], np.eye(3, dtype=np.float32) * 0.9 + 0.05
    guesses = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    found = worst_pairs(confuse(cases(labels, sure[guesses])))
    assert [(pair.true, pair.predicted, pair.count, pair.of) for pair in found] == [
        (1, 0, 1, 1),
        (2, 0, 1, 2),
        (0, 1, 1, 8),
    ]


def test_a_number_of_bins_that_is_not_there_is_refused() -> None:
    with pytest.raises(ParameterError, match="bin"):
        calibrate(MIXED, 0)
