"""Pickled files of weights become safetensors files without running what is in them, in a process of its own."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from dashboard import cli
from dashboard.commands import COMMANDS, Command
from dashboard.commands import convert as command
from models import WeightsError, own
from models.convert import HOME, Converted, convert


class Small(nn.Module):
    """A convolution and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)


def state(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(value.shape, generator=generator) for name, value in Small().state_dict().items()}


def saved(content: object, path: Path, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def same(path: Path, given: dict[str, Tensor]) -> bool:
    found = load_file(path)
    return found.keys() == given.keys() and all(torch.equal(found[name], given[name]) for name in given)


@pytest.mark.parametrize("old", [False, True])
def test_the_weights_are_those_of_the_file(tmp_path: Path, old: bool) -> None:
    source = saved(OrderedDict(state()), tmp_path / "mine.pth", _use_new_zipfile_serialization=not old)
    assert convert(source) == Converted("mine.safetensors", 4, 137)
    assert same(tmp_path / "mine.safetensors", state())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.pth", "mine.safetensors"]


@pytest.mark.slow
def test_weights_are_found_among_what_training_leaves(tmp_path: Path) -> None:
    optimiser = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    wrapped = {f"module.{name}": value for name, value in state().items()}
    content = {
        **{"epoch": 3, "model_ema": state(1), "state_dict": wrapped, "optimizer": optimiser},
        **{"args": Namespace(lr=0.1, model="small"), "best": 0.5},
    }
    source = saved(content, tmp_path / "checkpoint.ckpt")
    done = convert(source)
    assert same(tmp_path / "checkpoint.safetensors", state())
    assert done.notes == (
        "Taken: 'state_dict'. Left out: 'args', 'best', 'epoch', 'model_ema', 'optimizer'.",
        "'module.' was taken off the beginning of every name.",
    )
    convert(source, tmp_path / "ema.safetensors", part="model_ema")
    assert same(tmp_path / "ema.safetensors", state(1))
    with pytest.raises(WeightsError, match=r"no weights named 'optimizer'.*There are: 'args', 'best'"):
        convert(source, tmp_path / "other.safetensors", part="optimizer")


def test_tied_weights_and_views_are_written_once_for_each_name(tmp_path: Path) -> None:
    whole = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))
    given = {"a": whole, "b": whole, "turned": whole.t(), "part": whole[1:3]}
    convert(saved(given, tmp_path / "mine.pt"))
    assert same(tmp_path / "mine.safetensors", given)


class Harmful:
    """Would write a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (self.target,))


def harmful(path: Path) -> None:
    saved({**state(), "extra": Harmful(path.parent / "harmed")}, path)


def old_harmful(path: Path) -> None:
    saved({"extra": Harmful(path.parent / "harmed")}, path, _use_new_zipfile_serialization=False)


def whole_module(path: Path) -> None:
    saved(nn.Sequential(nn.Linear(2, 2)), path)


def numpy_inside(path: Path) -> None:
    saved({"state_dict": state(), "best": np.float64(0.5)}, path)


def script(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mine/code/__torch__.py", "")
        archive.writestr("mine/constants.pkl", b"")
        archive.writestr("mine/data.pkl", b"")


def deflated(path: Path) -> None:
    """Pack 256 MB of zeros into little."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("mine/data.pkl", b"")
        with archive.open("mine/data/0", "w", force_zip64=True) as member:
            for _ in range(16):
                member.write(bytes(2**24))


def repacked(path: Path) -> None:
    """Pack the parts of a sound file, as torch never does."""
    saved(state(), path)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def giant(path: Path) -> None:
    saved({"head.weight": torch.zeros(1).expand(2**25, 2**15)}, path)


def many_of_one(path: Path) -> None:
    one = torch.zeros(2**18)
    saved({f"weight{number}": one for number in range(200)}, path)


