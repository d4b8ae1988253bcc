"""Filters: what is read of them, their twins, and what the section says."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import models
import toy
from dashboard.layers import filters as section
from dashboard.layers import silence
from explain import filter_figures
from explain.filters import Filters, holders, read_colours, read_filter, read_filters
from explain.silencing import Effect
from models.errors import LayerError, ParameterError
from models.progress import Progress, heard_by


class Grouped(nn.Module):
    """A first convolution, one in two groups, and one with a group for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 6, 3, padding=1, groups=2, bias=False)
        self.conv3 = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.fc = nn.Linear(6, 4)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv3(self.conv2(self.conv1(pixels).relu()).relu()).mean((2, 3)))


@pytest.fixture
def grouped() -> models.LoadedModel:
    return toy.loaded(toy.seeded(Grouped()), 4)


def test_norms_shape_and_histogram_are_numpys(grouped: models.LoadedModel) -> None:
    weights = grouped.network.conv1.weight.numpy()
    found = read_filters(grouped, "conv1")
    assert found.shape == (8, 3, 3, 3) and found.kind == "Conv2d" and found.groups == 1
    np.testing.assert_allclose(found.norms, np.linalg.norm(weights.reshape(8, -1), axis=1), rtol=1e-6)
    counts, edges = np.histogram(weights, len(found.counts), (-np.abs(weights).max(), np.abs(weights).max()))
    assert found.counts.sum() == weights.size
    assert np.abs(found.counts - counts).sum() <= 2  # a weight on the edge between two bars
    np.testing.assert_allclose(found.edges, edges, rtol=1e-5, atol=1e-7)


def test_a_planted_twin_is_found_though_it_is_twice_as_long(grouped: models.LoadedModel) -> None:
    with torch.no_grad():
        grouped.network.conv1.weight[6] = 2 * grouped.network.conv1.weight[1]
        grouped.network.conv1.weight[3] = 0
    found = read_filters(grouped, "conv1")
    assert found.twins[6] == 1 and found.twins[1] == 6
    assert found.cosines[[1, 6]] == pytest.approx(1, abs=1e-6)
    assert found.cosines[3] == 0
    rest = [0, 2, 4, 5, 7]
    flat = grouped.network.conv1.weight.flatten(1)
    cosines = nn.functional.cosine_similarity(flat[:, None], flat[None], dim=2).fill_diagonal_(-2)
    np.testing.assert_allclose(found.cosines[rest], cosines.max(1).values[rest].numpy(), atol=1e-6)
    assert (found.twins[rest] == cosines.argmax(1)[rest].numpy()).all()


def test_twins_read_the_same_channels(grouped: models.LoadedModel) -> None:
    with torch.no_grad():
        grouped.network.conv2.weight[4] = grouped.network.conv2.weight[0]
    found = read_filters(grouped, "conv2")
    assert found.groups == 2 and found.cosines[0] < 0.99
    assert (found.twins[:3] < 3).all() and (found.twins[3:] >= 3).all()
    assert (read_filters(grouped, "conv3").twins == -1).all()


def test_many_filters_are_compared_in_steps_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy.loaded(toy.seeded(toy.Linear(classes=9)), 9)
    whole = read_filters(model, "fc")
    monkeypatch.setattr("explain.filters.STEP", 2)
    heard: list[Progress] = []
    with heard_by(heard.append):
        parts = read_filters(model, "fc")
    assert [progress.total for progress in heard] == [5] * 6
    np.testing.assert_array_equal(whole.twins, parts.twins)
    np.testing.assert_allclose(whole.cosines, parts.cosines, atol=1e-6)
    assert whole.counts.sum() == parts.counts.sum() == 9 * 3 * 16 * 16


def test_a_filter_knows_which_channels_it_reads(grouped: models.LoadedModel) -> None:
    every = read_filters(grouped, "conv2")
    one = read_filter(grouped, "conv2", 4, float(every.edges[-1]))
    assert one.inputs.tolist() == [4, 5, 6, 7] and one.bias is None
    np.testing.assert_array_equal(one.slices, grouped.network.conv2.weight[4].numpy())
    both = [read_filter(grouped, "conv2", number, float(every.edges[-1])).counts for number in range(6)]
    assert (sum(both) == every.counts).all()
    assert read_filter(grouped, "conv3", 5, 1.0).inputs.tolist() == [5]
    line = read_filter(grouped, "fc", 2, 1.0)
    assert line.slices.shape == (6, 1, 1) and line.bias == pytest.approx(float(grouped.network.fc.bias[2]))


def test_what_is_read_is_a_copy(grouped: models.LoadedModel) -> None:
    one = read_filter(grouped, "conv1", 0, 1.0)
    one.slices[:] = 7
    assert not (grouped.network.conv1.weight[0] == 7).any()


def test_colours_are_the_weights_around_grey(grouped: models.LoadedModel) -> None:
    found = read_colours(grouped, "conv1", np.array([5, 0]))
    weights = grouped.network.conv1.weight[5].permute(1, 2, 0).numpy()
    assert found.shape == (2, 3, 3, 3)
    np.testing.assert_allclose((found[0].astype(float) - 128) / 127 * np.abs(weights).max(), weights, atol=0.01)
    with torch.no_grad():
        grouped.network.conv1.weight[0] = 0
    assert (read_colours(grouped, "conv1", np.array([0])) == 128).all()


def test_only_the_first_convolution_reads_colours() -> None:
    model = models.load("everyday_resnet", device="cpu")
    convolutions = [layer.name for layer in model.layers() if layer.kind == "Conv2d"]
    coloured = [name for name in convolutions if read_filters(model, name).coloured]
    assert coloured == convolutions[:1]
    with pytest.raises(LayerError, match="does not read colours"):
        read_colours(model, convolutions[1], np.array([0]))


