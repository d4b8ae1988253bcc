"""A run over pictures: its answers, its parts, and what becomes of it when it is stopped, killed or damaged."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import explain
from dashboard.uploads import Picture, read_picture
from explain import evaluating, sources
from explain.decoding import cut
from explain.parts import part_of
from explain.runs import RunError, evaluate, read_run
from explain.sources import Source
from models import LoadedModel, PictureError, PixelSpace, Progress, heard_by
from models.progress import Listener
from toy import Linear, Pooled, SingleLogit, loaded, seeded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "BATCHES_IN_A_PART", 2)


@pytest.fixture
def model() -> LoadedModel:
    return loaded(seeded(Pooled()), 4, plain=False)


def png(seed: int, size: tuple[int, int] = (20, 16)) -> bytes:
    levels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()


def written(folder: Path, count: int = 10) -> tuple[Source, ...]:
    """Write pictures in a folder for each class, and list them."""
    for number in range(count):
        place = folder / f"class {number % 4}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:03}.png").write_bytes(png(number))
    return sources.read(folder, read_picture).sources


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stopping_at(done: int) -> Listener:
    def listen(progress: Progress) -> None:
        if progress.done >= done:
            raise KeyboardInterrupt

    return listen


def test_every_case_says_what_the_network_says_of_the_picture_alone(model: LoadedModel, tmp_path: Path) -> None:
    pictures = written(tmp_path / "data")
    run = evaluate(model, pictures, tmp_path / "run", batch=3)
    assert run.finished and len(run.cases) == run.total == 10
    for row, source in enumerate(pictures):
        case = run.case(row)
        image = source.open().image
        alone = explain.predict(model, image, k=4)
        label = int(source.name[6])
        assert (case.number, case.name, case.called, case.label) == (row, source.name, f"class {label}", label)
        assert case.sha256 == source.open().sha256
        np.testing.assert_array_equal(case.top, alone.indices)
        np.testing.assert_allclose(case.probabilities, alone.probabilities, rtol=1e-5)
        scores = dict(zip(alone.indices.tolist(), alone.logits.tolist(), strict=True))
        best_other = max(score for index, score in scores.items() if index != label)
        assert case.margin == pytest.approx(scores[label] - best_other, abs=1e-5)
        assert case.right == (case.margin > 0) == bool(run.cases.right[row])
        assert case.label_probability == pytest.approx(float(alone.probabilities[alone.indices == label][0]), rel=1e-5)
        pooled = explain.trace(model, image).activation("pool").flatten()
        assert case.embedding is not None
        np.testing.assert_allclose(case.embedding, pooled.numpy(), rtol=2e-3, atol=1e-6)
    assert 0 < int(run.cases.wrong.sum()) == 10 - int(run.cases.right.sum())


def test_a_broken_picture_is_a_case_with_its_reason_and_leaves_the_others_as_they_were(
    model: LoadedModel, tmp_path: Path
) -> None:
    pictures = list(written(tmp_path / "data"))
    whole = evaluate(model, pictures, tmp_path / "whole", batch=1)
    (tmp_path / "data" / pictures[4].name).write_bytes(b"no picture")
    run = evaluate(model, sources.read(tmp_path / "data", read_picture).sources, tmp_path / "run", batch=1)
    assert "Wanted a PNG" in run.case(4).reason
    assert (run.case(4).predicted, run.case(4).label, run.case(4).embedding) == (-1, 1, None)
    assert len(run.case(4).top) == 0
    assert not run.cases.counted[4] and np.isnan(run.cases.margin[4])
    others = np.arange(10) != 4
    np.testing.assert_array_equal(run.cases.fine, others)
    assert run.embeddings is not None and whole.embeddings is not None
    assert np.isnan(run.embeddings[4]).all()
    np.testing.assert_array_equal(run.embeddings[others], whole.embeddings[others])
    np.testing.assert_array_equal(run.cases.probabilities[others], whole.cases.probabilities[others])


def test_a_folder_of_nothing_but_broken_pictures_has_a_row_for_each(model: LoadedModel, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")
    run = evaluate(model, sources.read(tmp_path, read_picture).sources, tmp_path / "run")
    assert run.finished and not run.cases.fine.any()
    assert run.embeddings is None


@pytest.mark.parametrize("done", [1, 3, 4, 7, 9])
def test_a_run_that_was_stopped_goes_on_and_ends_byte_for_byte_as_a_whole_one(
    model: LoadedModel, tmp_path: Path, done: int
) -> None:
    pictures = written(tmp_path / "data")
    evaluate(model, pictures, tmp_path / "whole", batch=1)
    with pytest.raises(KeyboardInterrupt), heard_by(stopping_at(done)):
        evaluate(model, pictures, tmp_path / "run", batch=1)
    assert set(files(tmp_path / "run")) == {f"part-{number:05}.parquet" for number in range(done // 2)}
    opened: list[str] = []
    counted = [replace(one, open=lambda one=one: opened.append(one.name) or one.open()) for one in pictures]
    heard: list[int] = []
    with heard_by(lambda progress: heard.append(progress.done)):
        evaluate(model, counted, tmp_path / "run", batch=1)
    assert files(tmp_path / "run") == files(tmp_path / "whole")
    assert sorted(opened) == [one.name for one in pictures[done // 2 * 2 :]]
    assert heard == list(range(done // 2 * 2, 11))


KILLED = """
import os, random, signal, sys, threading, time
from dataclasses import replace
from pathlib import Path
import torch
from toy import Pooled, loaded, seeded
from dashboard.uploads import read_picture
from explain import evaluating, sources
from explain.runs import evaluate
from models import heard_by

