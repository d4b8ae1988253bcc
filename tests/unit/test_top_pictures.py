"""Top pictures: the ranking of every channel, and the patch of a picture that excited it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import toy
from explain.top_pictures import TopPictures, excited, top_pictures
from models.errors import ParameterError
from models.loaded import LoadedModel
from models.progress import Progress, heard_by


class Red(nn.Module):
    """Channel 0 answers to bright red in a window of three pixels, channel 1 to blue."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, stride=2, padding=1, bias=False)
        self.fc = nn.Linear(2, 2)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, 0] = 1
            self.conv.weight[1, 2] = 1

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(self.conv(pixels).relu().mean((2, 3)))


def model() -> LoadedModel:
    return toy.loaded(Red(), 2)


def spot(colour: int, x: int, y: int, brightness: float) -> Tensor:
    pixels = torch.zeros((1, 3, 16, 16))
    pixels[0, colour, y, x] = brightness
    return pixels


def test_the_picture_the_place_and_the_patch_that_excite_a_channel_are_found() -> None:
    network = model()
    pictures = [spot(0, 4, 8, 0.25), spot(2, 0, 0, 0.75), spot(0, 12, 2, 1.0)]
    found = top_pictures(network, "conv", pictures)
    assert found.numbers[0].tolist() == [2, 0, 1]
    assert found.values[0].tolist() == [1.0, 0.25, 0.0]
    assert (found.rows[0, 0], found.columns[0, 0]) == (1, 6)
    best, second = excited(network, found, 0, pictures, 2)
    assert (best.number, best.value, best.row, best.column) == (2, 1.0, 1, 6)
    assert best.box is not None
    assert (best.box.left, best.box.top, best.box.right, best.box.bottom) == (11, 1, 14, 4)
    assert best.map.shape == (8, 8)
    assert best.map[1, 6] == best.map.max() == 1
    assert second.number == 0
    corner = excited(network, found, 1, pictures)[0].box
    assert corner is not None
    assert (corner.left, corner.top, corner.right, corner.bottom) == (0, 0, 2, 2)


def test_the_ranking_is_that_of_all_answers_at_once() -> None:
    network = toy.loaded(toy.seeded(toy.Pooled()), 4)
    pictures = [toy.picture(16, seed) for seed in range(150)]
    found = top_pictures(network, "conv2", pictures, kept=5)
    with torch.no_grad():
        parts = network.network
        answers = [parts.conv2(parts.relu(parts.bn1(parts.conv1(one)))) for one in pictures]
    highest = torch.cat(answers).flatten(2).amax(2)
    expected = highest.T.sort(dim=1, descending=True)
    assert found.pictures == 150
    assert found.values == pytest.approx(expected.values[:, :5].numpy(), abs=1e-5)
    assert np.array_equal(found.numbers, expected.indices[:, :5].numpy())


def test_of_equal_pictures_the_earlier_stands_first() -> None:
    found = top_pictures(model(), "conv", [spot(0, 4, 4, 0.5)] * 30, kept=4)
    assert found.numbers[0].tolist() == [0, 1, 2, 3]


def test_fewer_pictures_than_are_kept_are_all_listed() -> None:
    found = top_pictures(model(), "conv", [spot(0, 4, 4, 0.5), spot(0, 4, 4, 0.75)])
    assert found.numbers.shape == (2, 2)


def test_a_layer_without_places_has_no_patch() -> None:
    network, pictures = model(), [spot(0, 4, 4, 1.0), spot(2, 4, 4, 1.0)]
    found = top_pictures(network, "fc", pictures)
    one = excited(network, found, 1, pictures)[0]
    assert one.box is None
    assert one.map.shape == (1, 1)


def test_only_the_pictures_needed_are_read_again() -> None:
    class Counted(Sequence[Tensor]):
        def __init__(self) -> None:
            self.read: list[int] = []

        def __len__(self) -> int:
            return 40

        def __getitem__(self, number):
            self.read.append(number)
            return spot(0, 4, 4, number / 40)

    network, pictures = model(), Counted()
    found = top_pictures(network, "conv", pictures)
    assert pictures.read == list(range(40))
    pictures.read.clear()
    excited(network, found, 0, pictures, 3)
    assert pictures.read == [39, 38, 37]


def test_the_ranking_so_far_is_reported() -> None:
    heard: list[TopPictures] = []

    def listen(progress: Progress) -> None:
        if progress.partial is not None:
            heard.append(progress.partial)

    with heard_by(listen):
        found = top_pictures(model(), "conv", [spot(0, 4, 4, number / 200) for number in range(200)])
    assert heard[0].pictures < heard[-1].pictures == 200
    assert heard[0].values[0, 0] < found.values[0, 0]


def test_a_channel_that_is_not_there_and_a_ranking_of_nothing_are_refused() -> None:
    network, pictures = model(), [spot(0, 4, 4, 1.0)]
    found = top_pictures(network, "conv", pictures)
    with pytest.raises(ParameterError, match="channels 0 to 1, not 7"):
        excited(network, found, 7, pictures)
    with pytest.raises(ParameterError, match="not 0"):
        top_pictures(network, "conv", pictures, kept=0)
