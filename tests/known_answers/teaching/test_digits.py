"""The digits: the same data as scikit-learn's, a network in numpy that is torch's, and numbers that can be repeated."""

from __future__ import annotations

import sys
from subprocess import run as run_process

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors import safe_open

from explain.steps import WeightedSum
from explain.teaching import digits as shipped
from explain.teaching.digit_comparison import CONTESTANTS, SHIPPED, measured, trained
from explain.teaching.digit_network import ACTIVATIONS, POOLINGS, DigitNetwork, build, folded
from explain.teaching.digit_steps import Run, Unit
from explain.teaching.digits import STAGES, digits, fitted, forward, inputs, reduced, shifted, weights
from models.errors import LayerError, ParameterError, PictureError

KINDS = tuple(shipped.WEIGHTS)
PICTURES = arrays.arrays(np.uint8, (8, 8), elements=st.integers(0, 16))
BITMAPS = arrays.arrays(np.bool_, (32, 32))


def as_torch(kind: str) -> torch.nn.Sequential:
    network = build(DigitNetwork())
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights(kind).items()})
    return network.eval()


def test_the_pictures_are_those_of_scikit_learn() -> None:
    oracle = pytest.importorskip("sklearn.datasets").load_digits()
    data = digits()
    parts = (data.training, data.validation, data.test)
    assert np.array_equal(np.sort(data.order), np.arange(len(oracle.target)))
    assert np.array_equal(np.concatenate([part.pixels for part in parts]), oracle.images[data.order])
    assert np.array_equal(np.concatenate([part.labels for part in parts]), oracle.target[data.order])


def test_every_part_has_its_share_of_every_digit() -> None:
    data = digits()
    for part, size in zip((data.training, data.validation, data.test), shipped.SIZES, strict=True):
        counts = np.bincount(part.labels)
        assert len(part.labels) == size
        assert counts.max() - counts.min() <= 6
        assert part.inputs.max() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_networks_name_97_percent_of_the_test_digits_right_as_their_files_say(kind: str) -> None:
    test = digits().test
    right = float((forward(weights(kind), test.inputs)["scores"].argmax(1) == test.labels).mean())
    assert right >= 0.97
    with safe_open(shipped.WEIGHTS[kind], "np") as file:
        assert file.metadata()["test_accuracy"] == f"{right:.4f}"


def test_a_shifted_digit_is_named_by_the_network_that_has_seen_shifted_ones() -> None:
    test = digits().test
    moved = inputs(shifted(test.pixels, 0, 1))
    plain, taught = (float((forward(weights(k), moved)["scores"].argmax(1) == test.labels).mean()) for k in KINDS)
    assert taught > 0.95 > 0.85 > plain


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(pixels=PICTURES)
def test_every_stage_equals_torchs(kind: str, pixels: np.ndarray) -> None:
    found = forward(weights(kind), inputs(pixels[None]))
    now = torch.from_numpy(inputs(pixels[None]))
    with torch.no_grad():
        for name, layer in as_torch(kind).named_children():
            now = layer(now)
            np.testing.assert_allclose(found[name], now.numpy(), atol=1e-5, err_msg=name)
        np.testing.assert_allclose(found["probabilities"], now.softmax(1).numpy(), atol=1e-5)
    assert tuple(found) == STAGES


@settings(max_examples=60, deadline=None)
@given(pixels=PICTURES, data=st.data())
def test_the_numbers_of_any_unit_give_what_it_holds(pixels: np.ndarray, data: st.DataObject) -> None:
    run = Run(weights(), pixels)
    stage = data.draw(st.sampled_from(STAGES[1:-1]))
    unit = Unit(stage, *(data.draw(st.integers(0, count - 1)) for count in run.stages[stage].shape))
    step = run.step(unit)
    assert step is not None
    assert step.result == pytest.approx(run.value(unit), abs=1e-5)
    assert step.output == run.value(unit)


def test_a_unit_in_the_corner_reads_padding() -> None:
    step = Run(weights(), np.full((8, 8), 16, np.uint8)).step(Unit("conv1", 0, 0, 7))
    assert isinstance(step, WeightedSum)
    assert step.padded.sum() == 5
    assert np.array_equal(step.patch[0] == 0, step.padded)
    assert step.columns.tolist() == [6, 7, 8]


def test_a_unit_that_is_not_there_is_refused() -> None:
    run = Run(weights(), np.zeros((8, 8), np.uint8))
    assert not run.has(Unit("pool2", 0, 2, 0))
    assert not run.has(Unit("conv3", 0))
    with pytest.raises(LayerError, match="no unit 'pool2', channel 0, row 2, column 0"):
        run.step(Unit("pool2", 0, 2, 0))


def test_a_blank_sheet_gets_an_answer_too() -> None:
    run = Run(weights(), np.zeros((8, 8), np.uint8))
    assert run.probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert run.probabilities[run.answer] > 0.2


@given(pixels=PICTURES, down=st.integers(-2, 2), right=st.integers(-2, 2))
def test_shifting_moves_every_pixel_and_brings_in_blank_paper(pixels: np.ndarray, down: int, right: int) -> None:
    moved = shifted(pixels, down, right)
    for row in range(8):
        for column in range(8):
            at = row - down, column - right
            inside = all(0 <= place < 8 for place in at)
            assert moved[row, column] == (pixels[at] if inside else 0)


