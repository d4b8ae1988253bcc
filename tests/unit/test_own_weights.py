"""A file of weights of somebody's own: checked before it is read, its classes counted, all else refused."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn

import explain
import models
from models import CARDS, DeviceError, ModelError, PixelSpace, WeightsError, own
from models.checkpoint import unfilled
from models.header import MOST_HEADER, read_header
from models.labels import read_names
from models.zoo.bundled import Everyday
from toy import picture

ARCHITECTURE = "everyday_resnet"
PIXELS = PixelSpace(32, 36, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "bicubic")
ONE_OF_EACH_FAMILY = (
    *("everyday_vgg", "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "resnet18"),
    *("shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "vgg11_bn", "vit_b_32"),
)


def network(classes: int = 7, seed: int = 0) -> nn.Module:
    built = Everyday(ARCHITECTURE, classes)()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.normal_(0, 0.1, generator=generator)
    return built.eval()


def state(classes: int = 7) -> dict[str, Tensor]:
    return dict(network(classes).state_dict())


def loaded(content: bytes, name: str = "mine.safetensors", **options: Any) -> models.LoadedModel:
    return own.load(io.BytesIO(content), ARCHITECTURE, name=name, device="cpu", **options)


def written(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape: list[int], begin: int, end: int, kind: str = "F32") -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


def test_the_number_of_classes_is_read_from_the_file_and_the_answers_are_the_networks() -> None:
    given = network(7)
    model = loaded(save(dict(given.state_dict())), pixels=PIXELS)
    assert model.card.classes == tuple(f"class {index}" for index in range(7))
    assert model.card.pixels == PIXELS
    pixels = picture(32)
    with torch.no_grad():
        assert torch.equal(model(pixels), given(PIXELS.normalise(pixels)))
    assert model.card.key not in CARDS
    assert model.card.key == f"own-{model.weights.identity}"
    assert explain.run(model, pixels, explain.GradCAM(), 3).values.shape == (32, 32)


def test_a_path_and_an_open_file_give_the_same_network(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "mine.safetensors")
    model = own.load(tmp_path / "mine.safetensors", ARCHITECTURE, device="cpu")
    again = loaded((tmp_path / "mine.safetensors").read_bytes())
    assert model.weights == again.weights
    assert str(tmp_path) not in repr((model.card, model.weights))


def test_the_identity_tells_files_pixels_and_names_apart() -> None:
    one, other = save(state()), save(dict(network(7, seed=1).state_dict()))
    names = tuple("abcdefg")
    made = [loaded(one), loaded(other), loaded(one, pixels=PIXELS), loaded(one, classes=names)]
    assert len({model.weights.identity for model in made}) == 4
    assert loaded(one).weights.identity == made[0].weights.identity


@pytest.mark.parametrize("key", ONE_OF_EACH_FAMILY)
def test_every_family_takes_another_number_of_classes(key: str) -> None:
    card = CARDS[key]
    whole = unfilled(card.builder)
    head = own.head_of(whole, len(card.classes))
    assert head is not None
    before = {name: tuple(value.shape) for name, value in whole.state_dict().items()}
    changed = unfilled(own.WithClasses(card.builder, head, 3)).state_dict()
    assert changed.keys() == before.keys()
    different = {name for name, value in changed.items() if tuple(value.shape) != before[name]}
    assert {f"{head}.weight"} <= different <= {f"{head}.weight", f"{head}.bias"}
    assert all(len(changed[name]) == 3 for name in different)


def test_a_fine_tuned_torchvision_network_is_taken_as_it_is() -> None:
    from torchvision.models import squeezenet1_1

    with torch.random.fork_rng(devices=[]):
        given = squeezenet1_1(num_classes=4).eval()
    content = io.BytesIO(save(dict(given.state_dict())))
    model = own.load(content, "squeezenet1_1", name="mine.safetensors", device="cpu", pixels=PIXELS)
    pixels = picture(32)
    with torch.no_grad():
        assert torch.allclose(model(pixels), given(PIXELS.normalise(pixels)), atol=1e-6)
    assert len(model.card.classes) == 4


def test_a_network_saved_inside_another_is_taken_out_of_it() -> None:
    inside = {f"module._orig_mod.{name}": value for name, value in state().items()}
    assert len(loaded(save(inside)).card.classes) == 7


def test_a_single_score_tells_two_classes_apart() -> None:
    model = loaded(save(state(1)), classes=("no", "yes"))
    assert model.card.classes == ("no", "yes")
    assert set(explain.predict(model, picture(64)).names) == {"no", "yes"}


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_precision_become_float32(kind: torch.dtype) -> None:
    given = {name: value.to(kind) if value.is_floating_point() else value for name, value in state().items()}
    model = loaded(save(given))
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, given[name].to(value.dtype))
    assert {parameter.dtype for parameter in model.network.parameters()} == {torch.float32}


def test_weights_that_are_no_numbers_are_loaded_with_a_note() -> None:
    given = state()
    given["fc.bias"][1] = torch.nan
    assert "in 1 tensors" in loaded(save(given)).weights.note


def test_filled_with_random_numbers_it_keeps_its_classes() -> None:
    model = loaded(save(state()), pixels=PIXELS)
    random = own.untrained(model)
    assert random.card.classes == model.card.classes
    assert random.weights.kind == "random"
    assert not torch.equal(random(picture(32)), model(picture(32)))


def without(name: str) -> dict[str, Tensor]:
    return {other: value for other, value in state().items() if other != name}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (without("conv1.weight"), r"does not fit Everyday ResNet: it lacks conv1\.weight"),
        (state() | {"extra.weight": torch.zeros(1)}, r"extra\.weight too much"),
        (state() | {"conv1.weight": torch.zeros(64, 1, 3, 3)}, "is 64 x 1 x 3 x 3 instead of 64 x 3 x 3 x 3"),
        (state() | {"fc.bias": torch.zeros(9)}, r"fc\.bias is 9 instead of 7"),
        (state() | {"fc.weight": torch.zeros(0, 256)}, "fc.weight is 0 x 256 instead of 50 x 256"),
        (state() | {"fc.weight": torch.zeros(7, 256, dtype=torch.int64)}, "numbers of the wrong kind"),
        ({f"layer{number}": torch.zeros(1) for number in range(9)}, "layer0, layer1, layer2 and 6 more too much"),
    ],
)
def test_weights_of_another_network_are_refused_with_the_differences(given: dict[str, Tensor], reason: str) -> None:
    with pytest.raises(WeightsError, match=reason):
        loaded(save(given))


def test_shapes_are_compared_before_any_weight_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> Tensor:
        raise AssertionError("a weight was read")

    monkeypatch.setattr(own, "_tensor", read)
    with pytest.raises(WeightsError, match="too much"):
        loaded(save(state() | {"extra.weight": torch.zeros(1)}))
    with pytest.raises(AssertionError, match="a weight was read"):
        loaded(save(state()))


def test_names_must_be_as_many_as_the_classes_in_the_file() -> None:
    with pytest.raises(ModelError, match=r"5 class names were given, but 'mine\.safetensors' tells 7 apart"):
        loaded(save(state()), classes=tuple("abcde"))


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (PixelSpace(8, 5000, (0.0,) * 3, (1.0,) * 3), "at most, not to 5,000"),
        (PixelSpace(8, 8, (0.0,), (1.0,)), "one mean and one standard deviation for each"),
        (PixelSpace(8, 8, (float("nan"),) * 3, (1.0,) * 3), "one mean and one standard deviation for each"),
    ],
)
def test_pixels_that_cannot_be_meant_are_refused(pixels: PixelSpace, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        loaded(save(state()), pixels=pixels)


def test_pixels_that_the_network_cannot_take_are_refused() -> None:
    with torch.random.fork_rng(devices=[]):
        content = io.BytesIO(save(dict(CARDS["squeezenet1_1"].builder().state_dict())))
    with pytest.raises(ModelError, match="cannot be run on a picture of 8 x 8 pixels: RuntimeError"):
        own.load(content, "squeezenet1_1", name="mine.safetensors", device="cpu", pixels=replace(PIXELS, side=8))


def test_a_network_that_memory_does_not_suffice_for_is_not_told_off_for_its_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_memory(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    content = save(state())
    monkeypatch.setattr(nn.Conv2d, "forward", without_memory)
    with pytest.raises(DeviceError, match=r"not enough memory for .*Pick a smaller one"):
        loaded(content)


ROW = entry([2, 2], 0, 16)
DEEP = b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
UNSOUND: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it has 0 bytes"),
    "short": (b"\1\0\0", "it has 3 bytes"),
    "cut in its header": (written({"a": ROW}, b"\0" * 16)[:30], "it ends before its header does"),
    "header of 100 MB": (struct.pack("<Q", 100_000_000) + b"{" * 100, "its header would take 95 MB, 8 MB are allowed"),
    "header larger than any disk": (b"\xff" * 8 + b"{}", "its header would take"),
    "no JSON": (written(b"hello"), "its header cannot be read"),
    "no text": (written(b"\xff\xfe\xfd"), "its header cannot be read"),
    "brackets without end": (written(DEEP), "its header cannot be read"),
    "a number of 5,000 digits": (written(b'{"a": ' + b"9" * 5000 + b"}"), "its header cannot be read"),
    "a list": (written([1]), "lists no tensors"),
    "no tensors": (written({}), "holds no tensors"),
    "a name twice": (written(b'{"a": 1, "a": 2}'), "lists a name twice"),
    "notes that are none": (written({"__metadata__": {"a": 1}, "a": ROW}, b"\0" * 16), "no plain text"),
    "a name of 5,000 letters": (written({"a" * 5000: ROW}, b"\0" * 16), "no usable name"),
    "a name that turns the text around": (written({"a\u202eb": ROW}, b"\0" * 16), "no usable name"),
    "no place": (written({"a": {"dtype": "F32", "shape": [2, 2]}}, b"\0" * 16), "a has no type, shape and place"),
    "an unknown type": (written({"a": entry([2, 2], 0, 32, "C64")}, b"\0" * 32), "type 'C64', wanted is one of F64"),
    "a type that is no text": (written({"a": ROW | {"dtype": ["F32"]}}, b"\0" * 16), "wanted is one of F64"),
    "a negative size": (written({"a": ROW | {"shape": [-2, -2]}}, b"\0" * 16), "no usable shape"),
    "a size that is true": (written({"a": ROW | {"shape": [True, 4]}}, b"\0" * 16), "no usable shape"),
    "a size that is no number": (written({"a": ROW | {"shape": [float("nan")]}}, b"\0" * 16), "no usable shape"),
    "a hundred axes": (written({"a": ROW | {"shape": [1] * 100}}, b"\0" * 4), "no usable shape"),
    "one number for a giant": (written({"a": entry([2**40] * 2, 0, 4)}, b"\0" * 4), "a has 4 bytes, its shape needs"),
    "places turned around": (written({"a": ROW | {"data_offsets": [16, 0]}}, b"\0" * 16), "a has -16 bytes"),
    "beyond its end": (written({"a": entry([4, 2], 0, 32)}, b"\0" * 16), "a lies beyond its end: 16 bytes are missing"),
    "overlapping": (written({"a": ROW, "b": entry([2, 2], 8, 24)}, b"\0" * 24), "b overlaps a"),
    "the same bytes twice": (written({"a": ROW, "b": ROW}, b"\0" * 16), "overlaps"),
    "a hole": (written({"a": ROW, "b": entry([1], 20, 24)}, b"\0" * 24), "4 bytes before b belong to no tensor"),
    "more behind it": (written({"a": ROW}, b"\0" * 99), "83 bytes at its end belong to no tensor"),
}


@pytest.mark.parametrize(("content", "reason"), UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_file_is_refused_for_what_is_wrong_without_memory(content: bytes, reason: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as refused:
            loaded(content)
        assert tracemalloc.get_traced_memory()[1] < len(content) * 8 + 5 * 2**20
    finally:
        tracemalloc.stop()
    assert "'mine.safetensors' is no sound .safetensors file: " in refused.value.message
    assert reason in refused.value.message
    assert len(refused.value.message) < 400


def test_the_largest_header_allowed_is_read() -> None:
    padded = json.dumps({"a": ROW}).encode().ljust(MOST_HEADER)
    header = read_header(io.BytesIO(written(padded, b"\0" * 16)), "mine.safetensors")
    assert header.places["a"].shape == (2, 2)
    assert header.places["a"].begin == 8 + MOST_HEADER


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580])
def test_a_header_whose_length_looks_like_a_pickle_is_none(length: int) -> None:
    padded = json.dumps({"a": ROW}).encode().ljust(length)
    assert read_header(io.BytesIO(written(padded, b"\0" * 16)), "mine.safetensors").places


class Harmful:
    """Would write a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (self.target,))


