"""Each preset of the training demonstration shows what it claims, with a margin."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from explain.teaching.training import Trainer, train
from explain.teaching.training_presets import DEFAULT, PRESETS
from explain.teaching.training_record import Record, Settings
from explain.teaching.turns import turns
from explain.teaching.verdict import verdict


@cache
def trained(settings: Settings) -> Record:
    """Train once for all tests, with one thread."""
    return turns().take(lambda seconds: train(settings)).record


def records(key: str, seed: int | None = None) -> list[Record]:
    """Train a preset as it is, or from another seed: a claim must not hold by luck."""
    every = (setup.settings for setup in PRESETS[key].setups)
    return [trained(settings if seed is None else replace(settings, seed=seed)) for settings in every]


#: The preset's own seed, and three of which it is one.
SEEDS = pytest.mark.parametrize("seed", [None, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3))])


def test_the_default_is_the_first_preset_and_learns_the_digits() -> None:
    assert next(iter(PRESETS.values())).settings == DEFAULT == Settings()
    (record,) = records("works")
    assert record.final.validation.accuracy >= 0.955
    assert (len(record.epochs) - 1, len(record.batches)) == (20, 680)
    assert verdict(record).kind == "learned"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_default_learns_from_other_seeds_too(seed: int) -> None:
    assert trained(Settings(seed=seed)).final.validation.accuracy >= 0.95


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_default_reaches_its_goal_in_half_of_its_epochs(seed: int) -> None:
    record = trained(Settings(seed=seed))
    reached = next(epoch.number for epoch in record.epochs if epoch.validation.accuracy >= 0.95)
    assert reached <= 10
    assert reached * record.settings.steps_per_epoch <= 340


def test_a_learning_rate_too_large_diverges() -> None:
    (record,) = records("diverges")
    assert PRESETS["diverges"].settings.learning_rate == pytest.approx(40 * DEFAULT.learning_rate)
    assert max(record.batches) > 2 * record.batches[0]
    assert record.final.validation.accuracy < 0.15
    assert verdict(record).kind == "diverged"


@pytest.mark.parametrize("seed", range(5))
def test_a_learning_rate_too_large_is_told_whatever_the_seed(seed: int) -> None:
    settings = PRESETS["diverges"].settings
    assert settings == replace(DEFAULT, learning_rate=settings.learning_rate, epochs=settings.epochs)
    record = trained(replace(settings, seed=seed))
    assert verdict(record).kind == "diverged"
    assert record.final.training.loss == pytest.approx(math.log(10), abs=0.03)
    assert "2.30" in verdict(record).words or "leapt" in verdict(record).words


def test_after_the_leap_no_weight_gets_a_gradient_and_only_the_last_biases_learn() -> None:
    trainer = Trainer(PRESETS["diverges"].settings)
    while len(trainer.record.epochs) < 6:
        trainer.epoch()
    before = trainer.weights
    trainer.epoch()
    after = trainer.weights
    assert all(not any(epoch.gradients.values()) for epoch in trainer.record.epochs[2:])
    # Momentum from the leap has died away by now.
    moved = {name for name in after if not np.allclose(after[name], before[name], rtol=1e-6, atol=1e-6)}
    assert moved == {"scores.bias"}


@pytest.mark.parametrize("seed", range(5))
def test_a_learning_rate_too_small_learns_too_but_not_even_half(seed: int) -> None:
    settings = PRESETS["slow"].settings
    assert settings == replace(DEFAULT, learning_rate=settings.learning_rate), "only the rate differs"
    assert settings.learning_rate == pytest.approx(DEFAULT.learning_rate / 250)
    record = trained(replace(settings, seed=seed))
    assert record.epochs[0].validation.accuracy + 0.05 < record.final.validation.accuracy < 0.4
    assert 1.9 < record.final.training.loss < record.epochs[0].training.loss
    assert record.final.validation.loss == pytest.approx(record.best.validation.loss, rel=1e-3)
    assert verdict(record).kind == "levelled"


@SEEDS
def test_few_pictures_with_wrong_labels_are_learned_by_heart(seed: int | None) -> None:
    (record,) = records("overfits", seed)
    assert record.final.training.accuracy >= 0.99
    assert record.final.training.accuracy - record.final.validation.accuracy > 0.2
    assert record.final.validation.loss > 1.5 * record.best.validation.loss
    assert verdict(record).kind == "overfitting"


@SEEDS
def test_each_cure_ends_with_a_clearly_lower_validation_loss(seed: int | None) -> None:
    ill, *cured = records("cures", seed)
    more, *others = (record.final.validation.loss for record in cured)
    assert len(others) == 4
    assert max(more, *others) < 0.75 * ill.final.validation.loss
    assert more < 0.9 * min(others), "more pictures help most"
    assert len(cured[0].batches) <= len(ill.batches), "by more pictures, not by more steps"


def test_only_good_first_weights_learn() -> None:
    zeros, naive, xavier, he = records("initialisation")
    for record in (zeros, naive):
        assert verdict(record).kind == "stuck"
        assert record.final.validation.accuracy < 0.15
    for record in (xavier, he):
        assert record.final.validation.accuracy > 0.9
    assert all(not any(epoch.gradients.values()) for epoch in zeros.epochs)
    assert not zeros.final.filters.any()
    assert naive.epochs[1].gradients["conv1"] < 1e-3 * he.epochs[1].gradients["conv1"]


def test_from_zeros_only_the_biases_of_the_last_layer_move() -> None:
    trainer = Trainer(PRESETS["initialisation"].settings)
    trainer.epoch()
    assert {name for name, values in trainer.weights.items() if values.any()} == {"scores.bias"}


@SEEDS
def test_wrong_labels_are_learned_after_the_digits(seed: int | None) -> None:
    (record,) = records("noise", seed)
    accuracies = [epoch.validation.accuracy for epoch in record.epochs]
    best = int(np.argmax(accuracies))
    assert best < len(accuracies) / 3
    assert accuracies[best] > accuracies[-1] + 0.2
    assert record.final.training.accuracy > record.epochs[best].training.accuracy + 0.2
    assert verdict(record).kind == "overfitting"


def test_cross_entropy_is_ahead_of_the_squared_error() -> None:
    entropy, squared = records("losses")
    assert entropy.epochs[3].validation.accuracy > squared.epochs[3].validation.accuracy + 0.05


def test_every_preset_says_what_it_claims_and_where_to_look() -> None:
    for key, preset in PRESETS.items():
        assert key == preset.key
        assert preset.claim.endswith(".")
        assert preset.look.endswith(".")
        assert len({setup.name for setup in preset.setups}) == len(preset.setups)