evaluating.BATCHES_IN_A_PART = 4
data, whole, out = map(Path, sys.argv[1:4])
pictures = sources.read(data, read_picture).sources

def slow(source):
    time.sleep(0.002)
    return source.open()

def child(place, seconds):
    # Forked before torch has run anything, so that its threads are none that were lost in the fork.
    pid = os.fork()
    if pid == 0:
        torch.set_num_threads(1)
        model = loaded(seeded(Pooled()), 4, plain=False)
        began = []

        def listen(progress):
            # The first part, for which torch and pyarrow make themselves ready, is no measure.
            began.append(time.monotonic())
            if seconds is not None and len(began) == 6:
                threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

        with heard_by(listen):
            evaluate(model, [replace(one, open=lambda one=one: slow(one)) for one in pictures], place, batch=2)
        if place == whole:
            (whole / ".took").write_text(str(began[-1] - began[5]))
        os._exit(0)
    return os.waitpid(pid, 0)[1]

assert child(whole, None) == 0
took = float((whole / ".took").read_text())
chance = random.Random(int(sys.argv[4]))
killed = sum(child(out, chance.uniform(0, 0.04) * took) == signal.SIGKILL for _ in range(10))
print(killed, len([name for name in os.listdir(out) if name.startswith("part")]), child(out, None))
(whole / ".took").unlink()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_run_killed_at_ten_random_moments_ends_byte_for_byte_as_a_whole_one(tmp_path: Path) -> None:
    written(tmp_path / "data", 400)
    places = [str(tmp_path / name) for name in ("data", "whole", "run")]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *places, str(int.from_bytes(os.urandom(2)))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    killed, parts, status = map(int, done.stdout.split())
    assert killed >= 8 and 8 <= parts <= 50 and status == 0
    assert files(tmp_path / "run") == files(tmp_path / "whole")
    run = read_run(tmp_path / "run")
    np.testing.assert_array_equal(run.cases.number, np.arange(400))