@given(bitmap=BITMAPS)
def test_a_bitmap_is_reduced_as_the_data_set_was(bitmap: np.ndarray) -> None:
    counts = reduced(bitmap)
    assert counts[2, 5] == bitmap[8:12, 20:24].sum()
    assert counts.sum() == bitmap.sum()
    assert counts.max() <= 16


def test_only_a_bitmap_of_32_x_32_is_reduced() -> None:
    with pytest.raises(PictureError, match="32 x 32 pixels, not 8 x 8"):
        reduced(np.zeros((8, 8), bool))


@given(bitmap=BITMAPS, left=st.integers(0, 20), top=st.integers(0, 20))
def test_a_fitted_drawing_stands_where_the_digits_of_the_data_set_do(bitmap: np.ndarray, left: int, top: int) -> None:
    drawn = np.zeros_like(bitmap)
    drawn[top : top + 10, left : left + 8] = bitmap[:10, :8]
    placed = fitted(drawn)
    if not drawn.any():
        assert not placed.any()
        return
    down, across = np.flatnonzero(placed.any(1)), np.flatnonzero(placed.any(0))
    assert (down[0], down[-1]) == (0, 31)
    assert abs(across[0] - (31 - across[-1])) <= 1
    assert across[-1] - across[0] < shipped.WIDE


def test_a_fitted_drawing_does_not_depend_on_where_it_was_drawn() -> None:
    one, other = np.zeros((2, 32, 32), bool)
    one[3:20, 4:7] = other[12:29, 25:28] = True
    assert np.array_equal(fitted(one), fitted(other))


def test_all_digits_of_the_data_set_reach_from_the_first_row_to_the_last() -> None:
    pixels = digits().training.pixels
    assert pixels[:, 0].any(1).all()
    assert pixels[:, -1].any(1).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_network_that_can_be_asked_for_gives_ten_scores(activation: str, pooling: str) -> None:
    asked = DigitNetwork(activation=activation, pooling=pooling, hidden=(20, 12), dropout=0.5, batch_norm=True)
    assert build(asked, seed=1)(torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))).shape == (3, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"activation": "step"},
        {"pooling": "median"},
        {"kernel": 4},
        {"maps": (1, 2, 3, 4)},
        {"dropout": 1},
        {"hidden": (0,)},
    ],
)
def test_a_network_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        DigitNetwork(**wrong)


def test_a_network_is_drawn_by_its_seed_and_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    one, same, other = (build(DigitNetwork(), seed).conv1.weight for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_folding_batch_norms_changes_no_score() -> None:
    generator = torch.Generator().manual_seed(0)
    network = build(DigitNetwork(batch_norm=True, dropout=0.3))
    pixels = torch.rand(64, 1, 8, 8, generator=generator)
    with torch.no_grad():
        for _ in range(20):
            network(pixels)
        before = network.eval()(pixels)
        plain = folded(network)
        assert not any("norm" in name or name == "dropout" for name, _ in plain.named_children())
        torch.testing.assert_close(plain(pixels), before, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("key", "kind"), [("svm", "plain"), ("svm", "shifted"), ("forest", "plain")])
def test_what_the_table_says_of_the_cheap_ones_can_be_measured_again(key: str, kind: str) -> None:
    pytest.importorskip("sklearn")
    stored = shipped.comparison()["contestants"][key][kind]
    (contestant,) = (each for each in CONTESTANTS if each.key == key)
    again = measured(contestant, digits(), seeds=(0,), shifts=kind == "shifted")
    assert again["accuracy"][0] == pytest.approx(stored["accuracy"][0], abs=0.006)
    assert again["shifted"][0] == pytest.approx(stored["shifted"][0], abs=0.02)


def test_the_table_shows_what_the_page_says_of_it() -> None:
    rows = shipped.comparison()["contestants"]
    plain = {key: np.mean(row["plain"]["shifted"]) for key, row in rows.items()}
    assert min(np.mean(row["plain"]["accuracy"]) for row in rows.values()) > 0.96
    assert max(plain.values()) < 0.75
    assert plain["cnn"] > plain["unpooled"] + 0.03
    assert plain["unpooled"] > plain["svm"] + 0.03 > plain["connected"] + 0.06
    assert min(np.mean(row["shifted"]["shifted"]) for row in rows.values()) > 0.95
    assert rows["unpooled"]["plain"]["size"] > 9 * rows["cnn"]["plain"]["size"]
    assert len(shipped.comparison()["seeds"]) == len(rows["cnn"]["plain"]["accuracy"])
    assert {"torch", "scikit-learn", "numpy"} <= set(shipped.comparison()["versions"])


@pytest.mark.slow
def test_the_shipped_network_is_what_training_gives() -> None:
    """Another machine may round otherwise: the accuracy is compared, not the weights."""
    network = trained(SHIPPED, digits(), seed=0)
    test = digits().test
    with torch.no_grad():
        named = network(torch.from_numpy(test.inputs)).argmax(1).numpy()
    assert float((named == test.labels).mean()) >= 0.97


def test_a_digit_is_run_without_torch() -> None:
    code = (
        "import sys; from explain.teaching.digits import digits, weights; "
        "from explain.teaching.digit_steps import Run; "
        "run = Run(weights(), digits().test.pixels[0]); run.answer; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'matplotlib')))"
    )
    assert run_process([sys.executable, "-c", code], check=False).returncode == 0
