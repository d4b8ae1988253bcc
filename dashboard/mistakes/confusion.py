"""The confusion matrix in the browser: zoomed, walked over with the arrow keys, and a cell picked."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.components import component
from dashboard.words import percent
from explain.mistakes import Confusion, worst_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_confusion = component("confusion", "confusion.paint", "confusion.moves")

#: Classes drawn; of more, those with the most mistakes.
MOST = 1000
#: With more classes than this the matrix starts with those that have the most mistakes.
MANY = 40
KEYS = (
    "Arrow keys move over the cells, Page Down and Page Up over the mistakes from the most frequent to the rarest, "
    "plus and minus zoom, 0 shows all classes, Enter picks a cell, Escape lets go."
)


def draw(
    confusion: Confusion,
    names: Sequence[str],
    chosen: tuple[int, int] | None,
    key: str,
    on_picked: Callable[[], None],
) -> None:
    """Draw the matrix with the chosen cell (true class, first guess) marked; `picked(key)` says which was picked.

    names: of all classes, by index.
    """
    if not confusion.matrix.any():
        st.caption("No picture has both a label and an answer, so there is nothing to count yet.")
        return
    _confusion(key=key, data=pack(confusion, names, chosen), on_picked_change=on_picked)


def picked(key: str) -> tuple[int, int] | None:
    """Read, in the callback, the cell that was picked: the indices of the true class and of the first guess."""
    answer = state.get(key)
    true, _, predicted = str((answer or {}).get("picked") or "").partition("-")
    return (int(true), int(predicted)) if true.isdecimal() and predicted.isdecimal() else None


def pack(confusion: Confusion, names: Sequence[str], chosen: tuple[int, int] | None = None) -> bytes:
    """Put the matrix into the bytes that the component reads: a header and the cells that are not empty."""
    kept = _kept(confusion)
    matrix = confusion.matrix[np.ix_(kept, kept)]
    row, column = np.nonzero(matrix)
    cells = b"".join(
        np.ascontiguousarray(values, kind).tobytes()
        for values, kind in ((matrix[row, column], "<u4"), (row, "<u2"), (column, "<u2"))
    )
    labels = [int(index) for index in confusion.labels[kept]]
    header: dict[str, Any] = {
        "labels": labels,
        "names": [" ".join(names[index].split()) for index in labels],
        "of": confusion.matrix.sum(axis=1)[kept].tolist(),
        "mistakes": _mistakes(confusion)[kept].tolist(),
        "cells": len(row),
        "byMistakes": len(labels) > MANY,
        "alt": f"{describe(confusion, names)} {KEYS}",
        "hint": _hint(confusion, len(kept)),
    }
    header["grid"] = hashlib.sha256(cells + json.dumps(header).encode()).hexdigest()[:16]
    header["chosen"] = None if chosen is None else [labels.index(one) if one in labels else -1 for one in chosen]
    header["answer"] = f"{header['grid']} {header['chosen']}"
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + cells


def describe(confusion: Confusion, names: Sequence[str]) -> str:
    """Say in words what the matrix shows."""
    matrix, classes = confusion.matrix, len(confusion.labels)
    pictures, right = int(matrix.sum()), int(np.trace(matrix))
    said = (
        f"Confusion matrix of {_count(pictures, 'picture')} and {_count(classes, 'class', 'classes')}: "
        f"a row for each true class, a column for each first guess. {right:,} ({percent(right / pictures)}) are "
        "named right, on the diagonal."
    )
    worst = worst_pairs(confusion, 1)
    if not worst:
        return said
    pair = worst[0]
    true, predicted = names[pair.true], names[pair.predicted]
    return f"{said} The most frequent mistake: {true} taken for {predicted}, {pair.count:,} of {pair.of:,}."


def _hint(confusion: Confusion, drawn: int) -> str:
    hint = "Point at a cell for its count; click one to see its pictures."
    classes = len(confusion.labels)
    return hint if drawn == classes else f"The {drawn:,} classes with the most mistakes, of {classes:,}. {hint}"


def _mistakes(confusion: Confusion) -> NDArray[np.int64]:
    """Count for each class how often it was taken for another, or another for it."""
    matrix = confusion.matrix
    counts: NDArray[np.int64] = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * matrix.diagonal()
    return counts


def _kept(confusion: Confusion) -> NDArray[np.int64]:
    """List the places of the classes that are drawn, in their own order."""
    return np.sort(np.argsort(-_mistakes(confusion), kind="stable")[:MOST])


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"
