"""The lesson on why training fails. Its numbers are those of the presets, and what these lead to is held by tests."""

from __future__ import annotations

from dashboard.learn.lesson import Lesson, Question, Step
from dashboard.learn.lesson_page import draw
from explain.teaching.training_presets import PRESETS

FEW = PRESETS["overfits"].settings
SLOW = PRESETS["slow"]

LESSON = Lesson(
    key="training",
    title="Why training fails",
    summary="The same network, the same digits: it learns in seconds, or not at all. Four ways to fail, and what to "
    "do.",
    goal="Afterwards the class can tell from two curves what goes wrong: steps too large, steps too small, or "
    "learning by heart; and knows a cure for each.",
    steps=(
        Step(
            title="When it works",
            minutes=2,
            demonstration="training",
            state={"preset": "works"},
            task="Start the training and watch both [[loss]] curves. Stop it after the first [[epochs|epoch]] once "
            "and ask how far it will get.",
            expect="Both losses fall together, first fast, then slowly. After 20 epochs at least 95 % of the "
            "validation pictures are right; most of that is reached in the first epochs.",
            questions=(
                Question(
                    "Why are there two curves?",
                    "The network learns from the training pictures, so it could know them by heart. The validation "
                    "pictures it never learns from: only they show what it will do with new ones.",
                ),
            ),
        ),
        Step(
            title="Steps too large, steps too small",
            minutes=3,
            demonstration="training",
            state={"preset": "diverges"},
            task=f"Run this preset, then “{SLOW.title}”. Before each, let the class draw the curve that they expect.",
            expect="Too large: the loss leaps up in the first steps, and the network ends at chance, 10 %. Too small: "
            f"the loss falls only a little, and after {SLOW.settings.epochs} epochs not even half of the pictures are "
            "right.",
            questions=(
                Question(
                    "After the leap the loss settles near 2.3, whatever comes. Why does the network not recover?",
                    "The steps threw the weights so far that every hidden unit, a [[ReLU]], gives 0 for every picture. "
                    "Where a ReLU gives 0 its [[gradient]] is 0 too, so no weight learns any more. Only the biases of "
                    "the last layer still do, and without the picture they can but guess: one of ten digits, a loss of "
                    "ln 10 = 2.3.",
                ),
                Question(
                    "How would you find a good [[learning rate]]?",
                    "Try a few, each three to ten times the last, for a short while each; take the largest at which "
                    "the loss still falls steadily, or a little less.",
                ),
            ),
        ),
        Step(
            title="Learning by heart",
            minutes=2,
            demonstration="training",
            state={"preset": "overfits"},
            task=f"Here the network has only {FEW.pictures} pictures, and {100 * FEW.label_noise:.0f} % of them bear a "
            "wrong label. Watch where the two curves part.",
            expect="The training loss goes on falling; the validation loss turns and rises. That is [[overfitting]]: "
            f"in the end it knows all {FEW.pictures} pictures by heart, the wrong labels too.",
            questions=(
                Question(
                    "At which epoch would you have stopped?",
                    "Where the validation loss is lowest. [[Early stopping]] does just that: it waits a few epochs "
                    "to see whether the loss falls again, and takes the best weights back.",
                ),
            ),
        ),
        Step(
            title="Cures, side by side",
            minutes=3,
            demonstration="training",
            state={"preset": "cures"},
            task="Run the comparison; let each group bet on a cure first. All charts have the same scale: look at the "
            "validation loss alone.",
            expect="Every cure ends with a clearly lower validation loss than the training without one, and more "
            "pictures help most.",
            questions=(
                Question(
                    "[[Dropout]], [[weight decay]] and [[augmentation]] do different things. What do they have in "
                    "common?",
                    "Each makes it harder to remember single pictures: a random part of the values is missing, large "
                    "weights cost something, or no picture comes twice in the same way. What holds for many pictures "
                    "survives that.",
                ),
            ),
        ),
    ),
    draw=draw,
)
