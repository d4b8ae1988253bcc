"""Weights are found in their order, fetched whole or not at all, and refused where they do not fit."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import models
from models import CARDS, ModelCard, ModelError, PixelSpace, Progress, WeightsError, WeightsVersion, download, weights
from models.checkpoint import load_weights
from models.weights import available, resolve, weights_here

PIXELS = PixelSpace(8, 8, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
OTHER_PIXELS = PixelSpace(8, 10, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Small(nn.Module):
    """A convolution, a norm with an in-place activation, a head; with a table outside of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 5)
        self.register_buffer("table", torch.arange(4.0), persistent=False)
        self.register_buffer("late", torch.empty(4).fill_(0.5), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Classify."""
        means = self.relu(self.norm(self.conv(pixels))).mean((2, 3))
        logits: Tensor = self.head(means * self.table + self.late)
        return logits


def version(
    name: str = "IMAGENET1K_V1", pixels: PixelSpace = PIXELS, url: str = "", sha256: str = ""
) -> WeightsVersion:
    return WeightsVersion(
        name=name,
        file=f"small_{name[-2:].lower()}-{sha256 or '01234567'}.pth",
        url=url,
        sha256=sha256,
        bytes=1234,
        builder=Small,
        pixels=pixels,
        classes=("a", "b", "c", "d", "e"),
        accuracy=None,
        licence="",
        recipe="",
        parameters=1,
        multiply_adds=None,
    )


BEST, USUAL = version("IMAGENET1K_V2", OTHER_PIXELS), version()


def card(*versions: WeightsVersion) -> ModelCard:
    return ModelCard("small", "Small", "Test", Small, versions[0].pixels, versions[0].classes, versions)


CARD = card(BEST, USUAL)


def state(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(value.shape, generator=generator) if value.is_floating_point() else value
        for name, value in Small().state_dict().items()
    }


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own empty places."""
    for name in ("bundled", "folder", "hub/checkpoints"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(weights, "BUNDLED", tmp_path / "bundled")
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(tmp_path / "folder"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def test_weights_are_taken_from_the_first_place_that_has_them(tmp_path: Path) -> None:
    cache, folder = tmp_path / "hub/checkpoints", tmp_path / "folder"
    bundled, own = tmp_path / "bundled/small.safetensors", folder / "small.safetensors"
    assert available(CARD) is None
    found = []
    for path in (cache / USUAL.file, cache / BEST.file, bundled, folder / USUAL.file, folder / BEST.file, own):
        if path.suffix == ".pth":
            torch.save(state(), path)
        else:
            save_file(state(), path)
        here = resolve(CARD, None)
        found.append((here.kind, here.version.name, available(CARD)))
    assert found == [
        ("cache", "IMAGENET1K_V1", "cache"),
        ("cache", "IMAGENET1K_V2", "cache"),
        ("bundled", "IMAGENET1K_V1", "bundled"),
        ("folder", "IMAGENET1K_V1", "folder"),
        ("folder", "IMAGENET1K_V2", "folder"),
        ("folder", "IMAGENET1K_V1", "folder"),
    ]
    assert weights_here("small", ()) == "folder"


def test_a_local_safetensors_file_takes_the_preset_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "folder/small.safetensors"
    save_file(state(), file)
    assert resolve(CARD, None).version == USUAL
    save_file(state(), file, metadata={"preset": "IMAGENET1K_V2"})
    assert resolve(CARD, None).version == BEST
    save_file(state(), file, metadata={"preset": "MADE_UP"})
    with pytest.raises(WeightsError, match="MADE_UP"):
        resolve(CARD, None)


def test_a_version_asked_for_by_name_is_not_replaced_by_another(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "folder/small.safetensors")
    torch.save(state(), tmp_path / "hub/checkpoints" / BEST.file)
    assert resolve(CARD, "IMAGENET1K_V2").kind == "cache"
    assert resolve(CARD, "IMAGENET1K_V1").kind == "folder"
    with pytest.raises(WeightsError, match=r"no weights named 'IMAGENET1K_V9'.*IMAGENET1K_V2, IMAGENET1K_V1"):
        resolve(CARD, "IMAGENET1K_V9")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_path_is_that_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine.{suffix}"
    save_file(state(), path) if suffix == "safetensors" else torch.save(state(), path)
    for wanted in (path, str(path)):
        found = resolve(CARD, wanted)
        assert (found.kind, found.version, found.path) == ("file", USUAL, path)
    with pytest.raises(WeightsError, match="no file 'missing"):
        resolve(CARD, tmp_path / f"missing.{suffix}")
    with pytest.raises(WeightsError, match=r"Wanted a \.safetensors file, not 'mine\.onnx'"):
        resolve(CARD, tmp_path / "mine.onnx")
    with pytest.raises(WeightsError, match=r"'mine\.pt' is of a kind that may run code") as refusal:
        resolve(CARD, str(tmp_path / "mine.pt"))
    assert "convlens convert mine.pt" in refusal.value.hint and "weights_only=True" in refusal.value.hint
    with pytest.raises(WeightsError, match=r"'mine\.pt' is of a kind that may run code"):
        resolve(CARD, "mine.pt")
    assert str(tmp_path) not in str(refusal.value)


def test_the_identity_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_file(state(), path)
    first = resolve(CARD, path).source()
    assert first == resolve(CARD, path).source()
    time.sleep(0.01)
    save_file(state(1), path)
    assert resolve(CARD, path).source().identity != first.identity
    assert str(tmp_path) not in repr(first)


@pytest.mark.parametrize("form", ["pth", "old pth", "safetensors", "half"])
def test_loaded_weights_are_those_of_the_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / ("mine.pth" if "pth" in form else "mine.safetensors")
    given = state()
    if form == "half":
        given = {name: value.half() if value.is_floating_point() else value for name, value in given.items()}
    if "pth" in form:
        torch.save(given, path, _use_new_zipfile_serialization=form != "old pth")
    else:
        save_file(given, path)
    network, note = load_weights(path, "Small", USUAL)
    assert note == ""
    assert network.state_dict().keys() == given.keys()
    for name, value in network.state_dict().items():
        assert torch.equal(value, given[name].to(value.dtype))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    reference = Small()
    reference.load_state_dict(given)
    pixels = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network.eval()(pixels), reference.eval()(pixels))


def test_a_file_without_the_counters_of_batch_norms_is_fine(tmp_path: Path) -> None:
    given = {name: value for name, value in state().items() if "num_batches" not in name}
    torch.save(given, tmp_path / "mine.pth")
    network, _ = load_weights(tmp_path / "mine.pth", "Small", USUAL)
    assert network.get_buffer("norm.num_batches_tracked").item() == 0


def without(name: str) -> dict[str, Tensor]:
    return {other: value for other, value in state().items() if other != name}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (without("head.bias"), "lacks head.bias"),
        (state() | {"extra.weight": torch.zeros(1)}, "extra.weight too much"),
        (state() | {"head.weight": torch.zeros(7, 4)}, "head.weight is 7 x 4 instead of 5 x 4"),
        ({"a": torch.zeros(1)}, "and 5 more"),
        (state() | {"head.weight": torch.zeros(5, 4, dtype=torch.int64)}, "wrong kind"),
    ],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_weights_of_another_network_are_refused(
    tmp_path: Path, given: dict[str, Tensor], reason: str, suffix: str
) -> None:
    path = tmp_path / f"mine.{suffix}"
    save_file(given, path) if suffix == "safetensors" else torch.save(given, path)
    with pytest.raises(WeightsError, match=reason) as caught:
        load_weights(path, "Small", USUAL)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 5000, b"PK\x03\x04" + b"0" * 100, "cut"])
