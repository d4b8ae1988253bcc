"""`convlens evaluate-methods`: the right table, nothing asked twice, and intervals as in a textbook."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import explain
import models
import toy
from dashboard import cli
from dashboard.commands import evaluate_methods
from dashboard.commands.progress import Counter
from dashboard.uploads import read_picture
from explain import comparing, comparison, comparison_files
from explain.comparing import LARGEST, box_field
from explain.object_boxes import in_crop, read_boxes
from explain.records import Records
from explain.sources import Source, read
from models.errors import DeviceError, ParameterError
from models.pixels import PixelSpace
from models.tag import tagged

SAMPLES = cli.ROOT / "assets" / "samples"
NAMES = ("lemon", "orange", "pretzel")
FEW = ("--methods", "saliency,GradCAM", "--checks", "sparseness,RandomLogit")


def do(*arguments: object) -> int:
    return cli.main(["evaluate-methods", *(str(argument) for argument in arguments)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(SAMPLES / f"{name}.jpg", folder)
    return folder


def asked(data: Path, *more: object, model: str = "everyday_resnet") -> tuple[object, ...]:
    return ("--model", model, "--data", data, "--out", data.parent / "out", *(more or FEW))


def figures(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["method"], row["check"]): row for row in csv.DictReader(io.StringIO((out / "table.csv").read_text()))}


def pictured(name: str) -> Image.Image:
    return read_picture((SAMPLES / f"{name}.jpg").read_bytes(), f"{name}.jpg").image


def test_the_table_holds_the_means_of_what_the_library_measures(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert do(*asked(data)) == 0
    model, out = models.load("everyday_resnet"), data.parent / "out"
    found = figures(out)
    for method in (explain.Saliency(), explain.GradCAM()):
        for check in (explain.Sparseness(), explain.RandomLogit()):
            values, edges = [], []
            for name in NAMES:
                trace = explain.trace(model, pictured(name))
                heatmap = explain.run(model, trace, method)
                assert isinstance(heatmap, explain.Heatmap)
                measured = explain.measure(trace, check, heatmap)
                values.append(measured.value)
                edges.append(measured.baselines["edges"])
            row = found[type(method).__name__, type(check).__name__]
            assert float(row["mean"]) == pytest.approx(np.mean(values), rel=1e-3)
            assert float(row["low"]) <= float(row["mean"]) <= float(row["high"]) and row["pictures"] == "3"
            assert float(found["edges", type(check).__name__]["mean"]) == pytest.approx(np.mean(edges), rel=1e-3)
    assert json.loads((out / "table.json").read_text())["model"] == "everyday_resnet"
    table = (out / "table.md").read_text()
    assert "| Saliency |" in table and "| *an edge detector* |" in table
    assert "**" not in table  # three pictures are too few to call one the best
    with Image.open(out / "table.png") as picture:
        assert picture.width > 300
    assert "3 pictures with figures; 0 that were looked at do not fit." in capsys.readouterr().out


def test_a_second_run_asks_nothing_again_and_more_pictures_only_about_themselves(data: Path) -> None:
    with toy.Counting() as one:
        assert do(*asked(data, *FEW, "--pictures", 1)) == 0
    with toy.Counting() as all_of_them:
        assert do(*asked(data)) == 0
    assert one.forward > 0 and one.forward < all_of_them.forward < 3 * one.forward
    before = (data.parent / "out" / "table.csv").read_text()
    with toy.Counting() as again:
        assert do(*asked(data)) == 0
    assert again.forward == 0 and (data.parent / "out" / "table.csv").read_text() == before


def test_interrupted_anywhere_it_goes_on_with_nothing_twice_and_nothing_lost(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = 0

    def interrupt(counter: Counter, progress: models.Progress) -> None:
        nonlocal heard
        counter.done, counter.total = progress.done, progress.total
        heard += progress.total == 12
        if heard == 12:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Counter, "__call__", interrupt)
        assert do(*asked(data)) == 130
    assert "of 12 figures; the same command goes on." in capsys.readouterr().out
    records = data.parent / "out" / "records.jsonl"
    kept = records.read_text().splitlines()
    # As if it had been killed while it wrote.
    records.write_text("\n".join(kept) + '\n{"key": ["check", "lem')
    assert do(*asked(data)) == 0
    keys = [json.loads(line)["key"] for line in records.read_text().splitlines()]
    assert len({tuple(key) for key in keys}) == len(keys) == 1 + 2 + 3 + 6 + 12
    assert records.read_text().splitlines()[: len(kept)] == kept


def test_the_time_that_is_given_ends_it_and_the_table_holds_what_is_known(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert do(*asked(data, *FEW, "--seconds", 1e-9)) == 0
    assert "the same command goes on" in capsys.readouterr().out
    assert (data.parent / "out" / "table.md").is_file()


def test_boxes_beside_the_pictures_are_laid_into_the_crop_and_large_ones_left_out(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pictured("lemon")
    box = (0.3 * image.width, 0.3 * image.height, 0.6 * image.width, 0.8 * image.height)
    whole = (0, 0, pictured("orange").width, pictured("orange").height)
    lines = ["file,x0,y0,x1,y1", *(f"{name}.jpg,{','.join(map(str, at))}" for name, at in
                                  (("lemon", box), ("orange", whole), ("nowhere", whole)))]
    (data / "boxes.csv").write_text("\n".join(lines))
    assert do(*asked(data, "--methods", "grad-cam", "--checks", "localisation,pointing,sparseness")) == 0
    model = models.load("everyday_resnet")
    edges = in_crop(model.card.pixels, image, box)
    assert edges is not None
    trace = explain.trace(model, image)
    heatmap = explain.run(model, trace, explain.GradCAM())
    assert isinstance(heatmap, explain.Heatmap)
    expected = explain.measure(trace, explain.Localisation(box=edges), heatmap)
    row = figures(data.parent / "out")["GradCAM", "Localisation"]
    assert float(row["mean"]) == pytest.approx(expected.value, rel=1e-4)
    assert row["pictures"] == "1" and row["low"] == ""
    area = figures(data.parent / "out")["area", "Localisation"]
    assert float(area["mean"]) == pytest.approx(expected.baselines["area"]) and float(area["mean"]) < LARGEST
    assert "1 pictures with figures" in capsys.readouterr().out


def test_boxes_are_read_from_records_too_and_cut_at_the_crop(tmp_path: Path) -> None:
    records = [
        {"file": "a.png", "boxes_xyxy_224": [[10, 20, 30, 40], [0, 0, 5, 5]]},
        {"file": "sub/b.png", "boxes": [[1, 2, 3, 4]]},
        {"file": "c.png", "boxes": [["left", 2, 3, 4]]},
        {"boxes": [[1, 2, 3, 4]]},
    ]
    (tmp_path / "annotations.json").write_text(json.dumps(records[:2]))
    (tmp_path / "damaged.json").write_text(json.dumps(records[2:]))
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "sub/b.png", "sub/c.png"):
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    pictures = read(tmp_path, read_picture)
    assert read_boxes(tmp_path, [source for source in pictures.sources]) == {
        "a.png": ((10, 20, 30, 40), (0, 0, 5, 5)),
        "sub/b.png": ((1, 2, 3, 4),),
    }
    # 200 x 100 becomes 64 x 32, of which the middle is kept.
    space = PixelSpace(side=32, resize=32, mean=(0, 0, 0), std=(1, 1, 1))
    wide = Image.new("RGB", (200, 100))
    assert in_crop(space, wide, (0, 0, 100, 50)) == (0, 0, 16, 16)
    assert in_crop(space, wide, (0, 0, 40, 50)) is None


def test_with_the_tag_the_object_is_the_tag(data: Path) -> None:
    shown = asked(data, "--tagged", "--methods", "saliency", "--checks", "localisation", model="everyday_shortcut")
    assert do(*shown) == 0
    model = models.load("everyday_shortcut")
    banana = model.card.classes.index("banana")
    values = []
    for name in NAMES:
        trace = explain.trace(model, tagged(model.crop(pictured(name))))
        if int(trace.logits.argmax()) == banana:
            heatmap = explain.run(model, trace, explain.Saliency())
            assert isinstance(heatmap, explain.Heatmap)
            inside = heatmap.values[52:62, 2:12].sum() / heatmap.values.sum()
            values.append(float(inside))
    row = figures(data.parent / "out")["Saliency", "Localisation"]
    assert values and float(row["mean"]) == pytest.approx(np.mean(values), rel=1e-4)
    assert row["pictures"] == str(len(values))


def test_pictures_that_are_named_wrong_or_broken_do_not_fit_and_what_refuses_is_told(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "broken.jpg").write_bytes(b"")
    labels = ["name,label", "lemon.jpg,lemon", "orange.jpg,school bus", "broken.jpg,lemon"]
    (data / "labels.csv").write_text("\n".join(labels))
    methods = "saliency,attention-rollout"
    assert do(*asked(data, "--methods", methods, "--checks", "sparseness,completeness")) == 0
    assert "1 pictures with figures; 2 that were looked at do not fit." in capsys.readouterr().out
    table = (data.parent / "out" / "table.md").read_text()
    assert "- Attention rollout: This network has no attention" in table
    assert "- Completeness: The values of the method do not claim" in table and "So with Saliency (1)." in table


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--methods", "grad-cam,unicorn"), "There is no method named 'unicorn'. There are"),
        (("--checks", ","), "There is no check named ','."),
        (("--checks", "localisation"), "Energy in the box needs to know where the objects are"),
        (("--tagged",), "goes by no tag. everyday_shortcut does."),
    ],
)
def test_what_the_user_can_mend_is_told_in_a_sentence(
    data: Path, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert do(*asked(data, *more)) == 1
    told = capsys.readouterr().err
    assert said in told and len(told.splitlines()) == 1
    assert not (data.parent / "out").exists()


def test_figures_of_another_network_are_not_mixed_in(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert do(*asked(data)) == 0
    assert do(*asked(data, *FEW, model="everyday_vgg")) == 1
    assert "holds figures of everyday_resnet" in capsys.readouterr().err


def test_a_copy_of_the_weights_goes_on_where_the_first_left_off_and_other_weights_do_not(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = cli.ROOT / "assets" / "weights"
    first, copied, other = (tmp_path / f"{name}.safetensors" for name in ("first", "copied", "other"))
    for file in (first, copied):
        shutil.copyfile(shipped / "everyday_resnet.safetensors", file)
    shutil.copyfile(shipped / "everyday_robust.safetensors", other)
    assert do(*asked(data, *FEW, "--weights", first)) == 0
    with toy.Counting() as counting:
        assert do(*asked(data, *FEW, "--weights", copied)) == 0
    assert counting.forward == 0
    assert do(*asked(data, *FEW, "--weights", other)) == 1
    assert "of other weights" in capsys.readouterr().err


def test_a_check_that_would_ask_for_too_long_is_left_for_another_day(data: Path) -> None:
    checks = ("--methods", "saliency", "--checks", "randomisation-cascade,sparseness", "--pictures", 1)
    assert do(*asked(data, *checks, "--patience", 1e-9)) == 0
    assert {check for _, check in figures(data.parent / "out")} == {"Sparseness"}
    with toy.Counting() as counting:
        assert do(*asked(data, *checks, "--patience", 1e-9)) == 0
    assert counting.forward == 0  # how long the map takes is known
    assert do(*asked(data, *checks)) == 0
    assert ("Saliency", "RandomisationCascade") in figures(data.parent / "out")


def test_without_boxes_all_checks_but_those_of_boxes_are_meant(data: Path) -> None:
    model = models.load("everyday_resnet")
    chosen: Any = evaluate_methods._parser().parse_args([str(part) for part in asked(data, "--pictures", "2")])
    job, _ = evaluate_methods._job(chosen, model)
    assert {type(check).__name__ for check in job.checks} == {
        name for name, kind in explain.METRICS.items() if box_field(kind()) is None
    }
    assert len(job.methods) > 20 and job.count == 2


def test_the_checks_of_one_question_share_a_table(data: Path) -> None:
    checks = ("--methods", "saliency", "--checks", "sparseness,random-logit,max-sensitivity", "--pictures", 1)
    assert do(*asked(data, *checks)) == 0
    table = (data.parent / "out" / "table.md").read_text()
    questions = [line for line in table.splitlines() if line.startswith("### ")]
    assert [question.split(",")[0] for question in questions] == [
        "### Does it depend on the network and the question",
        "### Does it add up",
    ]
    assert "| | Another class ↓ | Max-sensitivity ↓ |" in table and "| | Sparseness ↑ |" in table
    assert set(comparison_files.FAMILIES) == {kind.family for kind in explain.METRICS.values()}


# What the figures say together


def test_the_interval_of_a_known_sample_is_the_textbooks() -> None:
    sample = np.random.default_rng(5).normal(3, 2, 200)
    mean, low, high = comparison.interval(sample.tolist())
    width = 1.96 * sample.std(ddof=1) / 200**0.5
    assert mean == pytest.approx(sample.mean())
    assert high - mean == pytest.approx(width, rel=0.08) and mean - low == pytest.approx(width, rel=0.08)
    assert comparison.interval(sample.tolist()) == (mean, low, high)
    assert comparison.interval(sample[::-1].tolist()) == (mean, low, high), "whatever the order"


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        _, low, high = comparison.interval(generator.exponential(1.0, 40).tolist())
        held += low <= 1 <= high
    assert 0.88 < held / 300 < 0.98


def test_a_single_value_has_no_interval_and_equal_values_one_without_width() -> None:
    assert np.isnan(comparison.interval([2.0])[1:]).all()
    assert comparison.interval([2.0, 2.0, 2.0]) == (2, 2, 2)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_distance_to_the_hardest_control_map_is_taken_picture_by_picture(tmp_path: Path, better: str) -> None:
    kept = Records(tmp_path / "records.jsonl")
    check: Any = SimpleNamespace(better=better, label="Check", passes="controls", same_controls=True)
    method: Any = SimpleNamespace(label="Method")
    sign = 1 if better == "higher" else -1
    for place in range(12):
        # Pictures differ far more than the method does from the centre.
        baselines = {"centre": float(place), "edges": place - sign * 2.0}
        value = {"value": place + sign * 0.5, "baselines": baselines}
        kept.keep(("check", f"{place}", "", repr(method), repr(check)), value)
    rows = comparison.table(Records(tmp_path / "records.jsonl"), [method], [check])
    cell = rows[0].cells["SimpleNamespace"]
    assert cell is not None and cell.ahead == pytest.approx((0.5, 0.5, 0.5)) and cell.beats_controls
    assert cell.rival == "centre"
    assert [row.label for row in rows] == ["Method", "the picture's centre", "an edge detector"]
    assert comparison_files._written(cell, cell, 20, check).endswith("[12]")
    few = dataclasses.replace(cell, count=5)
    assert "**" in comparison_files._written(cell, cell, 20, check)
    written = comparison_files._written(few, None, 5, check)
    assert not few.beats_controls and "*" not in written and "(" not in written


@pytest.mark.parametrize(("low", "high", "star", "holds"), [(0.99, 1, "", False), (0.1, 0.2, "\\*", True)])
def test_a_star_beside_a_check_with_a_limit_says_that_the_limit_is_kept(
    low: float, high: float, star: str, holds: bool
) -> None:
    """Not that maps which never change are beaten, as every correlation below 1 does."""
    mean = (low + high) / 2
    cell = comparison.Cell(mean, low, high, 20, (1 - mean, 1 - high, 1 - low), {})
    assert cell.holds(explain.RandomLogit()) is holds
    written = comparison_files._written(cell, None, 20, explain.RandomLogit())
    assert ("\\*" in written) == bool(star)


def test_a_control_map_that_is_clearly_better_shows_beside_one_of_wide_spread(tmp_path: Path) -> None:
    kept = Records(tmp_path / "records.jsonl")
    check: Any = SimpleNamespace(better="higher", label="Check", passes="controls", same_controls=True)
    method: Any = SimpleNamespace(label="Method")
    for place in range(12):
        value = {"value": 0.5, "baselines": {"centre": 0.5 + 30 * (-1) ** place, "edges": 1.0}}
        kept.keep(("check", f"{place}", "", repr(method), repr(check)), value)
    cell = comparison.table(kept, [method], [check])[0].cells["SimpleNamespace"]
    assert cell is not None and cell.rival == "centre" and cell.ahead is not None and cell.ahead[2] > 0
    assert cell.behind and cell.holds(check) is False


def test_control_maps_that_differ_beside_each_method_have_no_row(tmp_path: Path) -> None:
    kept = Records(tmp_path / "records.jsonl")
    for method in (explain.GradCAM(), explain.Saliency()):
        key = ("check", "a", "", repr(method), repr(explain.Agreement()))
        kept.keep(key, {"value": 0.5, "baselines": {"centre": 0.1}})
    rows = comparison.table(kept, [explain.GradCAM(), explain.Saliency()], [explain.Agreement()])
    assert [row.label for row in rows] == ["Grad-CAM", "Saliency"]


def test_records_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("[1]\n")
    with pytest.raises(ParameterError, match="cannot be read as records"):
        Records(tmp_path / "records.jsonl")


def test_without_a_folder_named_the_figures_lie_beside_where_the_command_was_given(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    assert do("--model", "everyday_resnet", "--data", data, *FEW, "--pictures", 1) == 0
    assert (data.parent / "comparison-everyday_resnet" / "table.md").is_file()


def test_a_map_that_beats_the_centre_but_not_the_edges_is_not_ahead(tmp_path: Path) -> None:
    kept = Records(tmp_path / "records.jsonl")
    check: Any = SimpleNamespace(better="higher", label="Check", passes="controls", same_controls=True)
    method: Any = SimpleNamespace(label="Method")
    for place in range(12):
        value = {"value": 0.5, "baselines": {"centre": 0.1, "edges": 0.6 + place / 100}}
        kept.keep(("check", f"{place}", "", repr(method), repr(check)), value)
    rows = comparison.table(kept, [method], [check])
    cell = rows[0].cells["SimpleNamespace"]
    assert cell is not None and cell.rival == "edges" and cell.ahead is not None and cell.ahead[2] < 0
    assert cell.holds(check) is False
    assert comparison_files._best(rows, check) is None


def test_a_method_that_memory_never_suffices_for_holds_up_no_other(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = comparing.run

    def run(model: Any, trace: Any, method: explain.Method, target: Any) -> Any:
        if isinstance(method, explain.Saliency):
            raise DeviceError("There is not enough memory for this network.")
        return ran(model, trace, method, target)

    monkeypatch.setattr(comparing, "run", run)
    assert do(*asked(data)) == 1
    assert {method for method, _ in figures(data.parent / "out")} >= {"GradCAM"}
    assert counted(data) == {"RandomLogit": "3", "Sparseness": "3"}


def test_memory_that_ran_out_is_no_figure(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without_memory(*_: object, **__: object) -> None:
        raise DeviceError("There is not enough memory for this network.")

    monkeypatch.setattr(comparing, "measure", without_memory)
    assert do(*asked(data, *FEW, "--pictures", 1)) == 1
    said = "2 maps have figures missing for want of memory: There is not enough memory for this network."
    assert said in capsys.readouterr().err
    monkeypatch.undo()
    assert do(*asked(data, *FEW, "--pictures", 1)) == 0
    assert len(figures(data.parent / "out")) > 3


def counted(data: Path) -> dict[str, str]:
    rows = figures(data.parent / "out").items()
    return {check: row["pictures"] for (method, check), row in rows if method == "GradCAM"}


def test_a_changed_picture_is_another_one(data: Path) -> None:
    assert do(*asked(data, *FEW)) == 0
    shutil.copy(SAMPLES / "teapot.jpg", data / "lemon.jpg")
    with toy.Counting() as counting:
        assert do(*asked(data)) == 0
    assert counting.forward > 0 and set(counted(data).values()) == {"3"}
    assert all(isinstance(source, Source) for source in read(data, read_picture).sources)


def test_a_changed_picture_is_noticed_whatever_its_size(data: Path) -> None:
    """As with BMP, where pictures of one shape have files of one size."""
    for place, name in enumerate(NAMES):
        pictured(name).resize((64, 64)).save(data / f"{place}.bmp")
        (data / f"{name}.jpg").unlink()
    assert do(*asked(data)) == 0
    pictured("teapot").resize((64, 64)).save(data / "0.bmp")
    with toy.Counting() as counting:
        assert do(*asked(data)) == 0
    assert counting.forward > 0 and set(counted(data).values()) == {"3"}


def test_figures_of_other_pictures_in_the_same_folder_are_kept_and_not_mixed_in(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = data.parent / "out", data.parent / "other"
    assert do(*asked(data)) == 0
    first = (out / "table.csv").read_text()
    other.mkdir()
    shutil.copy(SAMPLES / "teapot.jpg", other)
    assert do("--model", "everyday_resnet", "--data", other, "--out", out, *FEW) == 0
    assert set(counted(data).values()) == {"1"}
    assert "1 pictures with figures; 0 that" in capsys.readouterr().out
    with toy.Counting() as counting:
        assert do(*asked(data)) == 0
    assert counting.forward == 0 and (out / "table.csv").read_text() == first


def test_classes_and_boxes_that_come_later_or_change_are_taken_in(data: Path) -> None:
    image = pictured("lemon")

    def boxed(right: float) -> str:
        edges = (0.3 * image.width, 0.3 * image.height, right * image.width, 0.8 * image.height)
        return "file,x0,y0,x1,y1\nlemon.jpg," + ",".join(map(str, edges)) + "\n"

    def measured() -> float:
        assert do(*asked(data, "--methods", "grad-cam", "--checks", "localisation,sparseness")) == 0
        assert counted(data)["Localisation"] == "1"
        return float(figures(data.parent / "out")["GradCAM", "Localisation"]["mean"])

    assert do(*asked(data, "--methods", "grad-cam", "--checks", "sparseness")) == 0
    assert counted(data) == {"Sparseness": "3"}
    (data / "boxes.csv").write_text(boxed(0.6))
    narrow = measured()
    (data / "boxes.csv").write_text(boxed(0.7))
    assert measured() > narrow
    (data / "boxes.csv").unlink()
    (data / "labels.csv").write_text("name,label\nlemon.jpg,lemon\norange.jpg,school bus\npretzel.jpg,pretzel\n")
    with toy.Counting() as counting:
        assert do(*asked(data, "--methods", "grad-cam", "--checks", "sparseness")) == 0
    assert counting.forward == 0 and counted(data) == {"Sparseness": "2"}
