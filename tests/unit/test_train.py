"""Training the shipped networks: reading pictures, learning, continuing after a kill, the card."""

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import data, train
from models.errors import PictureError
from models.evaluate import evaluate
from models.progress import Progress, heard_by

SHORT = train.Recipe(epochs=3, batch=16, rate=0.05, side=32, held_out=0.2, average=0.9)
COLOURS = {"n1": (200, 40, 40), "n2": (40, 200, 40), "n3": (40, 40, 200)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes that differ in colour, in ImageFolder layout."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for split, count in (("train", 30), ("val", 8)):
        for name, colour in COLOURS.items():
            (root / split / name).mkdir(parents=True)
            for index in range(count):
                noise = generator.normal(0, 40, (40, 48, 3)) + colour
                picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
                picture.save(root / split / name / f"{index}.png")
    names = [{"index": 2 - place, "wnid": wnid, "name": f"thing {wnid}"} for place, wnid in enumerate(COLOURS)]
    (root / "classes.json").write_text(json.dumps(names))
    return root


def test_pictures_are_read_alike_from_folder_and_zip(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.rglob("*"):
            file.write(path, Path("inside") / path.relative_to(folder))
    one, other = data.read(folder, "val", 32), data.read(archive, "val", 32)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.labels, other.labels)
    assert one.names == ("thing n3", "thing n2", "thing n1")
    assert one.pixels.shape == (24, 3, 32, 32) and sorted(set(one.labels)) == [0, 1, 2]
    assert one.pixels[one.labels == 2].mean((0, 2, 3)).argmax() == 0


def test_a_split_that_is_not_there_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no pictures under 'test'"):
        data.read(folder, "test", 32)
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(PictureError, match="neither a folder nor a zip"):
        data.read(tmp_path / "notes.txt", "train", 32)


@pytest.mark.slow
def test_a_short_run_learns_and_writes_weights_that_load(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("models.weights.BUNDLED", tmp_path)
    recipe = dataclasses.replace(SHORT, epochs=8, average=0.5, zoom=0.2)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in vars(recipe).items()]
    train.main(
        ["everyday_resnet", f"--data={folder}", f"--out={tmp_path}", f"--checkpoint={tmp_path / 'run.pt'}", *options]
    )
    lines = capsys.readouterr().out.splitlines()
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines if "loss" in line]
    assert len(losses) == 8 and losses[-1] < losses[0]
    card = json.loads((tmp_path / "everyday_resnet.json").read_text())
    assert card["accuracy"]["top1"] > 0.8
    assert card["recipe"]["epochs"] == 8 and card["validation_pictures"] == 24
    assert (tmp_path / "everyday_resnet.safetensors").stat().st_size < 5.7e6

    from models.zoo import bundled

    (shipped,) = bundled.cards()
    network = shipped.builder()
    from safetensors.torch import load_file

    network.load_state_dict(load_file(tmp_path / "everyday_resnet.safetensors"))
    network.eval()

    def logits(pixels: torch.Tensor) -> torch.Tensor:
        return network(shipped.pixels.normalise(pixels))

    assert evaluate(logits, data.read(folder, "val", 32)).top1 == pytest.approx(card["accuracy"]["top1"])


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_it_had_not_been(folder: Path, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    reports: list[Progress] = []

    def kill(progress: Progress) -> None:
        reports.append(progress)
        if len(reports) == 7:
            raise Killed

    whole, card = train.train("everyday_resnet", folder, SHORT, tmp_path / "whole.pt")
    with heard_by(kill), pytest.raises(Killed):
        train.train("everyday_resnet", folder, SHORT, tmp_path / "killed.pt")
    again, same = train.train("everyday_resnet", folder, SHORT, tmp_path / "killed.pt")
    assert card == same
    for one, other in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_an_attack_is_given_each_batch(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []

    def attack(logits_of: object, pixels: torch.Tensor, labels: torch.Tensor, _: torch.Generator) -> torch.Tensor:
        seen.append(tuple(pixels.shape))
        assert float(pixels.min()) >= 0 and float(pixels.max()) <= 1
        return pixels

    recipe = train.Recipe(epochs=1, batch=16, side=32, held_out=0.2)
    train.train("everyday_resnet", folder, recipe, tmp_path / "attacked.pt", attack)
    assert seen == [(16, 3, 32, 32)] * 4


def test_counting_is_right() -> None:
    pictures = data.LabelledPictures(np.zeros((4, 3, 2, 2), np.uint8), np.array([0, 0, 1, 2]), ("a", "b", "c"))
    logits = torch.tensor([[5.0, 0, 0], [0, 5, 0], [0, 5, 0], [0, 5, 0]])
    found = evaluate(lambda pixels: logits, pictures)
    assert (found.top1, found.top5, found.by_class) == (0.5, 1.0, (0.5, 1.0, 0.0))
    assert set(found.worst_pairs) == {(0, 1, 1), (2, 1, 1)}
    sure = float(logits[0].softmax(0)[0])
    assert found.calibration_error == pytest.approx(sure - 0.5, abs=1e-5)
