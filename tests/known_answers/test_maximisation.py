"""Pictures made from nothing: what they must show on networks that can be solved by hand, and on a trained one."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import explain
import models
import toy
from dashboard.samples import SAMPLES
from explain.target import ClassLogit, ClassProbability
from explain.visualising import Ascent, moved, painted, random_spectrum
from models.errors import LayerError

RED, GREEN, BLUE = 0, 1, 2


class Detectors(nn.Module):
    """Channels that are known: red against green, upright stripes of four pixels, lying ones, and a dead one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 8, padding=4)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(4, 3)
        wave = torch.tensor([1.0, 1, -1, -1, 1, 1, -1, -1]) / 64
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.bias.copy_(torch.tensor([-0.1, -0.1, -0.1, -5.0]))
            self.conv.weight[0, RED], self.conv.weight[0, GREEN] = 1 / 64, -1 / 64
            self.conv.weight[1] = wave[None, None, :]
            self.conv.weight[2] = wave[None, :, None]

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(self.relu(self.conv(pixels)).mean((2, 3)))


@pytest.fixture(scope="module")
def detectors() -> models.LoadedModel:
    return toy.loaded(Detectors(), 3, side=32)


def maximise(model: models.LoadedModel, target: object = 0, **settings: object) -> explain.Visualisation:
    side = model.card.pixels.side
    return explain.run(model, toy.picture(side), explain.ActivationMaximisation(**settings), target)


def waves(pixels: np.ndarray, axis: int) -> np.ndarray:
    """The strength of each frequency along an axis, the mean left out."""
    strength = np.abs(np.fft.rfft(pixels.mean(2), axis=axis)).mean(1 - axis)
    return strength[1:]


def test_a_channel_that_sees_red_against_green_gets_red(detectors: models.LoadedModel) -> None:
    for layer in ("conv", "relu"):
        found = maximise(detectors, layer=layer, channel=0)
        red, green = (found.pixels[8:-8, 8:-8, colour] for colour in (RED, GREEN))
        assert (red - green).mean() > 0.3 and (red > green).mean() > 0.95
        assert (found.layer, found.channel, found.unit) == (layer, 0, None)


@pytest.mark.parametrize(("channel", "row", "column"), [(1, -1, -1), (2, 9, 20)])
def test_a_unit_that_sees_stripes_gets_stripes_of_their_width_where_it_looks(
    detectors: models.LoadedModel, channel: int, row: int, column: int
) -> None:
    found = maximise(detectors, layer="conv", channel=channel, row=row, column=column, objective="unit", moves=0.3)
    assert found.unit == ((16, 16) if row < 0 else (row, column))
    top, left = found.unit[0] - 4, found.unit[1] - 4
    patch = found.pixels[top : top + 8, left : left + 8]
    along, across = waves(patch, 2 - channel), waves(patch, channel - 1)
    assert along.argmax() + 1 == 2 and along.max() > 5 * across.max()
    away = np.abs(found.pixels - 0.5).mean(2)
    assert away[top : top + 8, left : left + 8].mean() > 2 * away.mean()


def test_a_linear_class_gets_the_signs_of_its_weights() -> None:
    network = toy.seeded(toy.Linear())
    found = maximise(toy.loaded(network, 3), ClassLogit(2), objective="class", moves=0, steps=400)
    signs = network.fc.weight[2].reshape(3, 16, 16).permute(1, 2, 0).numpy() > 0
    assert ((found.pixels > 0.5) == signs).mean() > 0.85
    assert (found.layer, found.channel, found.unit) == (None, None, None)
    most = np.maximum(network.fc.weight[2].numpy(), 0).sum() + float(network.fc.bias[2])
    assert 0.75 * most < found.score < most


def test_the_score_rises_and_is_that_of_the_picture(detectors: models.LoadedModel) -> None:
    found = maximise(detectors, layer="relu", channel=1, steps=40, seed=3)
    pixels = torch.tensor(found.pixels).permute(2, 0, 1)[None]
    with torch.no_grad():
        maps = detectors.network.conv(pixels)
        own = detectors.network.conv(toy.picture(32))
    assert found.score == pytest.approx(float(maps[0, 1].mean()), abs=1e-5)
    assert found.reference == pytest.approx(float(own[0, 1].mean()), abs=1e-5)
    assert len(found.scores) == 40 and found.scores[-8:].mean() > found.scores[:8].mean()


def test_an_activation_without_gradient_is_read_before_it(detectors: models.LoadedModel) -> None:
    """Its units are below zero from the start, where ReLU passes no gradient on."""
    with torch.no_grad():
        assert not detectors.output("relu", torch.full((1, 3, 32, 32), 0.5))[0, 0].any()
    found = maximise(detectors, layer="relu", channel=0)
    assert found.score > 0.1 and any("goes into the activation: conv." in note for note in found.notes)


def test_a_channel_that_nothing_moves_is_said_so(detectors: models.LoadedModel) -> None:
    found = maximise(detectors, layer="conv", channel=3)
    assert any("nothing to climb" in note for note in found.notes) and len(found.scores) < 20
    assert not maximise(detectors, layer="conv", channel=1, steps=9).notes


