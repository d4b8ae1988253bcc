"""Live training: its arithmetic equals torch's, it repeats itself exactly, and it stops where it should."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch.nn import functional

from explain.teaching.backpropagation import gradients, one_step
from explain.teaching.digit_network import DigitNetwork, build
from explain.teaching.digits import digits, forward
from explain.teaching.first_weights import DRAWS, inputs_of, shapes
from explain.teaching.optimisers import KINDS
from explain.teaching.training import Trainer, loss_of, start, train, untrained
from explain.teaching.training_record import Epoch, Record, Score, Settings
from explain.teaching.turns import turns
from explain.teaching.verdict import verdict
from models.errors import ParameterError

SHORT = Settings(pictures=100, epochs=3)
THEIRS = {
    "sgd": lambda weights, rate: torch.optim.SGD(weights, rate),
    "momentum": lambda weights, rate: torch.optim.SGD(weights, rate, momentum=0.9),
    "rmsprop": lambda weights, rate: torch.optim.RMSprop(weights, rate),
    "adam": lambda weights, rate: torch.optim.Adam(weights, rate),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_optimiser_steps_as_torchs_does(kind: str) -> None:
    generator = torch.Generator().manual_seed(1)
    ours = [torch.randn(3, 4, generator=generator), torch.randn(5, generator=generator)]
    theirs = [weight.clone() for weight in ours]
    optimiser, reference = KINDS[kind](), THEIRS[kind](theirs, 0.03)
    for _ in range(6):
        drawn = [torch.randn(weight.shape, generator=generator) for weight in ours]
        for weight, step in zip(ours, optimiser.steps(drawn, 0.03), strict=True):
            weight -= step
        for weight, gradient in zip(theirs, drawn, strict=True):
            weight.grad = gradient
        reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["cross_entropy", "squared"])
@given(row=st.integers(0, 359), seed=st.integers(0, 50))
@hypothesis_settings(deadline=None, max_examples=20)
def test_going_back_by_hand_equals_torch(kind: str, row: int, seed: int) -> None:
    weights = {name: values.astype(np.float64) for name, values in start(Settings(seed=seed)).items()}
    part = digits().validation
    network = build(DigitNetwork()).double()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    inputs = torch.from_numpy(part.inputs[[row]]).double()
    loss = loss_of(kind, network(inputs), torch.from_numpy(part.labels[[row]]))
    expected = torch.autograd.grad(loss, list(network.parameters()))
    found = gradients(weights, inputs.numpy(), int(part.labels[row]), kind)
    for (name, _), gradient in zip(network.named_parameters(), expected, strict=True):
        np.testing.assert_allclose(found[f"{name} gradient"], gradient.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["cross_entropy", "squared"])
@pytest.mark.parametrize(("layer", "place"), [("conv1", (2, 0, 1, 2)), ("scores", (3, 0))])
def test_one_step_agrees_with_the_finite_difference_and_lowers_the_loss(
    kind: str, layer: str, place: tuple[int, ...]
) -> None:
    part = digits().validation
    weights = start(Settings())
    if layer == "scores":
        place = (3, int(forward(weights, part.inputs[[7]])["hidden_activation1"].argmax()))
    step = one_step(weights, part.inputs[7], int(part.labels[7]), layer, place, 0.01, kind)
    assert step.gradient != 0
    assert step.difference == pytest.approx(step.gradient, rel=1e-4, abs=1e-9)
    assert step.gradient == pytest.approx(float((step.reads * step.blames).sum()))
    assert step.moved == pytest.approx(step.weight - 0.01 * step.gradient)
    assert step.loss_after < step.loss
    assert step.loss_after_all < step.loss_after


def test_the_loss_of_a_hopeless_score_is_exact_and_so_is_its_gradient() -> None:
    weights = start(Settings())
    weights["scores.bias"][3] = -5000
    step = one_step(weights, digits().validation.inputs[7], 3, "scores", (3, 0), 0.01)
    scores = torch.from_numpy(step.scores)[None]
    assert step.probabilities[3] == 0
    assert step.loss > 4900
    assert step.loss == pytest.approx(functional.cross_entropy(scores, torch.tensor([3])).item())
    assert step.difference == pytest.approx(step.gradient, rel=1e-3, abs=1e-6)
    assert step.finite


def test_one_step_says_where_numbers_are_too_large() -> None:
    weights = {name: np.float32(3e38) + values for name, values in start(Settings()).items()}
    step = one_step(weights, digits().validation.inputs[7], 3, "conv1", (0, 0, 1, 1), 1.0)
    assert not step.finite


def test_a_weight_outside_the_first_and_last_layer_is_refused() -> None:
    with pytest.raises(ParameterError):
        one_step(start(Settings()), digits().validation.inputs[0], 0, "conv2", (0, 0, 0, 0), 0.1)


def test_the_losses_are_torchs() -> None:
    scores = torch.randn(6, 10, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(6)
    assert loss_of("cross_entropy", scores, labels) == pytest.approx(functional.cross_entropy(scores, labels))
    squares = functional.mse_loss(scores.softmax(1), functional.one_hot(labels, 10).float(), reduction="sum") / 6
    assert loss_of("squared", scores, labels) == pytest.approx(squares)


def test_first_weights_spread_as_their_papers_say() -> None:
    rng, shape = np.random.default_rng(0), (64, 32, 3, 3)
    assert not DRAWS["zeros"](shape, rng).any()
    assert DRAWS["naive"](shape, rng).std() == pytest.approx(0.01, rel=0.05)
    assert DRAWS["he"](shape, rng).std() == pytest.approx((2 / inputs_of(shape)) ** 0.5, rel=0.05)
    drawn = DRAWS["xavier"](shape, rng)
    assert drawn.std() == pytest.approx((2 / (32 * 9 + 64 * 9)) ** 0.5, rel=0.05)
    assert np.abs(drawn).max() <= (6 / (32 * 9 + 64 * 9)) ** 0.5


def test_the_weights_drawn_have_the_shapes_of_the_network() -> None:
    built = {name: tuple(values.shape) for name, values in build(DigitNetwork()).named_parameters()}
    assert {name: values.shape for name, values in start(Settings()).items()} == built
    assert [f"{layer}.weight" for layer in shapes(DigitNetwork())] == [name for name in built if "weight" in name]


def test_what_is_shown_before_training_is_what_training_begins_with() -> None:
    filters, decisions = untrained(SHORT)
    first = Trainer(SHORT).record.epochs[0]
    np.testing.assert_array_equal(filters, first.filters)
    np.testing.assert_allclose(decisions, first.decisions, atol=1e-5)


def everything(record: Record) -> list[object]:
    return [record.batches, [(epoch.training, epoch.validation, epoch.filters.tolist()) for epoch in record.epochs]]


@pytest.mark.parametrize("settings", [SHORT, replace(SHORT, dropout=0.3, shift=1, label_noise=0.2, batch_norm=True)])
def test_the_same_seed_gives_the_same_training_however_it_is_cut_into_steps(settings: Settings) -> None:
    whole, steps, turned = train(settings), Trainer(settings), Trainer(settings)
    while not steps.ended:
        steps.step()
    turned.epoch()
    turned.step()
    while not turned.ended:
        turned.step()
        turned.epoch()
    assert everything(whole.record) == everything(steps.record) == everything(turned.record)
    assert everything(whole.record) != everything(train(replace(settings, seed=1)).record)


def test_two_trainings_at_once_keep_out_of_each_others_way() -> None:
    alone, found = everything(train(SHORT).record), []
    threads = [threading.Thread(target=lambda: found.append(everything(train(SHORT).record))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone, alone]


def test_a_step_is_one_batch_and_an_epoch_ends_where_it_should() -> None:
    trainer = Trainer(SHORT)
    trainer.step()
    assert (len(trainer.record.batches), len(trainer.record.epochs)) == (1, 1)
    trainer.epoch()
    assert (len(trainer.record.batches), len(trainer.record.epochs)) == (4, 2)
    trainer.epoch()
    trainer.epoch()
    assert trainer.record.ended == "epochs"
    trainer.step()
    assert len(trainer.record.batches) == 12


def test_training_never_works_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explain.teaching.training.LIMIT", 0.0)
    trainer = Trainer(replace(SHORT, epochs=100))
    trainer.epoch()
    trainer.epoch()
    assert trainer.record.ended == "time"
    assert len(trainer.record.batches) == 1


def test_early_stopping_brings_the_best_weights_back() -> None:
    trainer = train(Settings(pictures=60, learning_rate=0.2, patience=3, epochs=60))
    record = trainer.record
    assert record.ended == "stopped early"
    assert record.kept == record.best.number == len(record.epochs) - 4
    part = digits().validation
    with torch.no_grad():
        scores = trainer.network(torch.from_numpy(part.inputs))
    loss = functional.cross_entropy(scores, torch.from_numpy(part.labels)).item()
    assert loss == pytest.approx(record.best.validation.loss, rel=1e-5)


def test_label_noise_makes_just_that_share_of_labels_wrong() -> None:
    clean, noisy = Trainer(Settings()), Trainer(Settings(label_noise=0.3))
    torch.testing.assert_close(clean._pixels, noisy._pixels)
    assert (clean._labels != noisy._labels).float().mean().item() == pytest.approx(0.3, abs=0.001)


def test_augmentation_moves_every_picture_by_whole_pixels() -> None:
    trainer = Trainer(replace(SHORT, shift=1))
    pixels = trainer._pixels
    moved = trainer._shifted(pixels)
    wide = functional.pad(pixels, (1, 1, 1, 1))
    choices = torch.stack([wide[:, :, y : y + 8, x : x + 8] for y in range(3) for x in range(3)])
    fits = (choices == moved).flatten(2).all(2)
    assert fits.any(0).all()
    assert fits.any(1).all()


@pytest.mark.parametrize(
    ("schedule", "rates"), [("constant", (1, 1, 1)), ("step", (1, 0.1, 0.01)), ("cosine", (1, 0.5, 0.146))]
)
def test_a_schedule_lowers_the_learning_rate(schedule: str, rates: tuple[float, ...]) -> None:
    trainer = Trainer(Settings(pictures=40, batch_size=40, epochs=4, schedule=schedule, learning_rate=0.01))
    found = []
    while not trainer.ended:
        found.append(trainer.rate / 0.01)
        trainer.step()
    assert (found[0], found[2], found[3]) == pytest.approx(rates, abs=0.001)


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0},
        {"batch_size": 0},
        {"epochs": 100_000},
        {"dropout": 1.0},
        {"optimiser": "magic"},
        {"loss": "hinge"},
        {"initialisation": "ones"},
        {"schedule": "wild"},
        {"pictures": 5000},
        {"seed": -1},
        {"batch_norm": True, "batch_size": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_batch_norm_never_sees_a_batch_of_one() -> None:
    settings = Settings(pictures=33, batch_norm=True, epochs=1)
    assert train(settings).record.ended == "epochs"
    assert replace(settings, batch_norm=False).steps_per_epoch == settings.steps_per_epoch + 1 == 2


def test_training_takes_one_thread_and_leaves_the_others_theirs() -> None:
    before = torch.get_num_threads()
    assert turns().take(lambda seconds: torch.get_num_threads()) == 1
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (torch.get_num_threads(), found) == (before, [before])


def curve(*points: tuple[float, float, float, float], ended: str | None = "epochs", peak: float = 2.0) -> Record:
    """Make a record of (training loss, accuracy, validation loss, accuracy)."""
    nothing = np.zeros((1, 3, 3), np.float32)
    epochs = [Epoch(i, Score(a, b), Score(c, d), {}, nothing, nothing[0]) for i, (a, b, c, d) in enumerate(points)]
    return Record(Settings(epochs=max(1, len(points) - 1)), tuple(epochs), (2.3, peak, 2.0), ended)


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("untrained", curve((2.3, 0.1, 2.3, 0.1))),
        ("diverged", curve((2.3, 0.1, 2.3, 0.1), (2.3, 0.1, 2.3, 0.1), peak=40.0)),
        ("diverged", curve((2.3, 0.1, 2.3, 0.1), ended="diverged", peak=float("nan"))),
        ("stuck", curve(*[(2.3, 0.1, 2.3, 0.1)] * 6)),
        ("levelled", curve((2.4, 0.1, 2.4, 0.1), (2.2, 0.2, 2.2, 0.2), *[(2.1, 0.3, 2.1, 0.3)] * 8)),
        ("learning", curve(*[(2.3 - 0.1 * i, 0.2 + 0.05 * i, 2.4 - 0.1 * i, 0.2 + 0.05 * i) for i in range(8)])),
        ("learned", curve((2.3, 0.1, 2.3, 0.1), (0.5, 0.9, 0.5, 0.9), *[(0.05, 1.0, 0.1, 0.97)] * 8)),
        ("overfitting", curve((2.3, 0.1, 2.3, 0.1), (0.5, 0.9, 0.6, 0.85), *[(0.01, 1.0, 0.9, 0.84)] * 3)),
    ],
)
def test_the_verdict_reads_curves_as_an_eye_does(kind: str, record: Record) -> None:
    assert verdict(record).kind == kind