def other_labels(pictures: tuple[Source, ...]) -> list[Source]:
    return [replace(pictures[0], label="class 3"), *pictures[1:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model, pictures: (replace(model, weights=replace(model.weights, identity="x")), pictures), "weights"),
        (lambda model, pictures: (replace(model, card=replace(model.card, key="other")), pictures), "another network"),
        (lambda model, pictures: (model, other_labels(pictures)), "other pictures or labels"),
        (lambda model, pictures: (model, pictures[1:]), "other pictures or labels"),
        (
            lambda model, pictures: (
                replace(model, card=replace(model.card, pixels=replace(model.card.pixels, resize=20))),
                pictures,
            ),
            "another preparation",
        ),
    ],
)
def test_a_run_of_something_else_is_not_continued(
    model: LoadedModel, tmp_path: Path, change: Callable[[LoadedModel, Any], tuple[LoadedModel, Any]], said: str
) -> None:
    pictures = written(tmp_path / "data")
    with pytest.raises(KeyboardInterrupt), heard_by(stopping_at(4)):
        evaluate(model, pictures, tmp_path / "run", batch=1)
    before = files(tmp_path / "run")
    changed, others = change(model, pictures)
    with pytest.raises(RunError, match=said):
        evaluate(changed, others, tmp_path / "run", batch=1)
    assert files(tmp_path / "run") == before


def test_a_run_keeps_its_batch_and_another_one_is_refused(model: LoadedModel, tmp_path: Path) -> None:
    pictures = written(tmp_path / "data")
    evaluate(model, pictures, tmp_path / "run", batch=3)
    assert evaluate(model, pictures, tmp_path / "run").header.batch == 3
    with pytest.raises(RunError, match="another batch"):
        evaluate(model, pictures, tmp_path / "run", batch=2)


def test_a_picture_that_was_changed_after_its_turn_is_noticed_even_at_the_same_size(
    model: LoadedModel, tmp_path: Path
) -> None:
    pictures = written(tmp_path / "data")
    with pytest.raises(KeyboardInterrupt), heard_by(stopping_at(4)):
        evaluate(model, pictures, tmp_path / "run", batch=1)
    part = part_of(tmp_path / "run", 0)
    os.utime(part, (1, 1))
    assert len(read_run(tmp_path / "run").cases) == 4
    evaluate(model, sources.read(tmp_path / "data", read_picture).sources, tmp_path / "run")
    first = tmp_path / "data" / pictures[0].name
    data = first.read_bytes()
    first.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(part, (1, 1))
    with pytest.raises(RunError, match="was changed after the run"):
        evaluate(model, sources.read(tmp_path / "data", read_picture).sources, tmp_path / "run")


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_part_that_was_cut_off_is_done_again(model: LoadedModel, tmp_path: Path, share: float) -> None:
    pictures = written(tmp_path / "data")
    evaluate(model, pictures, tmp_path / "run", batch=1)
    whole = files(tmp_path / "run")
    part = part_of(tmp_path / "run", 2)
    part.write_bytes(part.read_bytes()[: int(share * len(part.read_bytes()))])
    assert not read_run(tmp_path / "run").finished
    evaluate(model, pictures, tmp_path / "run")
    assert files(tmp_path / "run") == whole


