"""Around one mistake: near pictures, other preparations, corruptions, and what other networks say."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

import explain
import models
import toy
from dashboard.uploads import read_picture
from explain import sources
from explain.corruptions import CORRUPTIONS, STRENGTHS, corrupt, through_jpeg, under_corruptions
from explain.neighbours import Near, neighbours
from explain.parts import Header
from explain.preparations import Prepared, preparations
from explain.runs import Cases, Run, evaluate
from explain.second_opinions import opinion
from explain.stepping import samples_per_step
from explain.survival import tensor_of
from models import LoadedModel
from models.errors import ModelError, ParameterError, PictureError, TargetError, UnsuitableError
from models.progress import Progress, heard_by

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "assets" / "samples"


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return models.load("everyday_resnet", device="cpu")


def sample(name: str) -> Image.Image:
    with Image.open(SAMPLES / f"{name}.jpg") as image:
        return image.convert("RGB")


def made_run(embeddings: NDArray[np.floating[Any]] | None, label: Sequence[int], predicted: Sequence[int]) -> Run:
    """Make a run by hand; predicted -1: no answer, label -1: none."""
    count = len(label)
    texts = np.full(count, "", object)
    figures = np.zeros(count, np.float32)
    cases = Cases(
        number=np.arange(count),
        name=texts,
        sha256=texts,
        called=texts,
        label=np.array(label, np.int32),
        reason=texts,
        predicted=np.array(predicted, np.int32),
        top=np.array(predicted, np.int32)[:, None],
        probabilities=figures[:, None],
        label_probability=figures,
        margin=figures,
    )
    header = Header("toy", "toy", "toy", ("a", "b", "c"), {}, count, "", 1, 1, "cpu", {})
    run = Run(Path(), header, cases)
    vars(run)["embeddings"] = None if embeddings is None else embeddings.astype(np.float16)
    return run


def test_neighbours_on_a_circle_are_the_next_by_angle() -> None:
    angles = np.deg2rad([0, 10, -25, 40, 60, 90, 180])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], 1) * np.array([[1], [5], [0.1], [2], [1], [3], [1]])
    label = [0, 0, 1, 1, 2, -1, 2]
    predicted = [1, 0, 1, 0, 2, 2, 1]
    found = neighbours(made_run(embeddings, label, predicted), 0, count=2)
    assert [near.row for near in found.right] == [1, 2]
    assert [near.row for near in found.wrong] == [3, 6]
    assert [near.row for near in found.nearest] == [1, 2]
    assert [near.similarity for near in found.right] == pytest.approx(np.cos(angles[[1, 2]]), abs=1e-3)
    assert (found.same_label, found.same_guess) == (1, 1)


def test_neighbours_equal_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explain.neighbours.ROWS", 7)
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=(60, 16)).astype(np.float16)
    label, predicted = generator.integers(-1, 3, 60), generator.integers(-1, 3, 60)
    embeddings[predicted == -1] = np.nan
    run = made_run(embeddings, label, predicted)
    for row in np.flatnonzero(predicted != -1):
        found = neighbours(run, int(row), count=5)
        counted = (label != -1) & (predicted != -1) & (np.arange(60) != row)
        kinds = {"right": label == predicted, "wrong": label != predicted, "nearest": np.full(60, True)}
        for name, kind in kinds.items():
            rows = np.flatnonzero(counted & kind)
            tree = NearestNeighbors(n_neighbors=5, metric="cosine").fit(embeddings[rows].astype(np.float64))
            distance, place = tree.kneighbors(embeddings[[row]].astype(np.float64))
            near: tuple[Near, ...] = getattr(found, name)
            assert [one.row for one in near] == rows[place[0]].tolist()
            assert [one.similarity for one in near] == pytest.approx(1 - distance[0], abs=1e-5)
        labels = label[[one.row for one in found.nearest]]
        assert found.same_guess == (labels == predicted[row]).sum()
        assert found.same_label == (None if label[row] == -1 else (labels == label[row]).sum())


def test_an_embedding_of_zeros_is_like_none() -> None:
    found = neighbours(made_run(np.array([[0, 0], [1, 0], [0, 1]]), [0, 0, 1], [0, 0, 0]), 0)
    assert [near.similarity for near in (*found.right, *found.wrong)] == [0, 0]


def test_neighbours_of_a_run_are_those_of_the_networks_own_embedding(tmp_path: Path) -> None:
    names = ("coffee", "orange", "lemon", "bus", "teapot")
    for name in names:
        place = tmp_path / "data" / name
        place.mkdir(parents=True)
        (place / "0.jpg").write_bytes((SAMPLES / f"{name}.jpg").read_bytes())
    model = models.load("everyday_resnet", device="cpu")
    pictures = sources.read(tmp_path / "data", read_picture).sources
    run = evaluate(model, pictures, tmp_path / "run")
    assert run.cases.counted.sum() > 2
    with torch.no_grad():
        pixels = torch.cat([model.crop(source.open().image) for source in pictures])
        inside = model.output("flatten", pixels)
    similarity = torch.cosine_similarity(inside[:1], inside).numpy()
    found = neighbours(run, 0)
    for near in (*found.right, *found.wrong):
        assert near.similarity == pytest.approx(similarity[near.row], abs=2e-3)
    assert {near.row for near in found.nearest} == set(np.flatnonzero(run.cases.counted).tolist()) - {0}


def test_where_there_are_no_neighbours_a_sentence_says_why() -> None:
    run = made_run(np.eye(3), [0, 1, 2], [0, -1, 2])
    with pytest.raises(UnsuitableError, match="no answer"):
        neighbours(run, 1)
    with pytest.raises(UnsuitableError, match="linear layer"):
        neighbours(made_run(None, [0, 1], [0, 1]), 0)
    with pytest.raises(ParameterError, match="0 to 2"):
        neighbours(run, 3)
    with pytest.raises(ParameterError, match="at least one"):
        neighbours(run, 0, count=0)
    alone = neighbours(made_run(np.eye(1), [0], [0]), 0)
    assert (alone.right, alone.wrong, alone.nearest) == ((), (), ())


def test_looking_for_neighbours_reports_and_stops() -> None:
    run = made_run(np.ones((9000, 2)), [0] * 9000, [0] * 9000)
    told: list[tuple[int, int]] = []
    with heard_by(lambda progress: told.append((progress.done, progress.total))):
        neighbours(run, 0)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def asked(model: LoadedModel, image: Image.Image) -> Tensor:
    """Return the probabilities of a picture that has the network's own size."""
    with torch.no_grad():
        return model(tensor_of(np.asarray(image, np.float32) / 255))[0].softmax(0)