def test_the_seed_alone_decides(detectors: models.LoadedModel) -> None:
    one, again, other = (maximise(detectors, channel=1, steps=12, seed=seed).pixels for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01


def test_partial_pictures_come_while_it_climbs_and_it_can_be_stopped(detectors: models.LoadedModel) -> None:
    heard: list[explain.Progress] = []
    with explain.heard_by(heard.append):
        found = maximise(detectors, layer="conv", channel=1, steps=6)
    partial = [progress.partial for progress in heard]
    assert [progress.done for progress in heard] == list(range(1, 7))
    assert all(one.pixels.shape == (32, 32, 3) for one in partial)
    assert [len(one.scores) for one in partial] == list(range(1, 7))
    np.testing.assert_array_equal(partial[-1].scores, found.scores)
    assert all(np.abs(b.pixels - a.pixels).max() > 0 for a, b in itertools.pairwise(partial))

    class Stopped(BaseException):
        pass

    def stop(progress: explain.Progress) -> None:
        if progress.done == 3:
            raise Stopped

    with explain.heard_by(stop), pytest.raises(Stopped):
        maximise(detectors, layer="conv", channel=1)
    assert detectors.lock.acquire(blocking=False)
    detectors.lock.release()


def test_what_is_not_there_is_a_sentence(detectors: models.LoadedModel) -> None:
    with pytest.raises(LayerError, match="has 4 channels of 33 x 33, so it has no channel 4"):
        maximise(detectors, layer="conv", channel=4)
    with pytest.raises(LayerError, match=r"no channel 1, unit \(0, 33\)"):
        maximise(detectors, layer="conv", channel=1, objective="unit", row=0, column=33)
    with pytest.raises(LayerError, match="no layer named 'nowhere'"):
        maximise(detectors, layer="nowhere", objective="class")


def test_a_network_without_places_has_units_all_the_same() -> None:
    found = maximise(toy.loaded(toy.seeded(toy.Linear()), 3), steps=2, channel=2)
    assert (found.layer, found.channel) == ("fc", 2)


def test_a_network_that_fx_cannot_follow_is_asked_by_hooks() -> None:
    model = toy.loaded(toy.seeded(toy.Branching()), 3, side=32)
    found = maximise(model, layer="conv2", channel=1, steps=30)
    pixels = torch.tensor(found.pixels).permute(2, 0, 1)[None]
    with torch.no_grad():
        maps = model.network.conv2(model.network.conv1(pixels).relu())
    assert found.score == pytest.approx(float(maps[0, 1].mean()), abs=1e-5) and found.score > found.reference


def test_a_trained_network_is_surer_than_of_any_photograph(everyday: models.LoadedModel) -> None:
    """Without moves, so that it is quick: the picture beats the samples, in the class and in a channel."""
    snail = everyday.card.classes.index("snail")
    samples = torch.cat([everyday.crop(sample.picture().image) for sample in SAMPLES.values()])
    found = maximise(everyday, ClassProbability(snail), objective="class", steps=24)
    assert found.score > 0.95
    found = maximise(everyday, layer="layer3", channel=5, steps=24)
    with torch.no_grad():
        photographs = everyday.output("layer3.1.add", samples)[:, 5].mean((1, 2))
    assert found.score > float(photographs.max()) + 1


def test_a_spectrum_paints_as_its_definition_says() -> None:
    """One frequency of one decorrelated colour gives one wave in that colour, weighted by 1 / frequency."""
    from explain.visualising import COLOURS, CONTRAST

    spectrum = torch.zeros((3, 16, 9, 2))
    spectrum[1, 0, 2, 0] = 0.01
    found = torch.logit(painted(spectrum, 16)[0])
    wave = torch.cos(2 * torch.pi * 2 * torch.arange(16) / 16)
    height = 0.01 * CONTRAST * 16 / (2 / 16) * 2 / 16**2
    colours = torch.tensor(COLOURS)
    expected = colours[:, 1] / colours.norm(dim=0).max() * height
    torch.testing.assert_close(found, expected[:, None, None] * wave.expand(3, 16, 16), rtol=1e-3, atol=1e-6)


def test_the_start_is_nearly_grey_and_large_shapes_outweigh_fine_ones() -> None:
    pixels = painted(random_spectrum(64, torch.Generator().manual_seed(0)), 64)
    assert float((pixels - 0.5).abs().max()) < 0.2
    strength = waves(pixels[0].permute(1, 2, 0).numpy(), 1)
    assert strength[:4].mean() > 3 * strength[-8:].mean()


def test_a_move_shifts_scales_and_turns_no_further_than_it_may() -> None:
    pixels = torch.full((1, 3, 65, 65), 0.5)
    pixels[..., 32, 32] = 1.0
    generator = torch.Generator().manual_seed(0)
    places = []
    for _ in range(60):
        bright = (moved(pixels, 1.0, generator) - 0.5).mean((0, 1))
        rows, columns = torch.meshgrid(torch.arange(65.0), torch.arange(65.0), indexing="ij")
        places.append((float((bright * rows).sum() / bright.sum()), float((bright * columns).sum() / bright.sum())))
    away = np.abs(np.array(places) - 32)
    assert 0.8 * 65 * 12 / 224 < away.max() < 1.35 * 65 * 12 / 224
    assert moved(pixels, 0.0, generator) is pixels
    assert float(moved(torch.ones((1, 3, 32, 32)), 3.0, generator).min()) >= 0.5


def test_the_ascent_is_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    start, gradients = torch.randn(5, generator=generator), torch.randn((7, 5), generator=generator)
    ours = Ascent(start.clone(), 0.05)
    theirs = torch.nn.Parameter(start.clone())
    adam = torch.optim.Adam([theirs], lr=0.05, maximize=True)
    for gradient in gradients:
        ours.climb(gradient)
        theirs.grad = gradient.clone()
        adam.step()
    torch.testing.assert_close(ours.place, theirs.detach())
