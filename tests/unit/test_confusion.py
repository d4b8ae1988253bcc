"""What is sent to the browser of a confusion matrix, and what comes back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dashboard import state
from dashboard.mistakes import confusion as matrices
from explain.mistakes import Confusion

NAMES = ["cat", "a  dog\n", "eft", "flute"]
#: Classes 0, 1 and 3; of class 3 there is no picture.
SMALL = Confusion(np.array([0, 1, 3]), np.array([[5, 0, 2], [1, 4, 0], [0, 0, 0]]))


def unpacked(data: bytes) -> tuple[dict[str, Any], list[tuple[int, int, int]]]:
    """Read what the component reads: the header, and the cells (row, column, count)."""
    start = 4 + int.from_bytes(data[:4], "little")
    header = json.loads(data[4:start])
    cells = header["cells"]
    counts = np.frombuffer(data, "<u4", cells, start)
    rows, columns = np.frombuffer(data, "<u2", 2 * cells, start + 4 * cells).reshape(2, -1)
    assert len(data) == start + 8 * cells
    return header, [(int(r), int(c), int(n)) for r, c, n in zip(rows, columns, counts, strict=True)]


def large(classes: int) -> Confusion:
    """Make a matrix in which class i was taken for the one before it i - 1 times."""
    matrix = np.diag(np.full(classes, 2000))
    matrix[np.arange(1, classes), np.arange(classes - 1)] = np.arange(classes - 1)
    return Confusion(np.arange(classes), matrix)


def test_the_cells_that_are_not_empty_are_sent_with_the_pictures_of_their_class() -> None:
    header, cells = unpacked(matrices.pack(SMALL, NAMES))
    assert cells == [(0, 0, 5), (0, 2, 2), (1, 0, 1), (1, 1, 4)]
    assert header["names"] == ["cat", "a dog", "flute"] and header["labels"] == [0, 1, 3]
    assert header["of"] == [7, 5, 0] and header["mistakes"] == [3, 1, 2]
    assert header["byMistakes"] is False


def test_the_chosen_cell_is_sent_by_its_places_and_leaves_the_rest_as_it_is() -> None:
    plain, _ = unpacked(matrices.pack(SMALL, NAMES))
    header, _ = unpacked(matrices.pack(SMALL, NAMES, (0, 3)))
    gone, _ = unpacked(matrices.pack(SMALL, NAMES, (0, 2)))
    assert plain["chosen"] is None and header["chosen"] == [0, 2] and gone["chosen"] == [0, -1]
    assert header["grid"] == plain["grid"] and header["answer"] != plain["answer"]


def test_other_counts_or_names_are_another_matrix() -> None:
    grids = {
        unpacked(matrices.pack(one, names))[0]["grid"]
        for one in (SMALL, Confusion(SMALL.labels, SMALL.matrix.T))
        for names in (NAMES, ["x", *NAMES[1:]])
    }
    assert len(grids) == 4


def test_the_words_for_those_who_do_not_see_it_name_counts_the_worst_mistake_and_the_keys() -> None:
    said = unpacked(matrices.pack(SMALL, NAMES))[0]["alt"]
    assert "12 pictures and 3 classes" in said and "9 (75\N{NO-BREAK SPACE}%) are named right" in said
    assert "cat taken for flute, 2 of 7." in said
    assert "Arrow keys" in said and "Enter picks" in said
    alone = matrices.describe(Confusion(np.array([2]), np.array([[1]])), NAMES)
    assert "1 picture and 1 class:" in alone and "most frequent mistake" not in alone


def test_of_very_many_classes_those_with_the_most_mistakes_are_drawn_and_the_hint_says_so() -> None:
    confusion = large(1200)
    header, cells = unpacked(matrices.pack(confusion, [f"class {index}" for index in range(1200)]))
    assert header["labels"] == list(range(200, 1200)) and header["byMistakes"] is True
    assert header["of"][0] == 2000 + 199 and max(row for row, _, _ in cells) == 999
    assert "1,000 classes with the most mistakes, of 1,200" in header["hint"]


def test_a_thousand_classes_are_small_enough_to_send() -> None:
    data = matrices.pack(large(1000), [f"class {index}" for index in range(1000)])
    assert len(data) < 100_000


@pytest.mark.parametrize(
    ("sent", "cell"),
    [
        ("3-17", (3, 17)),
        ("0-0", (0, 0)),
        (None, None),
        ("", None),
        ("3", None),
        ("3-", None),
        ("-1-2", None),
        (["3"], None),
    ],
)
def test_what_comes_back_is_a_cell_or_nothing(
    monkeypatch: pytest.MonkeyPatch, sent: object, cell: tuple[int, int] | None
) -> None:
    monkeypatch.setattr(state, "get", lambda key: {"picked": sent} if key == "matrix" else None)
    assert matrices.picked("matrix") == cell
    assert matrices.picked("another") is None