def pickled(kind: str, tmp_path: Path) -> bytes:
    buffer = io.BytesIO()
    if kind == "harmful":
        torch.save({"fc.weight": Harmful(tmp_path / "harmed")}, buffer)
    elif kind == "old harmful":
        torch.save({"fc.weight": Harmful(tmp_path / "harmed")}, buffer, _use_new_zipfile_serialization=False)
    elif kind == "whole module":
        torch.save(network(), buffer)
    elif kind == "giant":
        torch.save({"fc.weight": torch.zeros(1).expand(2**30, 2**10)}, buffer)
    else:
        torch.save(state(), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["harmful", "old harmful", "whole module", "giant", "weights"])
@pytest.mark.parametrize("name", ["mine.pth", "mine.pt", "MINE.CKPT", "mine.safetensors"])
def test_a_pickled_file_is_refused_with_the_lines_that_convert_it(kind: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="may run code when it is read") as refused:
        loaded(pickled(kind, tmp_path), name)
    assert f"convlens convert {name}" in refused.value.hint
    assert f"torch.load('{name}', weights_only=True)" in refused.value.hint
    assert f"save_file(weights, '{Path(name).stem}.safetensors')" in refused.value.hint
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("name", ["mine.onnx", "mine", "mine.h5", ".safetensors.exe"])
def test_any_other_kind_of_file_is_refused(name: str) -> None:
    with pytest.raises(WeightsError, match=r"Wanted a \.safetensors file, not"):
        loaded(save(state()), name)