def test_damaged_files_are_refused(tmp_path: Path, suffix: str, content: bytes | str) -> None:
    path = tmp_path / f"mine.{suffix}"
    save_file(state(), path) if suffix == "safetensors" else torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-300] if isinstance(content, str) else content)
    with pytest.raises(WeightsError, match=r"'mine\.\w+' is damaged"):
        load_weights(path, "Small", USUAL)


def test_a_pth_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save(Small(), tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(tmp_path / "mine.pth", "Small", USUAL)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="something else"):
        load_weights(tmp_path / "list.pth", "Small", USUAL)


def test_weights_that_are_no_numbers_are_loaded_with_a_note(tmp_path: Path) -> None:
    given = state()
    given["head.bias"][1] = torch.nan
    save_file(given, tmp_path / "mine.safetensors")
    _, note = load_weights(tmp_path / "mine.safetensors", "Small", USUAL)
    assert "in 1 tensors" in note


def old_densenet(name: str) -> str:
    for part in ("norm", "relu", "conv"):
        for number in "12":
            name = name.replace(f".{part}{number}.", f".{part}.{number}.") if "denselayer" in name else name
    return name


def old_vit(name: str) -> str:
    return name.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2.")


@pytest.mark.parametrize(
    ("key", "name", "old"),
    [
        ("densenet121", "IMAGENET1K_V1", old_densenet),
        ("vit_b_32", "IMAGENET1K_V1", old_vit),
        ("googlenet", "IMAGENET1K_V1", str),
        ("inception_v3", "IMAGENET1K_V1", str),
        ("mnasnet0_5", "IMAGENET1K_V1", str),
        ("swin_v2_t", "IMAGENET1K_V1", str),
        ("regnet_y_400mf", "IMAGENET1K_V1", str),
    ],
)
def test_torchvisions_files_load_whatever_their_age(
    tmp_path: Path, key: str, name: str, old: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = CARDS[key].version(name)
    assert wanted is not None
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(0)
        reference = wanted.builder().eval()
    given = {old(entry): value.clone() for entry, value in reference.state_dict().items()}
    if key in ("densenet121", "vit_b_32"):
        assert given.keys() != reference.state_dict().keys()
    given |= {"aux1.conv.conv.weight": torch.zeros(1)} if key == "googlenet" else {}
    given |= {"AuxLogits.fc.weight": torch.zeros(1)} if key == "inception_v3" else {}
    torch.save(given, tmp_path / "folder" / wanted.file)
    loaded = models.load(key, device="cpu")
    assert loaded.weights.file == wanted.file
    assert not any(tensor.is_meta for tensor in (*loaded.network.parameters(), *loaded.network.buffers()))
    side = 256 if key == "swin_v2_t" else loaded.card.pixels.side
    pixels = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    expected = reference(loaded.card.pixels.normalise(pixels))
    assert torch.allclose(loaded(pixels), expected, atol=1e-6)


def test_the_loaded_card_is_that_of_the_weights_in_use(tmp_path: Path) -> None:
    source = models.load("resnet18", device="cpu", weights="random").network.state_dict()
    path = tmp_path / "folder/resnet50.safetensors"
    with pytest.raises(WeightsError, match=r"'resnet50.safetensors' does not fit ResNet-50"):
        save_file(source, path)
        models.load("resnet50", device="cpu")
    save_file(models.load("resnet50", device="cpu", weights="random").network.state_dict(), path)
    loaded = models.load("resnet50", device="cpu")
    assert CARDS["resnet50"].pixels.resize == 232
    assert loaded.card.pixels.resize == 256
    assert loaded.card.accuracy is None
    assert (loaded.weights.kind, loaded.weights.version) == ("folder", "IMAGENET1K_V1")


class Server(BaseHTTPRequestHandler):
    """Serves `content`: whole, cut off in the middle, or slowly."""

    content = b""
    manner = "whole"

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(404 if self.manner == "missing" else 200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        half = len(self.content) // 2
        self.wfile.write(self.content[:half])
        if self.manner != "cut":
            self.wfile.write(self.content[half:])

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    torch.save(state(), tmp_path / "served.pth")
    Server.content, Server.manner = (tmp_path / "served.pth").read_bytes() + b"\0" * 2_000_000, "whole"
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}/small.pth"
    running.shutdown()
    thread.join()
    running.server_close()


def served(url: str) -> ModelCard:
    return card(version(url=url, sha256=hashlib.sha256(Server.content).hexdigest()[:8]))


def kept(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "hub/checkpoints").iterdir()]