def test_a_layer_without_filters_names_the_nearest_before_it() -> None:
    model = models.load("everyday_resnet", device="cpu")
    assert holders(model, "conv1") == ("conv1",)
    assert holders(model, "layer2.0.conv2") == ("layer2.0.conv2",)
    summed = holders(model, "layer2.0")
    assert "layer2.0.conv2" in summed and len(summed) > 1
    with pytest.raises(LayerError, match="holds no filters") as refused:
        read_filters(model, "bn1")
    assert "conv1" in refused.value.hint


def test_filters_are_found_behind_a_split_and_not_behind_attention() -> None:
    split = models.load("shufflenet_v2_x0_5", weights="random", device="cpu")
    assert len(holders(split, "stage2.1.getitem")) > 1
    tokens = models.load("vit_b_16", weights="random", device="cpu")
    assert holders(tokens, "encoder.layers.encoder_layer_3.self_attention") == ()
    assert holders(tokens, "encoder.layers.encoder_layer_3.mlp") == ("encoder.layers.encoder_layer_3.mlp.3",)


def test_the_channels_that_a_filter_reads_are_those_of_its_source(grouped: models.LoadedModel) -> None:
    assert read_filters(grouped, "conv1").source == ""
    source = read_filters(grouped, "conv2").source
    assert grouped.graph.layer(source).shape[1] == 8 and holders(grouped, source) == ("conv1",)


def test_a_network_without_a_graph_has_filters_too() -> None:
    model = toy.loaded(toy.seeded(toy.Branching()), 3)
    found = read_filters(model, "conv2")
    assert found.source == "" and found.shape == (6, 6, 3, 3) and not found.coloured
    assert read_filters(model, "conv1").coloured
    assert holders(model, "conv2") == ("conv2",)


def test_what_is_not_there_is_refused(grouped: models.LoadedModel) -> None:
    with pytest.raises(ParameterError, match="'conv1' has the filters 0 to 7, not 8"):
        read_filter(grouped, "conv1", 8, 1.0)
    with pytest.raises(LayerError, match="no layer named"):
        read_filters(grouped, "conv9")


def test_the_sentence_tells_colours_groups_and_single_channels(grouped: models.LoadedModel) -> None:
    said = {name: section.said(read_filters(grouped, name)) for name in ("conv1", "conv2", "conv3", "fc")}
    assert said["conv1"] == (
        "**conv1** holds **8** filters of **3 x 3**. Each reads the three colours of the picture, with **27** weights."
    )
    assert "Each reads **4** of 8 channels, with **36** weights." in said["conv2"]
    assert "Each reads a single channel, with **9** weights." in said["conv3"]
    assert said["fc"] == "**fc** holds **4** filters. Each reads **6** channels, with **6** weights."


@pytest.mark.parametrize(
    ("cosine", "words"), [(0.97, "nearly the same"), (0.8, "they are alike"), (0.2, "not much like it")]
)
def test_the_twin_is_judged_by_its_cosine(grouped: models.LoadedModel, cosine: float, words: str) -> None:
    every = read_filters(grouped, "conv1")
    every = dataclasses.replace(every, cosines=np.full(8, cosine, np.float32))
    lines = section.about(every, read_filter(grouped, "conv1", 2, 1.0))
    assert words in lines[-1] and f"{cosine:.2f}" in lines[-1]
    alone = read_filters(grouped, "conv3")
    assert "no twin" in section.about(alone, read_filter(grouped, "conv3", 2, 1.0))[-1]
    with torch.no_grad():
        grouped.network.conv1.weight[2] = 0
    assert "All its weights are zero" in section.about(every, read_filter(grouped, "conv1", 2, 1.0))[-1]


def test_the_figures_show_shares_and_the_longest_first(grouped: models.LoadedModel) -> None:
    every: Filters = read_filters(grouped, "conv1")
    bars, line = filter_figures.histogram(every, read_filter(grouped, "conv1", 2, float(every.edges[-1]))).data
    assert sum(bars.y) == pytest.approx(1) and sum(line.y) == pytest.approx(1)
    lengths, chosen = filter_figures.norms(every, 2).data
    assert list(lengths.y) == sorted(lengths.y, reverse=True)
    assert chosen.y[0] == pytest.approx(every.norms[2]) and lengths.text[chosen.x[0] - 1] == "2"


def test_the_effect_is_told_in_a_sentence() -> None:
    names = ("cat", "dog_1")
    before = np.array([0.9, 0.1], np.float32)
    flipped = silence.sentence(Effect(before, before[::-1]), [7], False, names)
    assert flipped.replace("\N{NO-BREAK SPACE}", " ") == (
        "Without channel 7, the model says *dog\\_1* (**90 %**) instead of *cat*, which falls from 90 % to 10 %."
    )
    kept = silence.sentence(Effect(before, np.array([0.6, 0.4], np.float32)), [1, 2], True, names)
    assert kept.startswith("With these 2 channels alone, the model still says *cat*: **60")
    same = silence.sentence(Effect(before, before), [3], False, names)
    assert "as sure of it" in same


@pytest.mark.parametrize("text", ["layer3", "layer3:", "layer3:a", "layer3:1--2", "layer3:1234567", "1-2", "layer3:-1"])
def test_channels_in_the_address_that_are_written_otherwise_are_refused(text: str) -> None:
    assert silence._read(text) is None


def test_channels_in_the_address_are_sorted_and_counted_once() -> None:
    assert silence._read("layer3.0.conv1:12-4-12") == ("layer3.0.conv1", [4, 12])
