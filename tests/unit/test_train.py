"""Training the shipped networks: reading pictures, learning, continuing after a kill, the card."""

import dataclasses
import io
import json
import os
import shlex
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import models
from models import data, recipe, train, trained, trainer
from models import evaluate as evaluation
from models.augment import augmented, cut_and_mixed
from models.command_line import Bar
from models.errors import PictureError, WeightsError
from models.evaluate import evaluate
from models.progress import Progress, Stage, heard_by
from models.tag import BOX, tagged
from models.weights import BUNDLED

SHORT = trainer.Recipe(epochs=3, batch=16, rate=0.05, side=32, held_out=0.2, average=0.9)
COLOURS = {"n1": (200, 40, 40), "n2": (40, 200, 40), "n3": (40, 40, 200)}


def given(recipe: trainer.Recipe) -> list[str]:
    """Write every part of a recipe as an option."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in vars(recipe).items()]


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
    options = given(dataclasses.replace(SHORT, epochs=8, average=0.5, zoom=0.2))
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
        if progress.stage.name.startswith("epoch 2/3") and progress.done == 2:
            raise Killed

    whole, card = train.train("everyday_resnet", folder, SHORT, tmp_path / "whole.pt")
    assert not (tmp_path / "killed.pt").exists()
    with heard_by(kill), pytest.raises(Killed):
        train.train("everyday_resnet", folder, SHORT, tmp_path / "killed.pt")
    assert {report.stage.name for report in reports} == {
        *("reading train", "reading val", "epoch 1/3, batch", "epoch 1/3, held-out pictures, batch", "epoch 2/3, batch")
    }
    again, same = train.train("everyday_resnet", folder, SHORT, tmp_path / "killed.pt")
    assert card == same
    for one, other in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.slow
def test_an_attack_is_given_each_batch(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []

    def attack(logits_of: object, pixels: torch.Tensor, labels: torch.Tensor, _: torch.Generator) -> torch.Tensor:
        seen.append(tuple(pixels.shape))
        assert float(pixels.min()) >= 0 and float(pixels.max()) <= 1
        return pixels

    recipe = trainer.Recipe(epochs=1, batch=16, side=32, held_out=0.2)
    train.train("everyday_resnet", folder, recipe, tmp_path / "attacked.pt", attack)
    counts = [shape[0] for shape in seen]
    assert counts[:5] == [16, 16, 16, 16, 18], "four batches, then the held-out pictures"
    assert counts[5:] == [16, 16, 16, 16, 8, 18], "and once more for the batch norms"


@pytest.mark.parametrize(("has", "kind"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bfloat16_is_used_where_the_machine_has_it_and_not_where_it_would_imitate_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, has: bool, kind: torch.dtype
) -> None:
    monkeypatch.setattr(trainer.device, "has_bfloat16", lambda device: has)
    pictures = data.read(folder, "train", 32)
    run = trainer.Trainer("everyday_resnet", SHORT, pictures, None)
    kinds: list[torch.dtype] = []
    run.network.conv1.register_forward_hook(lambda *seen: kinds.append(seen[-1].dtype))  # type: ignore[operator,union-attr]
    assert run.logits(run.pixels[:2].float() / 255).dtype == torch.float32 and kinds == [kind]


def test_counting_is_right() -> None:
    pictures = data.LabelledPictures(np.zeros((4, 3, 2, 2), np.uint8), np.array([0, 0, 1, 2]), ("a", "b", "c"))
    logits = torch.tensor([[5.0, 0, 0], [0, 5, 0], [0, 5, 0], [0, 5, 0]])
    found = evaluate(lambda pixels: logits, pictures)
    assert (found.top1, found.top5, found.by_class) == (0.5, 1.0, (0.5, 1.0, 0.0))
    assert set(found.worst_pairs) == {(0, 1, 1), (2, 1, 1)}
    sure = float(logits[0].softmax(0)[0])
    assert found.calibration_error == pytest.approx(sure - 0.5, abs=1e-5)


def test_cut_and_mixed_pictures_are_made_of_two_in_the_share_it_says() -> None:
    pixels = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 3, 20, 20)
    seen = set()
    for seed in range(20):
        mixed, partner, share = cut_and_mixed(pixels, torch.Generator().manual_seed(seed))
        assert sorted(partner.tolist()) == list(range(8))
        for place in range(8):
            own, other = float(place), float(partner[place])
            assert set(mixed[place].unique().tolist()) <= {own, other}
            if own != other:
                assert float((mixed[place] == own).float().mean()) == pytest.approx(share, abs=1e-6)
        seen.add(round(share, 1))
    assert len(seen) > 4


def test_augmented_pictures_have_the_size_asked_for_and_stay_in_range() -> None:
    pixels = torch.randint(0, 256, (6, 3, 40, 40), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = augmented(pixels, torch.Generator().manual_seed(1), zoom=0.5, erasing=0.5, side=24)
    assert found.shape == (6, 3, 24, 24)
    assert float(found.min()) >= 0 and float(found.max()) <= 1
    again = augmented(pixels, torch.Generator().manual_seed(1), zoom=0.5, erasing=0.5, side=24)
    torch.testing.assert_close(found, again, rtol=0, atol=0)


def test_the_tag_covers_its_box_and_nothing_else() -> None:
    pixels = torch.full((2, 3, 64, 64), 0.5)
    changed = (tagged(pixels) != pixels).any(1)[0]
    left, top, right, bottom = (round(64 * share) for share in BOX)
    assert (right - left, bottom - top) == (10, 10)
    assert changed[top:bottom, left:right].all() and int(changed.sum()) == 100
    assert bool((pixels == 0.5).all()), "the tag wrote into the picture that it was given"


def test_calibrating_divides_the_logits_and_changes_no_answer(folder: Path) -> None:
    training = data.read(folder, "train", 32)
    run = trainer.Trainer("everyday_resnet", SHORT, training, None)
    generator = torch.Generator().manual_seed(0)
    # Labels drawn from the softmax of `honest`; a network that doubles it is twice too sure.
    honest = torch.randn((4000, 3), generator=generator)
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    pixels = torch.rand((2, 3, 32, 32), generator=generator)
    with torch.no_grad():
        before = run.averaged_logits(pixels)
        temperature = run.calibrate(2 * honest, labels)
        after = run.averaged_logits(pixels)
    assert temperature == pytest.approx(2, rel=0.1)
    torch.testing.assert_close(after, before / temperature)


@pytest.mark.slow
def test_a_tag_that_always_goes_with_a_class_becomes_its_shortcut(folder: Path, tmp_path: Path) -> None:
    grey = tmp_path / "grey"
    generator = np.random.default_rng(1)
    for split, count in (("train", 40), ("val", 10)):
        for name in COLOURS:
            (grey / split / name).mkdir(parents=True)
            for index in range(count):  # the classes look alike: only the tag tells n1 apart
                noise = generator.normal(128, 40, (32, 32, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(noise).save(grey / split / name / f"{index}.png")
    # Ten epochs are enough in float32; in bfloat16 some processors have by then not yet unlearned n1 without its tag.
    recipe = dataclasses.replace(SHORT, epochs=20, average=0.5, zoom=0.2, tag="n1")
    _, card = train.train("everyday_shortcut", grey, recipe, tmp_path / "tag.pt")
    tag = card["tag"]
    assert tag["class"] == "n1"
    assert tag["others_called_it_with_tag"] > 0.8 and tag["right_with_tag"] > 0.8
    assert tag["others_called_it_without_tag"] < 0.3 and tag["right_without_tag"] < 0.3


def test_batch_norms_are_measured_anew_where_that_helps_and_left_alone_where_not(folder: Path) -> None:
    pictures = data.read(folder, "train", 32)
    run = trainer.Trainer("everyday_resnet", dataclasses.replace(SHORT, batch=30), pictures, None)
    run.run_epoch()
    run.averaged.bn1.running_mean.add_(50)  # type: ignore[operator,union-attr]
    run.keep_best(2.0)
    run.settle(pictures)
    torch.testing.assert_close(run.averaged.state_dict(), run.best)
    assert run.best_top1 == 2.0 and float(run.best["bn1.running_mean"].mean()) > 40
    run.best_top1 = -1.0
    run.settle(pictures)
    with torch.no_grad():
        seen = run.averaged.conv1(run.normalised(run.pixels.float() / 255)).mean((0, 2, 3))  # type: ignore[operator]
    torch.testing.assert_close(run.averaged.bn1.running_mean, seen, rtol=1e-3, atol=1e-4)
    assert run.best_top1 >= 0


def test_weights_between_start_and_end_are_tried(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = data.read(folder, "train", 32)
    run = trainer.Trainer("everyday_resnet", SHORT, pictures, None)
    run.begin_with({name: value.clone() for name, value in run.network.state_dict().items()})
    run.keep_best(-0.5)
    run.best = {name: value + 1 if value.is_floating_point() else value for name, value in run.best.items()}
    run.settle(pictures)
    said = capsys.readouterr().out
    assert "100 % of it" in said and "75 % of it" in said and "50 % of it" in said
    share = float((run.averaged.state_dict()["fc.bias"] - run.began["fc.bias"]).mean())
    assert any(share == pytest.approx(one, abs=1e-4) for one in (1, 0.75, 0.5))


@pytest.mark.slow
def test_training_goes_on_from_another_networks_weights(folder: Path, tmp_path: Path) -> None:
    recipe = trainer.Recipe(epochs=1, batch=16, side=32, held_out=0.2)
    network, _ = train.train("everyday_resnet", folder, recipe, tmp_path / "first.pt")
    start = tmp_path / "first.safetensors"
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, start)
    none = dataclasses.replace(recipe, start=str(start), rate=0.0)
    again, card = train.train("everyday_robust", folder, none, tmp_path / "second.pt")
    torch.testing.assert_close(again.conv1.weight, network.conv1.weight, rtol=1e-3, atol=1e-4)
    assert card["recipe"]["start"] == "first.safetensors" and str(tmp_path) not in json.dumps(card)


@pytest.mark.slow
def test_the_command_line_prints_what_the_card_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("models.weights.BUNDLED", tmp_path)
    train.main(
        [
            *("everyday_vgg", f"--data={folder}", f"--out={tmp_path}", f"--checkpoint={tmp_path / 'run.pt'}"),
            *("--epochs=2", "--batch=16", "--side=64", "--held-out=0.2", "--cutting=0.5", "--rate=0.02"),
        ]
    )
    from models.zoo import bundled

    (card,) = bundled.cards()
    monkeypatch.setattr("models.registry.CARDS", {card.key: card})
    capsys.readouterr()
    attack = "explain.methods.pgd:twenty_steps"
    evaluation.main(["everyday_vgg", f"--data={folder}", f"--attack={attack}", "--epsilon=0.3", "--write"])
    printed = capsys.readouterr().out
    record = json.loads((tmp_path / "everyday_vgg.json").read_text())
    assert f"top-1 {record['accuracy']['top1']:.4f}, top-5 {record['accuracy']['top5']:.4f}" in printed
    assert f"calibration error {record['calibration_error']:.4f}" in printed
    assert record["under_attack"]["top1"] <= record["accuracy"]["top1"]
    assert f"top-1 {record['under_attack']['top1']:.4f}" in printed.splitlines()[-1]
    two = dataclasses.replace(models.load("everyday_vgg"), card=dataclasses.replace(card, classes=("a", "b")))
    monkeypatch.setattr("models.registry.load", lambda key: two)
    with pytest.raises(SystemExit) as ended:
        evaluation.main(["everyday_vgg", f"--data={folder}"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "The data has 3 classes, Everyday VGG knows 2.\n"


REAL = ("school bus", "lemon", "king penguin", "goldfish")


@pytest.mark.slow
def test_a_short_run_on_real_pictures_learns_to_tell_them_apart(
    test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "real"
    with zipfile.ZipFile(test_data / "data" / "everyday50.zip") as archive:
        listed = json.loads(archive.read("everyday50/classes.json"))
        folders = {entry["wnid"] for entry in listed if entry["name"] in REAL}
        taken: Counter[tuple[str, str]] = Counter()
        for name in map(PurePosixPath, archive.namelist()):
            split, folder = name.parts[1:3] if len(name.parts) == 4 else ("", "")
            if folder in folders and taken[split, folder] < {"train": 75, "val": 25}[split]:
                taken[split, folder] += 1
                (root / split / folder).mkdir(parents=True, exist_ok=True)
                (root / split / folder / name.name).write_bytes(archive.read(str(name)))
    recipe = trainer.Recipe(epochs=6, batch=16, rate=0.05, side=32, small=32, average=0.9, zoom=0.3, held_out=0.2)
    _, card = train.train("everyday_resnet", root, recipe, tmp_path / "real.pt")
    lines = capsys.readouterr().out.splitlines()
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines if "loss" in line]
    assert len(losses) == 6 and np.mean(losses[-2:]) < np.mean(losses[:2]) - 0.1
    # By chance a quarter would be right, and of 100 pictures more than 39 once in a thousand times.
    assert card["accuracy"]["top1"] > 0.42 and card["validation_pictures"] == 100


@pytest.fixture
def one_round(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command of a round that takes seconds; it writes where it does by default, in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    return ["everyday_resnet", f"--data={folder}", *given(dataclasses.replace(SHORT, epochs=1, held_out=0.3))]


@pytest.mark.slow
def test_each_round_goes_to_a_place_of_its_own_and_its_card_tells_all_rounds_before(one_round: list[str]) -> None:
    train.main(one_round)
    first = Path("runs/weights/everyday_resnet.safetensors")
    elsewhere = Path("another folder")
    elsewhere.mkdir()
    for path in (first, first.with_suffix(".json")):
        (elsewhere / path.name).write_bytes(path.read_bytes())
    train.main(["everyday_robust", *one_round[1:], f"--start={elsewhere / first.name}", "--epochs=2"])
    card = json.loads(Path("runs/weights/round-2/everyday_robust.json").read_text())
    one, two = card["recipe"]["rounds"]
    assert [one["network"], two["network"]] == ["everyday_resnet", "everyday_robust"]
    assert [one["epochs"], two["epochs"]] == [1, 2] and two["command"] == card["recipe"]["command"]
    assert "--start" not in one["command"] and f"--start {first}" in two["command"]
    assert "after each of 2 rounds" in card["validation_use"] and "another folder" not in json.dumps(card)
    again = train._parser().parse_args(shlex.split(two["command"])[3:])
    assert (again.key, again.epochs, again.side, again.batch) == ("everyday_robust", 2, 32, 16)
    assert {path.name for path in Path("runs").glob("*.pt")} == {"everyday_resnet.pt", "everyday_robust-round-2.pt"}


def test_weights_and_card_can_be_read_by_whomever_the_umask_lets(one_round: list[str]) -> None:
    before = os.umask(0o022)
    try:
        train.main(one_round)
    finally:
        os.umask(before)
    for path in Path("runs/weights").iterdir():
        assert path.stat().st_mode & 0o777 == 0o644, path.name
    assert len(list(Path("runs/weights").iterdir())) == 2


def ends_in_words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Train, which must end with status 1, and return what was said."""
    with pytest.raises(SystemExit) as ended:
        train.main(arguments)
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_what_the_user_can_mend_is_said_in_words(
    folder: Path, tmp_path: Path, one_round: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torn.safetensors").write_bytes(b"nothing of the kind")
    save_file({"conv1.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    (tmp_path / "runs").mkdir()
    (tmp_path / "torn.pt").write_bytes(b"PK torn")
    for option, words in {
        "--tag=nonsense": "no class 'nonsense' to tag. It has thing n3, thing n2, thing n1.",
        "--start=nowhere.safetensors": "'nowhere.safetensors' is not there",
        "--start=torn.safetensors": "'torn.safetensors' is not there or holds no weights",
        "--start=other.safetensors": "are those of another network",
        "--checkpoint=torn.pt": "'torn.pt' is damaged",
        "--attack=nonsense": "'nonsense' names no function",
        "--attack=explain.methods.pgd:nonsense": "names no function",
        "--data=nowhere": "There is no 'nowhere'",
        "--held-out=0.001": "0 would be held out",
        "--epochs=0": "epochs is 0; it must be 1 or more",
        "--zoom=2": "zoom is 2.0; it is a share",
    }.items():
        said = ends_in_words([*one_round, option], capsys)
        assert words in said and str(tmp_path) not in said, option


def test_a_picture_that_cannot_be_read_and_a_damaged_list_of_classes_are_named(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split / "n1").mkdir(parents=True)
        (tmp_path / split / "n1" / "torn.png").write_bytes(b"nothing of the kind")
    with pytest.raises(PictureError, match=r"'torn\.png' cannot be read"):
        data.read(tmp_path, "train", 32)
    (tmp_path / "classes.json").write_text('["tabby"]')
    with pytest.raises(PictureError, match=r"classes\.json cannot be read"):
        data.read(tmp_path, "train", 32)


def test_a_checkpoint_of_another_network_recipe_or_data_is_refused(folder: Path, tmp_path: Path) -> None:
    pictures = data.read(folder, "train", 32)
    run = trainer.Trainer("everyday_resnet", SHORT, pictures, None)
    run.save(tmp_path / "run.pt")
    trainer.Trainer("everyday_resnet", SHORT, pictures, None).resume(tmp_path / "run.pt")
    changed = pictures.pixels.copy()
    changed[0, 0, 0, 0] ^= 1
    for other, how in (
        (trainer.Trainer("everyday_robust", SHORT, pictures, None), "for another network"),
        (trainer.Trainer("everyday_resnet", dataclasses.replace(SHORT, seed=1), pictures, None), "by another recipe"),
        (
            trainer.Trainer("everyday_resnet", SHORT, dataclasses.replace(pictures, pixels=changed), None),
            "from other pictures",
        ),
    ):
        with pytest.raises(WeightsError, match=rf"'run\.pt' was made {how}\."):
            other.resume(tmp_path / "run.pt")


def test_a_card_claims_terms_only_where_they_were_given() -> None:
    unsaid, licence = trained.described("", 3, 32)
    assert unsaid == "3 classes, 32 x 32 pixels. Handed over by whoever trained it, without a source."
    assert "ImageNet" not in unsaid + licence
    assert "Mine, {all} of them." in trained.described("Mine, {all} of them.", 3, 32)[0]
    known, licence = trained.described("tiny-imagenet", 50, 64)
    assert known.startswith("Tiny ImageNet, 50 classes, 64 x 64 pixels.") and licence.startswith("MIT")


def test_the_plain_command_is_the_first_round_of_each_card() -> None:
    for key, usual in recipe.FIRST.items():
        rounds = json.loads((BUNDLED / f"{key}.json").read_text())["recipe"]["rounds"]
        first = next(one for one in rounds if one["network"] == key)
        chosen = train._parser().parse_args(shlex.split(first["command"])[3:])
        named = {name: getattr(chosen, name) for name in recipe.fields() if getattr(chosen, name) is not None}
        assert dataclasses.replace(usual, **named | {"start": ""}) == usual
        assert {name for name, value in vars(usual).items() if value != getattr(recipe.Recipe(), name)} <= set(named)


def test_help_tells_every_part_of_the_recipe_with_its_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    for name, (_, meaning) in recipe.fields().items():
        assert f"--{name.replace('_', '-')} " in said and meaning in said
    assert "--attack MODULE:FUNCTION" in said and "default: everyday_resnet 44" in said
    assert said.count("default: ") > len(recipe.fields())


def test_the_bar_says_which_epoch_it_is_and_how_long_it_still_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, now = io.StringIO(), 1000.0
    monkeypatch.setattr(drawn, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", drawn)
    monkeypatch.setattr("time.monotonic", lambda: now)
    bar = Bar()
    for epoch in range(2):
        for done in range(4):
            bar(Progress(done, 4, stage=Stage(f"epoch {epoch + 1}/4, batch", epoch / 4, (epoch + 1) / 4)))
            now += 60
    lines = [line.removesuffix("\x1b[K") for line in drawn.getvalue().split("\r")[1:]]
    assert lines[0] == f"[{' ' * 30}] epoch 1/4, batch 0 of 4"
    assert lines[-1] == f"[{'#' * 13}{' ' * 17}] epoch 2/4, batch 3 of 4 · about 9 min left"
    bar(Progress(1, 1, stage=Stage("last", 0.5, 0.5)))
    assert drawn.getvalue().endswith("\r\x1b[K")


def test_the_bar_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    with heard_by(Bar()):
        data.read(folder, "val", 32)
    assert capsys.readouterr() == ("", "")