def test_an_architecture_or_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no architecture named 'resnet1'"):
        own.load(io.BytesIO(b""), "resnet1", name="mine.safetensors")
    with pytest.raises(WeightsError, match=r"no file 'none\.safetensors'") as refused:
        own.load(tmp_path / "none.safetensors", ARCHITECTURE)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b"cat\ndog\nfish\n",
        b"\xef\xbb\xbfcat\r\ndog\r\nfish",
        b'["cat", "dog", "fish"]',
        b'{"0": "cat", "2": "fish", "1": "dog"}',
        b'{"0": ["n01", "cat"], "1": ["n02", "dog"], "2": ["n03", "fish"]}',
        b'{"dog": 1, "cat": 0, "fish": 2}',
        b'[{"index": 1, "name": "dog"}, {"index": 0, "name": "cat"}, {"index": 2, "name": "fish"}]',
        "c\u202eat\n do\tg \nfi\0sh".replace("do\tg", "dog").encode(),
    ],
)
def test_names_of_classes_are_read_in_every_usual_form(content: bytes) -> None:
    assert read_names(content, "names") == ("cat", "dog", "fish")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds 0 names"),
        (b"cat\n\nfish", "name number 2 is empty"),
        (b"\xff\xfe\x00", "it is neither"),
        (b'{"0": "cat", "2": "fish"}', "it is neither"),
        (b'{"0": "cat", "00": "fish"}', "it is neither"),
        (b'{"cat": 0, "dog": 0}', "it is neither"),
        (b'["cat", 5]', "it is neither"),
        (b'[{"index": 0}]', "it is neither"),
        (b"[[]]", "it is neither"),
        (b"[" * 100_000, "it is neither"),
        (b"a\n" * 60_000, "holds 60,000 names"),
        (b"a" * (9 * 2**20), "it has 9 MB"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        read_names(content, "names.txt")
