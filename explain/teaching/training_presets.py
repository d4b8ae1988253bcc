"""Settings that show something about training; each says in a sentence what, and a test holds it to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from explain.teaching.training_record import ALL_PICTURES, Settings


@dataclass(frozen=True)
class Setup:
    """Settings with a name."""

    name: str
    settings: Settings


@dataclass(frozen=True)
class Preset:
    """One or several trainings that show something. claim: what they show. look: where to see it."""

    key: str
    title: str
    claim: str
    look: str
    setups: tuple[Setup, ...]

    @property
    def settings(self) -> Settings:
        """Return the settings that the others are compared with."""
        return self.setups[0].settings


def _one(key: str, title: str, claim: str, look: str, settings: Settings) -> Preset:
    return Preset(key, title, claim, look, (Setup(title, settings),))


DEFAULT = Settings()
FEW = replace(
    DEFAULT,
    learning_rate=0.01,
    optimiser="adam",
    schedule="constant",
    pictures=200,
    label_noise=0.25,
    epochs=60,
    seed=1,
)
_PRESETS = (
    _one(
        "works",
        "It works",
        "With sensible settings the network gets at least 95 % of the validation pictures right after 20 epochs.",
        "Both losses fall together, first fast, then slowly; the filters take on a shape in the first epochs.",
        DEFAULT,
    ),
    _one(
        "diverges",
        "Learning rate too large",
        "Steps forty times as large throw the weights about: the loss leaps up and the network ends at chance, 10 %.",
        "The faint line of the batches leaps in the first steps; afterwards every hidden unit gives 0 and no weight "
        "learns any more. Only the last layer's biases do, so the loss settles near 2.3, that of guessing.",
        replace(DEFAULT, learning_rate=2.0, epochs=6),
    ),
    _one(
        "slow",
        "Learning rate too small",
        "Steps 250 times as small learn too, but after 20 epochs not even half of the pictures are right.",
        "Both losses fall only a little, and level off far too high: the schedule makes the small steps smaller still.",
        replace(DEFAULT, learning_rate=0.0002),
    ),
    _one(
        "overfits",
        "Overfitting",
        "With 200 pictures, a quarter of them wrongly labelled, the network learns next to all of them by heart, and "
        "its validation loss rises while the training loss goes on falling.",
        "The two loss curves part: where the thick one turns upwards, learning by heart begins.",
        FEW,
    ),
    Preset(
        "cures",
        "Cures for overfitting",
        "Each cure ends with a clearly lower validation loss than the same training without it; more pictures help "
        "most.",
        "Compare the thick lines: the further they stay down, the better the cure. All charts have the same scale.",
        (
            Setup("Without a cure", FEW),
            # As many steps as the others take: more pictures, not more training.
            Setup("More pictures", replace(FEW, pictures=ALL_PICTURES, epochs=12)),
            Setup("Dropout", replace(FEW, dropout=0.5)),
            Setup("L2", replace(FEW, l2=0.03)),
            Setup("Augmentation", replace(FEW, shift=1)),
            Setup("Early stopping", replace(FEW, patience=8)),
        ),
    ),
    Preset(
        "initialisation",
        "First weights",
        "From all zeros, and from numbers that are too small, nothing is learned; Xavier's and He's draws both learn.",
        "Zeros: every weight's gradient is zero, for ever; only the last layer's biases move. Naive: each layer makes "
        "the signal smaller, so that next to none comes back.",
        tuple(
            Setup(name, replace(DEFAULT, initialisation=key, epochs=10))
            for key, name in (("zeros", "All zero"), ("naive", "Naive"), ("xavier", "Xavier"), ("he", "He"))
        ),
    ),
    _one(
        "noise",
        "Wrong labels",
        "With 40 % of the labels wrong the network first learns the digits and then the mistakes: its best validation "
        "accuracy comes early and is lost again.",
        "The training accuracy, counted on the wrong labels, goes on rising while the validation accuracy falls.",
        replace(
            DEFAULT,
            label_noise=0.4,
            pictures=600,
            learning_rate=0.01,
            optimiser="adam",
            schedule="constant",
            epochs=60,
        ),
    ),
    Preset(
        "losses",
        "Two losses",
        "Cross-entropy learns from confident mistakes faster than the squared error: after 3 epochs it is ahead.",
        "The numbers on the scales differ, so compare the accuracies, above all in the first epochs.",
        tuple(
            Setup(name, replace(DEFAULT, loss=key, optimiser="sgd", schedule="constant", epochs=12))
            for key, name in (("cross_entropy", "Cross-entropy"), ("squared", "Squared error"))
        ),
    ),
)
PRESETS: Mapping[str, Preset] = MappingProxyType({preset.key: preset for preset in _PRESETS})
