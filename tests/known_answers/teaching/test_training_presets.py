"""Each preset of the training demonstration shows what it claims, with a margin."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from explain.teaching.training import train
from explain.teaching.training_presets import DEFAULT, PRESETS
from explain.teaching.training_record import Record, Settings
from explain.teaching.turns import turns
from explain.teaching.verdict import verdict


@cache
def trained(settings: Settings) -> Record:
    """Train once for all tests, with one thread."""
    return turns().take(lambda seconds: train(settings)).record


def records(key: str) -> list[Record]:
    return [trained(setup.settings) for setup in PRESETS[key].setups]


def test_the_default_is_the_first_preset_and_learns_the_digits() -> None:
    assert next(iter(PRESETS.values())).settings == DEFAULT == Settings()
    (record,) = records("works")
    assert record.final.validation.accuracy >= 0.955
    assert (len(record.epochs) - 1, len(record.batches)) == (20, 680)
    assert verdict(record).kind == "learned"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_default_learns_from_other_seeds_too(seed: int) -> None:
    assert trained(Settings(seed=seed)).final.validation.accuracy >= 0.95


def test_a_learning_rate_too_large_diverges() -> None:
    (record,) = records("diverges")
    assert PRESETS["diverges"].settings.learning_rate == pytest.approx(40 * DEFAULT.learning_rate)
    assert max(record.batches) > 2 * record.batches[0]
    assert record.final.validation.accuracy < 0.15
    assert verdict(record).kind == "diverged"


def test_a_learning_rate_too_small_is_still_learning_at_the_end() -> None:
    (record,) = records("slow")
    assert PRESETS["slow"].settings.learning_rate == pytest.approx(DEFAULT.learning_rate / 100)
    assert record.final.validation.accuracy < 0.4
    assert record.best is record.final
    assert verdict(record).kind == "learning"


def test_few_pictures_with_wrong_labels_are_learned_by_heart() -> None:
    (record,) = records("overfits")
    assert record.final.training.accuracy > 0.97
    assert record.final.training.accuracy - record.final.validation.accuracy > 0.2
    assert record.final.validation.loss > 1.5 * record.best.validation.loss
    assert verdict(record).kind == "overfitting"


def test_each_cure_ends_with_a_clearly_lower_validation_loss() -> None:
    ill, *cured = records("cures")
    losses = [record.final.validation.loss for record in cured]
    assert len(losses) == 5
    assert max(losses) < 0.75 * ill.final.validation.loss
    assert losses[0] == min(losses), "more pictures help most"


def test_only_good_first_weights_learn() -> None:
    zeros, naive, xavier, he = records("initialisation")
    for record in (zeros, naive):
        assert verdict(record).kind == "stuck"
        assert record.final.validation.accuracy < 0.15
    for record in (xavier, he):
        assert record.final.validation.accuracy > 0.9
    # From zeros the inner layers get no gradient at all, so the filters stay as they are.
    assert all(epoch.gradients["conv1"] == 0 for epoch in zeros.epochs)
    assert not zeros.final.filters.any()
    assert naive.epochs[1].gradients["conv1"] < 1e-3 * he.epochs[1].gradients["conv1"]


def test_wrong_labels_are_learned_after_the_digits() -> None:
    (record,) = records("noise")
    accuracies = [epoch.validation.accuracy for epoch in record.epochs]
    assert max(accuracies) > accuracies[-1] + 0.1
    assert int(np.argmax(accuracies)) < len(accuracies) / 2
    assert record.final.training.accuracy > record.epochs[int(np.argmax(accuracies))].training.accuracy + 0.1


def test_cross_entropy_is_ahead_of_the_squared_error() -> None:
    entropy, squared = records("losses")
    assert entropy.epochs[3].validation.accuracy > squared.epochs[3].validation.accuracy + 0.05


def test_every_preset_says_what_it_claims_and_where_to_look() -> None:
    for key, preset in PRESETS.items():
        assert key == preset.key
        assert preset.claim.endswith(".")
        assert preset.look.endswith(".")
        assert len({setup.name for setup in preset.setups}) == len(preset.setups)