def test_what_a_killed_run_left_half_written_is_passed_over_and_tidied_up(
    model: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = written(tmp_path / "data")
    with pytest.raises(KeyboardInterrupt), heard_by(stopping_at(4)):
        evaluate(model, pictures, tmp_path / "run", batch=1)

    def killed(table: Any, file: Any) -> None:
        file.write(b"PAR1half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pq, "write_table", killed)
        with pytest.raises(KeyboardInterrupt):
            evaluate(model, pictures, tmp_path / "run", batch=1)
    assert len(files(tmp_path / "run")) == 3 and len(read_run(tmp_path / "run").cases) == 4
    evaluate(model, pictures, tmp_path / "run")
    assert set(files(tmp_path / "run")) == {f"part-{number:05}.parquet" for number in range(5)}


def test_a_place_that_holds_something_else_is_refused_and_left_alone(model: LoadedModel, tmp_path: Path) -> None:
    pictures = written(tmp_path / "data")
    with pytest.raises(RunError, match="something else than a run"):
        evaluate(model, pictures, tmp_path / "data")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match="is a file"):
        evaluate(model, pictures, tmp_path / "file")
    with pytest.raises(RunError, match="no run named 'nowhere'"):
        read_run(tmp_path / "nowhere")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    pq.write_table(pq.read_table(evaluate(model, pictures, tmp_path / "run").folder).replace_schema_metadata(None),
                   part_of(foreign, 0))
    with pytest.raises(RunError, match="header"):
        read_run(foreign)


def test_parts_of_two_runs_in_one_folder_are_refused(model: LoadedModel, tmp_path: Path) -> None:
    pictures = written(tmp_path / "data")
    evaluate(model, pictures, tmp_path / "run", batch=1)
    evaluate(model, pictures[1:], tmp_path / "other", batch=1)
    part_of(tmp_path / "other", 0).replace(part_of(tmp_path / "run", 0))
    with pytest.raises(RunError, match="different runs"):
        read_run(tmp_path / "run")


def test_a_part_that_another_session_adds_meanwhile_does_not_mix_with_what_was_read(
    model: LoadedModel, tmp_path: Path
) -> None:
    pictures = written(tmp_path / "pictures")
    with heard_by(stopping_at(4)), pytest.raises(KeyboardInterrupt):
        evaluate(model, pictures, tmp_path / "run", batch=2)
    early = read_run(tmp_path / "run")
    whole = evaluate(model, pictures, tmp_path / "run", batch=2)
    assert 0 < len(early.cases) < len(whole.cases) and early.identity != whole.identity
    assert early.embeddings is not None and whole.embeddings is not None
    np.testing.assert_array_equal(early.embeddings, whole.embeddings[: len(early.cases)])


def test_the_folder_is_read_by_anything_that_reads_parquet(model: LoadedModel, tmp_path: Path) -> None:
    run = evaluate(model, written(tmp_path / "data"), tmp_path / "run.parquet", batch=1)
    table = pq.read_table(tmp_path / "run.parquet")
    assert table.num_rows == 10
    assert table["name"].to_pylist() == run.cases.name.tolist()
    header = json.loads(table.schema.metadata[b"convlens"])
    assert header["model"] == run.model == "toy" and tuple(header["classes"]) == run.classes
    assert header["pixels"]["side"] == 16 and header["weights"] == run.weights


def test_a_picture_whose_class_is_not_known_is_answered_but_not_counted(model: LoadedModel, tmp_path: Path) -> None:
    labels = ("class 1", "elk", None)
    pictures = [replace(one, label=label) for one, label in zip(written(tmp_path, 3), labels, strict=True)]
    run = evaluate(model, pictures, tmp_path / "run")
    assert run.cases.label.tolist() == [1, -1, -1] and run.cases.called.tolist() == ["class 1", "elk", ""]
    assert run.cases.fine.all() and run.cases.counted.tolist() == [True, False, False]
    case = run.case(1)
    assert case.label is None and not case.right and case.margin > 0 and np.isnan(case.label_probability)


class WithoutLinear(nn.Module):
    """Ends in a convolution, and has a linear layer elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(3, 3)
        self.last = nn.Conv2d(3, 4, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        gated = pixels * self.gate(pixels.mean((2, 3)))[..., None, None]
        return self.last(gated).mean((2, 3))


def test_a_network_that_does_not_end_in_a_linear_layer_has_no_embeddings(tmp_path: Path) -> None:
    run = evaluate(loaded(seeded(WithoutLinear()), 4), written(tmp_path / "data"), tmp_path / "run")
    assert run.embeddings is None and run.case(0).embedding is None and run.cases.fine.all()


def test_a_single_output_stands_for_two_classes(tmp_path: Path) -> None:
    model = loaded(seeded(SingleLogit()), 2)
    pictures = written(tmp_path / "data", 2)
    run = evaluate(model, pictures, tmp_path / "run")
    assert run.cases.top.shape == (2, 2)
    np.testing.assert_allclose(run.cases.probabilities.sum(1), 1, rtol=1e-6)
    assert run.case(0).predicted == explain.predict(model, pictures[0].open().image).indices[0]
    assert run.embeddings is not None and run.embeddings.shape == (2, 4)


class Brittle(nn.Module):
    """Gives no number where the first pixel is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = seeded(Linear(4))

    def forward(self, pixels: Tensor) -> Tensor:
        scores = self.inner(pixels)
        return torch.where(pixels[:, 0, 0, :1] > 0.5, torch.nan, scores)


def test_scores_that_are_no_numbers_are_a_reason_not_an_answer(tmp_path: Path) -> None:
    pictures = written(tmp_path / "data")
    model = loaded(Brittle(), 4)
    run = evaluate(model, pictures, tmp_path / "run", batch=5)
    bright = [bool(model.crop(one.open().image)[0, 0, 0, 0] > 0.5) for one in pictures]
    assert 0 < sum(bright) < 10
    np.testing.assert_array_equal(run.cases.fine, ~np.array(bright))
    assert set(run.cases.reason[bright]) == {"The network gives no finite scores for this picture."}


class Narrow(nn.Module):
    """Has memory for two pictures at once."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = seeded(Pooled())

    def forward(self, pixels: Tensor) -> Tensor:
        if len(pixels) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return self.inner(pixels)


def test_where_memory_runs_out_fewer_pictures_are_asked_about_at_once(model: LoadedModel, tmp_path: Path) -> None:
    pictures = written(tmp_path / "data")
    wide = evaluate(model, pictures, tmp_path / "wide", batch=10)
    narrow = evaluate(loaded(Narrow(), 4, plain=False), pictures, tmp_path / "narrow", batch=10)
    np.testing.assert_allclose(narrow.cases.probabilities, wide.cases.probabilities, rtol=1e-5)
    assert narrow.embeddings is not None and narrow.embeddings.shape == (10, 12)


def test_the_network_is_left_as_it_was_found_and_its_lock_is_free(model: LoadedModel, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    with pytest.raises(KeyboardInterrupt), heard_by(stopping_at(3)):
        evaluate(model, written(tmp_path / "data"), tmp_path / "run", batch=1)
    assert model.lock.acquire(blocking=False)
    model.lock.release()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.network.modules())


@pytest.mark.parametrize("size", [(16, 16), (37, 23), (23, 37), (300, 41), (17, 64)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_the_levels_cut_beside_the_network_are_those_of_its_crop(size: tuple[int, int], interpolation: Any) -> None:
    space = PixelSpace(16, 19, (0.0,) * 3, (1.0,) * 3, interpolation)
    image = read_picture(png(0, size), "a.png").image
    levels = cut(space, image)
    assert torch.equal(torch.from_numpy(levels).permute(2, 0, 1)[None].float() / 255, space.crop(image))


def test_no_pictures_or_no_picture_at_once_are_refused(model: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no pictures"):
        evaluate(model, [], tmp_path / "run")
    with pytest.raises(explain.ParameterError, match="at least one picture"):
        evaluate(model, written(tmp_path / "data"), tmp_path / "run", batch=0)


def test_reading_a_run_needs_no_torch() -> None:
    code = "import sys, explain.runs, explain.sources, explain.parts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.slow
def test_ten_thousand_pictures_go_through_without_memory_growing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "BATCHES_IN_A_PART", 8)
    data = png(0, (64, 64))

    def opened() -> Picture:
        return read_picture(data, "a.png")

    pictures = [Source(f"{number}.png", number % 4, "", opened) for number in range(10_000)]
    peaks: dict[int, int] = {}

    def listen(progress: Progress) -> None:
        peaks[progress.done] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with heard_by(listen):
        run = evaluate(loaded(seeded(Pooled()), 4), pictures, tmp_path / "run", batch=50)
    assert run.finished and bool(run.cases.fine.all())
    assert peaks[10_000] - peaks[2_000] < 8 * 1024, "the peak, in KiB, grew by more than 8 MiB over 8,000 pictures"