class Watching(nn.Module):
    """Keeps the pictures that it sees; its scores are the mean colours."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, pixels: Tensor) -> Tensor:
        self.seen.extend(pixels)
        return pixels.mean((2, 3))


def ramps(width: int, height: int) -> Image.Image:
    """Draw a picture whose red says how far to the right and whose green says how far down, 55 to 255; blue is 255."""
    right, down = ((np.arange(length) + 0.5) / length * 200 + 55 for length in (width, height))
    levels = np.full((height, width, 3), 255.0)
    levels[..., 0], levels[..., 1] = right, down[:, None]
    return Image.fromarray(np.rint(levels).astype(np.uint8))


def watched(image: Image.Image, resize: int = 28, side: int = 24) -> list[tuple[Prepared, NDArray[np.float32]]]:
    """Pair each preparation of a picture with what the network saw of it, (side, side, 3) in 0..255."""
    network = Watching()
    plain = toy.loaded(network, 3, side)
    model = replace(plain, card=replace(plain.card, pixels=replace(plain.card.pixels, resize=resize)))
    prepared = preparations(model, image, 0, 1)
    return [
        (one, (255 * pixels).permute(1, 2, 0).numpy())
        for one, pixels in zip(prepared, network.seen[-len(prepared) :], strict=True)
    ]


@pytest.mark.parametrize("size", [(160, 120), (90, 150), (100, 100), (24, 37)])
def test_a_preparations_box_says_what_the_network_saw(size: tuple[int, int]) -> None:
    """Where the picture says by its colours which place is which, each pixel can be followed back."""
    for prepared, pixels in watched(ramps(*size)):
        assert (prepared.seen == np.rint(pixels)).all()
        left, top, right, bottom = prepared.box
        inside = pixels[..., 2] > 250
        places = (np.arange(24) + 0.5) / 24
        across, down = left + places * (right - left), top + places * (bottom - top)
        if prepared.name == "Mirrored":
            across = across[::-1]
        expected = np.broadcast_to(across / size[0] * 200 + 55, (24, 24))
        # Bands are drawn in whole pixels, and the nearest pixel may be half of one away.
        loose = 200 * 1.5 * max((right - left) / size[0], (bottom - top) / size[1]) / 24
        assert np.abs(pixels[..., 0] - expected)[inside].max() < loose, prepared.name
        expected = np.broadcast_to((down / size[1] * 200 + 55)[:, None], (24, 24))
        assert np.abs(pixels[..., 1] - expected)[inside].max() < loose, prepared.name
        visible = (across > 0) & (across < size[0])
        assert abs(int(inside.any(0).sum()) - int(visible.sum())) <= 1, prepared.name
        assert (pixels[~inside] == 0).all(), "bands have the mean colour of the network's pictures, here black"


def test_the_preparations_show_what_their_names_say() -> None:
    boxes = {prepared.name: prepared.box for prepared, _ in watched(ramps(160, 120))}
    assert boxes == {
        "Its own way": pytest.approx((6 / 37 * 160, 2 / 28 * 120, 30 / 37 * 160, 26 / 28 * 120)),
        "All of it, squeezed": (0, 0, 160, 120),
        "All of it, with borders": (0, -20, 160, 140),
        "Middle, 60 %": (44, 24, 116, 96),
        "Middle, 80 %": (32, 12, 128, 108),
        "Middle, 100 %": (20, 0, 140, 120),
        "Top left corner": (0, 0, 96, 96),
        "Top right corner": (64, 0, 160, 96),
        "Bottom left corner": (0, 24, 96, 120),
        "Bottom right corner": (64, 24, 160, 120),
        "Mirrored": boxes["Its own way"],
        "Resized by nearest": boxes["Its own way"],
        "Resized by bicubic": boxes["Its own way"],
        "Twice as large": boxes["Twice as large"],
        "Half as large": boxes["Half as large"],
    }
    own, twice, half = (boxes[name] for name in ("Its own way", "Twice as large", "Half as large"))
    for box, times in ((twice, 0.5), (half, 2)):
        assert box[2] - box[0] == pytest.approx(times * (own[2] - own[0]))
        assert box[0] + box[2] == pytest.approx(own[0] + own[2]) and box[1] + box[3] == pytest.approx(own[1] + own[3])


def test_the_first_preparation_is_what_the_network_always_sees(model: LoadedModel) -> None:
    for name in ("coffee", "bus", "chelsea"):
        image = sample(name)
        prediction = explain.predict(model, image, k=50)
        label, predicted = int(prediction.indices[3]), int(prediction.indices[0])
        first = preparations(model, image, label, predicted)[0]
        assert first.said == predicted
        assert first.said_probability == first.p_predicted == pytest.approx(prediction.probabilities[0], abs=1e-5)
        assert first.p_label == pytest.approx(prediction.probabilities[3], abs=1e-5)


def test_another_resize_and_interpolation_are_those_of_another_pixel_space(model: LoadedModel) -> None:
    image = sample("bus")
    found = {one.name: one for one in preparations(model, image, None, 7)}
    own = model.card.pixels
    for name, space, tolerance in (
        ("Resized by bicubic", replace(own, interpolation="bicubic"), 1e-5),
        ("Resized by nearest", replace(own, interpolation="nearest"), 1e-5),
        ("Twice as large", replace(own, resize=2 * own.resize), 0.05),
    ):
        with torch.no_grad():
            chances = model(space.crop(image))[0].softmax(0)
        assert found[name].p_predicted == pytest.approx(float(chances[7]), abs=tolerance)
        assert found[name].said_probability == pytest.approx(float(chances.max()), abs=tolerance)
    assert "Resized by bilinear" not in found


def test_every_preparation_has_a_name_of_its_own_and_a_sentence(model: LoadedModel) -> None:
    found = preparations(model, sample("coffee"), None, 0)
    assert len({one.name for one in found}) == len(found) == 15
    assert all(one.why.endswith((".", "?")) and one.why[0].isupper() for one in found)
    assert all(one.p_label is None for one in found)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_stronger_corruption_takes_a_picture_farther_away(name: str) -> None:
    image = sample("coffee").resize((96, 96))
    before = np.asarray(image, float)
    away = [
        np.sqrt(((np.asarray(corrupt(image, name, strength), float) - before) ** 2).mean()) for strength in range(1, 6)
    ]
    assert away[0] > 2 and all(less + 0.5 < more for less, more in itertools.pairwise(away))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_picture_is_of_the_same_size_and_the_same_each_time(name: str) -> None:
    image = sample("bus").resize((40, 31))
    for mode in ("RGB", "L", "P"):
        first, again = (corrupt(image.convert(mode), name, 4) for _ in range(2))
        assert first.mode == "RGB" and first.size == (40, 31)
        assert first.tobytes() == again.tobytes()
    assert corrupt(Image.new("RGB", (1, 1), "red"), name, 5).size == (1, 1)


def test_corruptions_have_the_amounts_that_they_tell() -> None:
    grey = Image.new("RGB", (200, 200), (128, 128, 128))
    halves = Image.fromarray(np.repeat([[64, 192]], 200, 0).repeat(100, 1).astype(np.uint8)[..., None].repeat(3, 2))
    dot = np.zeros((200, 300, 3), np.uint8)
    dot[95:105, 145:155] = 255
    for place, strength in enumerate(range(1, STRENGTHS + 1)):
        amount = {name: corruption.amounts[place] for name, corruption in CORRUPTIONS.items()}
        # Half the light of white is level 188 in sRGB; in general 1.055 * light ** (1 / 2.4) - 0.055.
        dark = np.asarray(corrupt(Image.new("RGB", (4, 4), "white"), "darkness", strength))
        assert dark == pytest.approx(255 * (1.055 * (amount["darkness"] / 100) ** (1 / 2.4) - 0.055), abs=0.51)
        light = np.asarray(corrupt(Image.new("RGB", (4, 4), (40, 40, 40)), "brightness", strength))
        linear = amount["brightness"] * ((40 / 255 + 0.055) / 1.055) ** 2.4
        assert light == pytest.approx(255 * (1.055 * linear ** (1 / 2.4) - 0.055), abs=0.51)
        flat = np.asarray(corrupt(halves, "contrast", strength), float)
        assert np.ptp(flat) == pytest.approx(amount["contrast"] / 100 * 128, abs=1.5) and flat.mean() == pytest.approx(
            128, abs=1
        )
        pale = np.asarray(corrupt(Image.new("RGB", (4, 4), (200, 60, 60)), "colour", strength), float)
        assert np.ptp(pale) == pytest.approx(amount["colour"] / 100 * 140, abs=1.5)
        noisy = np.asarray(corrupt(grey, "noise", strength), float)
        assert noisy.std() == pytest.approx(amount["noise"], rel=0.1) and noisy.mean() == pytest.approx(128, abs=2)
        soft = np.asarray(corrupt(Image.fromarray(dot), "blur", strength), float)[..., 0]
        spread = np.average((np.arange(300) - soft.sum(0) @ np.arange(300) / soft.sum()) ** 2, weights=soft.sum(0))
        sigma = amount["blur"] / 100 * 200
        assert np.sqrt(spread - (100 - 1) / 12) == pytest.approx(sigma, rel=0.1)
        coarse = np.asarray(corrupt(ramps(120, 120), "pixels", strength))
        assert len(np.unique(coarse[..., 0])) == round(120 / amount["pixels"])
        buffer = io.BytesIO()
        sample("bus").save(buffer, "JPEG", quality=int(amount["jpeg"]))
        with Image.open(buffer) as read:
            assert read.convert("RGB").tobytes() == corrupt(sample("bus"), "jpeg", strength).tobytes()


def test_noise_differs_with_its_seed() -> None:
    grey = Image.new("RGB", (20, 20), "grey")
    assert corrupt(grey, "noise", 1, seed=1).tobytes() != corrupt(grey, "noise", 1, seed=2).tobytes()


def test_the_network_is_asked_about_each_corrupted_crop(model: LoadedModel) -> None:
    image = sample("coffee")
    found = under_corruptions(model, image, 3, 5)
    assert [(one.name, one.strength) for one in found] == [(name, s) for name in CORRUPTIONS for s in range(1, 6)]
    crop = Image.fromarray((model.crop(image)[0] * 255).round().byte().permute(1, 2, 0).numpy())
    for one in found:
        chances = asked(model, corrupt(crop, one.name, one.strength))
        assert one.p_label == pytest.approx(float(chances[3]), abs=1e-5)
        assert one.p_predicted == pytest.approx(float(chances[5]), abs=1e-5)
        assert one.said == int(chances.argmax()) and one.said_probability == pytest.approx(
            float(chances.max()), abs=1e-5
        )
        assert one.amount == CORRUPTIONS[one.name].told(one.strength)
    assert CORRUPTIONS["darkness"].told(1) == "50 % of the light" and found[5].amount == "50 % of the light"


def test_what_is_no_corruption_is_refused() -> None:
    image = Image.new("RGB", (8, 8))
    with pytest.raises(ParameterError, match=r"no corruption named 'fog'.*brightness"):
        corrupt(image, "fog", 1)
    for strength in (0, 6):
        with pytest.raises(ParameterError, match=f"1 to 5, not {strength}"):
            corrupt(image, "blur", strength)


def test_corrupting_a_picture_needs_no_torch() -> None:
    code = "import sys; import explain.corruptions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_through_jpeg_loses_more_at_a_lower_quality() -> None:
    image = sample("bus").resize((64, 64))
    lost = [
        np.abs(np.asarray(through_jpeg(image, quality), int) - np.asarray(image)).mean() for quality in (90, 50, 10)
    ]
    assert 0 < lost[0] < lost[1] < lost[2]


@pytest.mark.parametrize("ask", [preparations, under_corruptions])
def test_classes_that_are_not_there_and_strips_are_refused(ask: Any, model: LoadedModel) -> None:
    for label, predicted in ((50, 0), (0, -1)):
        with pytest.raises(TargetError, match="no class"):
            ask(model, sample("bus"), label, predicted)
    with pytest.raises(PictureError, match="a strip"):
        ask(model, Image.new("RGB", (2000, 10)), 0, 1)


@pytest.mark.parametrize("ask", [preparations, under_corruptions])
def test_asking_about_versions_reports_its_progress_and_stops(ask: Any, model: LoadedModel) -> None:
    told: list[Progress] = []
    with samples_per_step(4), heard_by(told.append):
        found = ask(model, sample("bus"), 0, 1)
    assert told[0].done == 0 and told[-1].done == told[-1].total == len(found)
    assert len(told) > 2

    def listen(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), samples_per_step(4), heard_by(listen):
        ask(model, sample("bus"), 0, 1)


class Short(nn.Module):
    """Has memory for one picture; says nothing finite of a dark one if told so."""

    def __init__(self, broken: bool = False) -> None:
        super().__init__()
        self.broken = broken

    def forward(self, pixels: Tensor) -> Tensor:
        if len(pixels) > 1:
            raise RuntimeError("out of memory")
        scores = pixels.mean((2, 3))
        return scores / (scores.mean() > 0.2) if self.broken else scores


@pytest.mark.parametrize("ask", [preparations, under_corruptions])
def test_where_memory_is_short_versions_are_asked_about_one_by_one(ask: Any) -> None:
    roomy, short = (ask(toy.loaded(network, 3), sample("bus"), 0, 1) for network in (Watching(), Short()))
    assert [(one.name, one.p_label, one.p_predicted) for one in short] == [
        (one.name, pytest.approx(one.p_label), pytest.approx(one.p_predicted)) for one in roomy
    ]


def test_scores_that_are_not_finite_are_a_sentence() -> None:
    with pytest.raises(ModelError, match="no finite scores"):
        under_corruptions(toy.loaded(Short(broken=True), 3), Image.new("RGB", (16, 16), "grey"), 0, 1)


def renamed(model: LoadedModel, *names: str) -> LoadedModel:
    """Give the first classes of a network other names."""
    return replace(model, card=replace(model.card, classes=(*names, *model.card.classes[len(names) :])))


def test_a_second_opinion_is_what_the_network_says(model: LoadedModel) -> None:
    image, names = sample("coffee"), model.card.classes
    prediction = explain.predict(model, image, k=50)
    chances = dict(zip(prediction.names, prediction.probabilities.tolist(), strict=True))
    found = opinion(model, image, names[3], names[8])
    assert (found.model, found.label) == ("everyday_resnet", model.card.label)
    assert found.said == prediction.names[0]
    assert found.probability == pytest.approx(prediction.probabilities[0], abs=1e-6)
    assert found.knows_label
    assert (found.p_label, found.p_predicted) == pytest.approx((chances[names[3]], chances[names[8]]), abs=1e-6)


def test_classes_of_another_network_are_found_by_name_case_and_punctuation_aside(model: LoadedModel) -> None:
    image = sample("coffee")
    other = renamed(model, "Purple-Striped Heron", "crane", "Crane")
    prediction = explain.predict(model, image, k=50)
    expected = float(prediction.probabilities[prediction.indices == 0][0])
    by_name = opinion(other, image, "purple_striped heron", "PURPLE striped heron")
    assert by_name.knows_label
    assert by_name.p_label == by_name.p_predicted == pytest.approx(expected, rel=1e-4)
    for unknown in ("crane", "unicorn", "", None):
        found = opinion(other, image, unknown, "unicorn")
        assert not found.knows_label and found.p_label is None and found.p_predicted is None


def test_a_second_opinion_reports_its_progress(model: LoadedModel) -> None:
    told: list[tuple[int, int]] = []
    with heard_by(lambda progress: told.append((progress.done, progress.total))):
        opinion(model, sample("coffee"), None, "bus")
    assert told == [(0, 1), (1, 1)]
