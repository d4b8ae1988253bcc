"""What the benchmarks write down: measurements that travel with the repository, and verdicts that hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import explain
from benchmarks import evaluation, kept
from explain.comparison import Cell
from explain.records import Records


def test_a_measurement_that_was_packed_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "HOME", tmp_path / "measured")
    path = Path("runs") / "evaluation" / "boxes" / "records.jsonl"
    monkeypatch.chdir(tmp_path)
    Records(path).keep(("check", "b"), {"value": 2.0})
    Records(path).keep(("check", "a"), {"value": 1.0})
    kept.pack(path)
    assert [file.name for file in (tmp_path / "measured").iterdir()] == ["evaluation-boxes.jsonl.xz"]
    path.unlink()
    found = kept.records(path)
    assert {key[1]: value["value"] for key, value in found.under("check")} == {"a": 1.0, "b": 2.0}
    found.keep(("check", "c"), {"value": 3.0})
    # What is being measured is never written over.
    assert ("check", "c") in kept.records(path)


def cell(low: float, high: float, count: int = 30, ahead: tuple[float, float, float] | None = None) -> Cell:
    behind = ahead is not None and ahead[2] < 0
    return Cell((low + high) / 2, low, high, count, ahead, {}, behind=behind)


@pytest.mark.parametrize(
    ("measured", "mark"),
    [
        (cell(0, 1, ahead=(0.2, 0.1, 0.3)), evaluation.BETTER),
        (cell(0, 1, ahead=(-0.2, -0.3, -0.1)), evaluation.WORSE),
        (cell(0, 1, ahead=(0.1, -0.1, 0.3)), evaluation.NEITHER),
        (cell(0, 1, count=5, ahead=(0.2, 0.1, 0.3)), evaluation.NEITHER),
        (None, evaluation.UNKNOWN),
    ],
)
def test_a_method_is_marked_only_where_it_differs_from_the_centre_by_more_than_chance(
    measured: Cell | None, mark: str
) -> None:
    assert evaluation._mark(measured, explain.Deletion()) == mark


@pytest.mark.parametrize(
    ("low", "high", "mark"),
    [(0.1, 0.4, evaluation.BETTER), (0.6, 0.8, evaluation.WORSE), (0.4, 0.6, evaluation.NEITHER)],
)
def test_a_check_with_a_limit_of_its_own_is_marked_by_that(low: float, high: float, mark: str) -> None:
    assert evaluation._mark(cell(low, high), explain.RandomisationCascade()) == mark


def test_what_is_packed_in_the_repository_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = kept.HOME.resolve()
    packed = sorted(home.glob("*.jsonl.xz"))
    assert packed
    monkeypatch.setattr(kept, "HOME", home)
    monkeypatch.chdir(tmp_path)
    for file in packed:
        path = Path("runs") / f"{file.name.removesuffix('.jsonl.xz')}.jsonl"
        lines = kept.unpack(path).read_text(encoding="utf-8").splitlines()
        assert lines == sorted(lines) and all({"key", "value"} == set(json.loads(line)) for line in lines[:100])
