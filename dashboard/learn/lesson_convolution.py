"""The lesson on convolution."""

from __future__ import annotations

from dashboard.learn.lesson import Lesson, Question, Step
from dashboard.learn.lesson_page import draw
from explain.teaching.convolving import Layer, output_size, reach

#: Pixels along each side of the demonstration's picture, and the channels and filters of its layer.
SIDE, CHANNELS = 32, 64
_VALID, _SKIPPING = output_size(SIDE, 3), output_size(SIDE, 3, stride=2)
_DILATED = output_size(SIDE, 3, dilation=2)
_LAYER = Layer(SIDE, CHANNELS, CHANNELS, 3)
_SHARED, _FULL = _LAYER.convolution().parameters, _LAYER.fully_connected().parameters

LESSON = Lesson(
    key="convolution",
    title="Convolution",
    summary="One small grid of numbers, used everywhere: how a network finds an edge, and why it needs so few weights.",
    goal="Afterwards the class can compute one output value by hand, say how large the output is, and explain why a "
    "convolution needs so many fewer weights than a fully connected layer.",
    steps=(
        Step(
            title="One sum",
            minutes=3,
            demonstration="convolution",
            state={"kernel": "edges", "picture": "bus"},
            task="Point at a place of the output, or move over it with the arrow keys. Below stand the nine pixels, "
            "the nine weights of the [[kernel]] and their products. Let the class add up one of them before you show "
            "the sum.",
            expect="The sum is close to 0 where the picture is even, and far from 0, above or below, where bright and "
            "dark meet in an upright line.",
            questions=(
                Question(
                    "The patch under the kernel has the same grey value everywhere. What comes out, and why?",
                    "0. The three weights on the left and the three on the right are opposite numbers, and those "
                    "between are 0: the products cancel out, whatever the grey value is.",
                ),
            ),
        ),
        Step(
            title="Other numbers, another picture",
            minutes=2,
            demonstration="convolution",
            state={"kernel": "blur", "size": "5"},
            task="Go from the blur to “Sharpen” and to “All edges”, then to “A trained one”. Each time ask for a "
            "guess before you press. At last take “Your own”, set the middle to 0 and put a 1 beside it.",
            expect="The blur is a picture again, only softer. All edges turns even areas to 0. Nobody chose the "
            "numbers of the trained one: they came out of training. With a 0 in the middle and a 1 beside it "
            "the picture shifts by a pixel.",
            questions=(
                Question(
                    "The weights of the blur add up to 1, those of “All edges” to 0. What does that tell about an "
                    "even area?",
                    "With the sum 1 an even area keeps its grey value; with the sum 0 it becomes 0. So the first "
                    "gives a picture, the second only what changes.",
                ),
            ),
        ),
        Step(
            title="How large is the output?",
            minutes=3,
            demonstration="convolution",
            state={"kernel": "edges", "stride": "2"},
            task=f"The picture has {SIDE} x {SIDE} pixels. Let the class work out how many places a 3 x 3 kernel has "
            "in a row with [[stride]] 1, then with stride 2. Compare with the formula on the page. Then set the "
            "[[dilation]] to 2 and the [[padding]] to “Same size”.",
            expect=f"Without padding: {_VALID} x {_VALID} at stride 1, {_SKIPPING} x {_SKIPPING} at stride 2. With "
            f"dilation 2 the kernel spans {reach(3, 2)} pixels, and {_DILATED} x {_DILATED} places are left at stride "
            f"1. With padding “same” at stride 1 the output has {output_size(SIDE, 3, padding='same')} x "
            f"{output_size(SIDE, 3, padding='same')} again.",
            questions=(
                Question(
                    "What does padding put there where the picture ends, and how could a network notice?",
                    "Zeros. At the edge a part of each sum is missing, so the answers there differ from those in the "
                    "middle: a network can learn from it where it is.",
                ),
            ),
        ),
        Step(
            title="Why convolution?",
            minutes=2,
            demonstration="convolution",
            state={"channels": str(CHANNELS), "filters": str(CHANNELS)},
            task=f"Scroll down to the table. It compares a layer of {CHANNELS} filters over {CHANNELS} channels with a "
            "[[fully connected layer]] that gives as many values. Halve the filters; halve the channels.",
            expect=f"The convolution has {_SHARED:,} parameters, the fully connected layer {_FULL:,}. Half the filters "
            "or half the channels means about half the weights of the convolution.",
            questions=(
                Question(
                    "Does the convolution need more weights if the picture is twice as wide and twice as high?",
                    "No: the weights are the same at every place. Only the multiply-adds grow, about fourfold. The "
                    "fully connected layer would need about sixteen times as many weights.",
                ),
                Question(
                    "What can a fully connected layer do that this layer cannot?",
                    "Treat places differently, and join two far corners in one step. A convolution sees a small "
                    "patch and does the same everywhere; only many layers on top of each other see far.",
                ),
            ),
        ),
    ),
    draw=draw,
)