def claiming_more(path: Path) -> None:
    """Say that the first stored number is followed by a trillion others."""
    saved({"a": torch.zeros(4)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    assert data.count(struct.pack("<q", 4)) == 1
    path.write_bytes(data.replace(struct.pack("<q", 4), struct.pack("<q", 10**12)))


def no_weights(path: Path) -> None:
    saved({"epoch": 3, "optimizer": {"param_groups": []}}, path)


def complex_numbers(path: Path) -> None:
    saved({"a": torch.zeros(2, dtype=torch.complex64)}, path)


def sparse(path: Path) -> None:
    saved({"a": torch.eye(3).to_sparse()}, path)


def text(path: Path) -> None:
    path.write_bytes(b"hello" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    saved(state(), path)
    path.write_bytes(path.read_bytes()[:-400])


REFUSED: dict[Callable[[Path], None], str] = {
    harmful: "holds more than weights: reading it could run code",
    old_harmful: "holds more than weights: reading it could run code",
    whole_module: "holds more than weights: reading it could run code",
    numpy_inside: "holds more than weights: reading it could run code",
    script: "is a TorchScript program",
    deflated: "is a packed archive",
    repacked: "is a packed archive",
    giant: r"head\.weight in 'giant\.pth' would take 4,194,304 MB, of which only 4 bytes are stored",
    many_of_one: r"would take 200 MB, the file has 1 MB",
    no_weights: "holds no weights that could be found",
    complex_numbers: r"is of a kind that no network here has: torch\.complex64",
    sparse: "is of a kind that no network here has|reading it could run code",
    text: "is damaged, or no file of torch's",
    empty: "is damaged, or no file of torch's",
    cut: "is damaged, or no file of torch's",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Hand every such file to the work of one process, as each alone would take seconds to start."""
    folder = tmp_path_factory.mktemp("refused")
    for make in REFUSED:
        make(folder / f"{make.__name__}.pth")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from models.convert import work\n"
        "for file in sys.argv[2:]: work(file, file.replace('.pth', '.safetensors'), '', '{}')"
    )
    files = [str(folder / f"{make.__name__}.pth") for make in REFUSED]
    done = subprocess.run([sys.executable, "-I", "-c", code, str(HOME), *files], capture_output=True, check=True)
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(file).name for file in files)
    assert str(folder) not in done.stdout.decode()
    told = (json.loads(line) for line in done.stdout.splitlines())
    return dict(zip((make.__name__ for make in REFUSED), told, strict=True))


@pytest.mark.parametrize(("make", "reason"), REFUSED.items(), ids=[make.__name__ for make in REFUSED])
def test_a_file_that_is_not_only_weights_is_refused_and_nothing_is_written(
    refusals: dict[str, dict[str, Any]], make: Callable[[Path], None], reason: str
) -> None:
    told = refusals[make.__name__]
    assert re.search(reason, told["message"])
    assert "torch.save(network.state_dict()" in told["hint"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
def test_a_file_that_claims_a_trillion_numbers_is_refused_for_its_memory(tmp_path: Path) -> None:
    claiming_more(tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=r"is damaged|asks for more memory") as refused:
        convert(tmp_path / "mine.pth")
    assert str(tmp_path) not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.pth"]


def test_what_is_there_is_never_overwritten_and_names_are_checked(tmp_path: Path) -> None:
    source = saved(state(), tmp_path / "mine.pth")
    (tmp_path / "mine.safetensors").write_bytes(b"kept")
    for target, reason in (
        (None, "There is a file 'mine.safetensors' already"),
        (tmp_path / "mine.txt", "What is written ends in"),
        (tmp_path / "none" / "mine.safetensors", "no folder to write"),
    ):
        with pytest.raises(WeightsError, match=reason):
            convert(source, target)
    assert (tmp_path / "mine.safetensors").read_bytes() == b"kept"
    with pytest.raises(WeightsError, match=r"is a \.safetensors file already"):
        convert(tmp_path / "mine.safetensors")
    with pytest.raises(WeightsError, match=r"no file 'none\.pth'"):
        convert(tmp_path / "none.pth")


def test_a_package_named_as_ours_in_the_folder_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("models", "torch", "safetensors"):
        (tmp_path / f"{name}.py").write_text("from pathlib import Path\nPath('harmed').touch()\n")
    monkeypatch.chdir(tmp_path)
    convert(saved(state(), Path("mine.pth")))
    assert not Path("harmed").exists()


def test_the_command_notes_what_the_weights_are_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    source = saved(state(), tmp_path / "mine.pth")
    given = [str(source), "--architecture", "resnet18", "--classes", str(tmp_path / "names.txt")]
    assert command.main(given) == 0
    assert capsys.readouterr().out == "mine.safetensors: 4 tensors, 137 numbers\n"
    with safe_open(tmp_path / "mine.safetensors", framework="pt") as file:
        noted = file.metadata()
    assert (noted["architecture"], json.loads(noted["classes"])) == ("resnet18", ["one", "two"])


def test_what_was_converted_is_taken_as_a_network_of_ones_own(tmp_path: Path) -> None:
    from models.zoo.bundled import Everyday

    content = {"model": {f"module.{name}": value for name, value in Everyday("everyday_vgg", 3)().state_dict().items()}}
    convert(saved(content, tmp_path / "mine.pth"))
    model = own.load(tmp_path / "mine.safetensors", "everyday_vgg", device="cpu")
    assert len(model.card.classes) == 3


def test_a_refusal_is_one_sentence_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "convert", Command(command.LINE, command.__name__))
    repacked(tmp_path / "mine.pth")
    assert cli.main(["convert", str(tmp_path / "mine.pth")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("'mine.pth' is a packed archive") and said.count("\n") == 1