def test_a_download_is_kept_in_the_cache_and_reports_its_bytes(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "REPORT_EVERY", 0.0)
    heard: list[Progress] = []
    with models.heard_by(heard.append):
        found = resolve(served(server), None)
    assert found.kind == "download"
    assert found.path.read_bytes() == Server.content
    assert kept(tmp_path) == [found.version.file]
    done = [progress.done for progress in heard]
    assert done == sorted(done)
    assert len(done) > 3
    assert (heard[-1].done, heard[-1].total) == (len(Server.content), len(Server.content))
    again = resolve(served(server), None)
    assert again.kind == "cache"
    assert again.source().identity == found.source().identity


def test_the_folder_for_downloads_is_made_when_it_is_first_needed(server: str, tmp_path: Path) -> None:
    (tmp_path / "hub/checkpoints").rmdir()
    assert resolve(served(server), None).path.is_file()


def test_a_download_with_the_wrong_checksum_is_refused_and_deleted(server: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="wrong checksum"):
        resolve(card(version(url=server, sha256="01234567")), None)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("manner", ["cut", "missing"])
def test_a_download_that_breaks_off_leaves_nothing(server: str, tmp_path: Path, manner: str) -> None:
    Server.manner = manner
    with pytest.raises(WeightsError, match="could not be downloaded"):
        resolve(served(server), None)
    assert kept(tmp_path) == []


class MovedOn(BaseException):
    """What a listener raises when the user has moved on."""


@pytest.mark.parametrize("after", [0, 1])
def test_a_listener_that_raises_cancels_a_download_and_leaves_nothing(
    server: str, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "REPORT_EVERY", 0.0)

    def cancel(progress: Progress) -> None:
        if progress.done >= after:
            raise MovedOn

    with models.heard_by(cancel), pytest.raises(MovedOn):
        resolve(served(server), None)
    assert kept(tmp_path) == []


def test_without_a_network_one_sentence_names_the_file_and_the_setting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/small.pth"
    asked = card(replace(BEST, url=url))
    with caplog.at_level("WARNING"), pytest.raises(WeightsError) as caught:
        resolve(asked, None)
    assert BEST.file in caught.value.message
    assert "CONVLENS_WEIGHTS" in caught.value.hint
    assert str(tmp_path) not in str(caught.value)
    assert str(tmp_path / "folder") in caplog.text
    assert kept(tmp_path) == []


def test_the_cache_is_found_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_torch = weights.hub_folder()
    assert with_torch == tmp_path / "hub/checkpoints"
    monkeypatch.delitem(weights.sys.modules, "torch")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "elsewhere"))
    assert weights.hub_folder() == tmp_path / "elsewhere/hub/checkpoints"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert weights.hub_folder() == tmp_path / "xdg/torch/hub/checkpoints"


def test_an_unknown_network_is_no_question_of_weights() -> None:
    with pytest.raises(ModelError, match="no network named"):
        models.load("nothing_like_it", weights="random")
