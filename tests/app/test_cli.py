"""The command `convlens`: flags from our configuration, and one sentence where torch and torchvision do not fit."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import explain
import models
from dashboard import cli
from dashboard.catalogue import catalogue
from dashboard.commands import COMMANDS
from dashboard.commands import arguments as flags
from dashboard.commands.progress import Counter
from dashboard.uploads import read_picture
from explain.method import kebab
from explain.runs import read_run


def test_the_configuration_becomes_flags_wherever_the_command_is_started() -> None:
    flags = cli.flags()
    assert flags[flags.index("--server.address") + 1] == "127.0.0.1"
    assert flags[flags.index("--client.showErrorDetails") + 1] == "none"
    assert flags[flags.index("--runner.fastReruns") + 1] == "false"
    assert flags.count("--server.allowedHosts") == 2


def test_without_our_configuration_the_page_is_still_served_to_this_machine_only(tmp_path: Path) -> None:
    flags = cli.flags(tmp_path / "missing.toml")
    assert flags[flags.index("--server.address") + 1] == "127.0.0.1"


def test_packages_that_do_not_fit_are_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda package: ["torch==1.0.0"])
    assert cli.main([]) == 1
    assert "needs torch ==1.0.0" in capsys.readouterr().err


def test_the_installed_packages_fit() -> None:
    assert cli.mismatch() is None


LEMON = cli.ROOT / "assets" / "samples" / "lemon.jpg"


def do(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed_and_helps(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert command in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0 and f"convlens {command}" in capsys.readouterr().out


@pytest.mark.parametrize("name", [*catalogue().explanations, *catalogue().attacks])
def test_the_flags_of_a_method_are_its_parameters(name: str) -> None:
    method = catalogue().methods[name]
    parser = flags.parser_for("explain", "Explain.")
    given = ["--model", "m", "--method", kebab(name)]
    assert flags.add_method(parser, {name: method}, given, name) == method
    chosen = parser.parse_args(given)
    assert flags.parameters(method, chosen, ()) == tuple((param.name, param.default) for param in method.params)
    assert all(f"--{param.name.replace('_', '-')}" in parser.format_help() for param in method.params)


def test_values_become_what_the_method_wants() -> None:
    method = catalogue().methods["PGD"]
    parser = flags.parser_for("attack", "Attack.")
    flags.add_method(parser, {"PGD": method}, [], "PGD")
    given = ["--epsilon", "2/255", "--steps", "3", "--norm", "l2", "--no-random-start", "--goal", "lemon"]
    chosen = parser.parse_args(["--model", "m", *given])
    values = flags.parameters(method, chosen, ("orange", "lemon"))
    wanted = {"epsilon": 2 / 255, "steps": 3, "norm": "l2", "random_start": False, "goal": 1}
    assert {name: dict(values)[name] for name in wanted} == wanted
    assert explain.METHODS["PGD"](**dict(values)).seed == 0


def test_explain_writes_the_map_that_the_library_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / f"map.{kind}" for kind in ("npy", "png", "json")]
    outputs = [part for file in files for part in ("--out", file)]
    asked = ("--method", "occlusion", "--window", 32, "--stride", 32, "--target", "orange", "--against", "lemon")
    assert do("explain", "--model", "everyday_resnet", "--image", LEMON, *asked, *outputs) == 0
    model = models.load("everyday_resnet")
    target = explain.Contrast(model.card.classes.index("orange"), model.card.classes.index("lemon"))
    picture = read_picture(LEMON.read_bytes(), "lemon.jpg").image
    expected = explain.run(model, picture, explain.Occlusion(window=32, stride=32), target)
    assert isinstance(expected, explain.Heatmap)
    np.testing.assert_allclose(np.load(files[0], allow_pickle=False), expected.values, atol=1e-5)
    with Image.open(files[1]) as painted:
        assert painted.size[0] >= 448
    record = json.loads(files[2].read_text(encoding="utf-8"))
    assert record["method"] == {"name": "Occlusion", "parameters": {"window": 32, "stride": 32, "fill": "black"}}
    assert record["target"]["names"] == ["orange", "lemon"]
    assert "“orange” rather than “lemon”" in capsys.readouterr().out


def test_explain_writes_the_channels_of_a_layer_side_by_side(tmp_path: Path) -> None:
    outputs = ("--out", tmp_path / "maps.npy", "--out", tmp_path / "maps.png")
    asked = ("--method", "layer-activations", "--layer", "layer3")
    assert do("explain", "--model", "everyday_resnet", "--image", LEMON, *asked, *outputs) == 0
    maps = np.load(tmp_path / "maps.npy", allow_pickle=False)
    model = models.load("everyday_resnet")
    shapes = {layer.name: layer.shape[1:] for layer in model.layers()}
    assert maps.shape == shapes["layer3"]
    with Image.open(tmp_path / "maps.png") as sheet:
        assert sheet.width * sheet.height > maps.size


def test_attack_writes_the_picture_that_was_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = ("--out", tmp_path / "a.png", "--out", tmp_path / "a.npy", "--out", tmp_path / "a.json")
    asked = ("--method", "pgd", "--epsilon", "8/255", "--steps", 5)
    assert do("attack", "--model", "everyday_resnet", "--image", LEMON, *asked, *outputs) == 0
    record = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert record["result"]["success"] and record["target"]["name"] == "lemon"
    model = models.load("everyday_resnet")
    pixels = np.load(tmp_path / "a.npy", allow_pickle=False)
    said = explain.predict(model, torch.from_numpy(pixels).permute(2, 0, 1)[None])
    assert said.names[0] == record["result"]["after"]["name"] != "lemon"
    with Image.open(tmp_path / "a.png") as image:
        assert np.abs(np.asarray(image) / 255 - pixels).max() <= 0.5 / 255 + 1e-6
    assert "The network is fooled" in capsys.readouterr().out


def labelled_samples(folder: Path) -> Path:
    for name in ("lemon", "orange", "bus"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.jpg").write_bytes((LEMON.parent / f"{name}.jpg").read_bytes())
    (folder / "bus" / "broken.jpg").write_bytes(b"")
    return folder


def test_evaluate_makes_a_run_and_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = labelled_samples(tmp_path / "data")
    asked = ("evaluate", "--model", "everyday_resnet", "--data", data, "--out", tmp_path / "run.parquet")
    assert do(*asked) == 0
    told = capsys.readouterr().out
    run = read_run(tmp_path / "run.parquet")
    assert run.finished and run.model == "everyday_resnet" and run.total == 4
    assert "4 pictures:" in told and "1 without an answer" in told and "1 x The file is empty." in told
    (known,) = {int(run.cases.counted.sum())}
    assert f"{known} with a class" in told
    assert do(*asked) == 0
    assert capsys.readouterr().out == told


def test_evaluate_that_is_interrupted_says_how_far_it_came_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = labelled_samples(tmp_path / "data")
    asked = ("evaluate", "--model", "everyday_resnet", "--data", data, "--out", tmp_path / "run", "--batch", 1)

    def interrupt(counter: Counter, progress: models.Progress) -> None:
        counter.done, counter.total = progress.done, progress.total
        if (progress.done, progress.total) == (2, 4):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Counter, "__call__", interrupt)
        assert do(*asked) == 130
    assert "Stopped after 2 of 4 pictures; the same command goes on." in capsys.readouterr().out
    assert do(*asked) == 0 and read_run(tmp_path / "run").finished


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("explain", "--model", "nonet", "--image", LEMON, "--out", "a.npy"), "no network named 'nonet'"),
        (("explain", "--model", "everyday_resnet", "--image", "nowhere.png", "--out", "a.npy"), "cannot be read"),
        (("explain", "--model", "everyday_resnet", "--image", LEMON, "--out", "a.txt"), "must end in .png"),
        (
            ("explain", "--model", "everyday_resnet", "--image", LEMON, "--out", "a.npy", "--target", "unicorn"),
            "no class named 'unicorn'",
        ),
        (
            ("explain", "--model", "everyday_resnet", "--image", LEMON, "--out", "a.npy", "--target", "900"),
            "There is no class 900",
        ),
        (
            ("attack", "--model", "everyday_resnet", "--image", LEMON, "--out", "a.png", "--steps", "0"),
            "whole number from 1",
        ),
        (("evaluate", "--model", "everyday_resnet", "--data", "nowhere", "--out", "run"), "no folder or zip"),
    ],
)
def test_what_the_user_can_mend_is_told_in_a_sentence(
    asked: tuple[object, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert do(*asked) == 1
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told and len(told.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_progress_says_how_far_how_fast_and_how_long_still() -> None:
    counter = Counter("pictures")
    counter(models.Progress(1000, 10_000))
    counter(models.Progress(2000, 10_000))
    assert counter.line(100.0) == "2,000 of 10,000 pictures · 10 a second · 800.0 s left"
