"""The lesson on what a map can say."""

from __future__ import annotations

from dashboard.learn.lesson import Lesson, Question, Step
from dashboard.learn.lesson_page import draw

LESSON = Lesson(
    key="maps",
    title="What a map can say",
    summary="A coloured map convinces quickly. Four short tests show what it proves, and what it does not.",
    goal="Afterwards the class asks three questions of every map: does it change with the network? Does the answer "
    "change with the marked place? What does it start counting from?",
    steps=(
        Step(
            title="Find the trick",
            minutes=3,
            demonstration="maps",
            state={"part": "trick", "picture": "teapot"},
            task="Show the picture, the answer and both maps, and let everybody write down a guess. Only then press "
            "it. After that, take the tag off, and put it somewhere else.",
            expect="The network says banana and is more than 80 % sure: it looks at the blue tag in the corner, a "
            "[[shortcut]]. Without the tag banana falls below 1 %. In the middle of the picture the same tag does "
            "little.",
            questions=(
                Question(
                    "It names every banana with the tag right. What would have had to be tested before?",
                    "Pictures in which the trait and the class part: bananas without the tag, other things with it. "
                    "A map of a few pictures gives the hint; the proof is the change of the picture.",
                ),
            ),
        ),
        Step(
            title="Is it about the network at all?",
            minutes=3,
            demonstration="maps",
            state={"part": "sanity", "picture": "teapot", "depth": "5"},
            task="Ask first which of the four maps looks most convincing. Then read the numbers below: they compare "
            "the map of the trained network with that of one with [[random weights]].",
            expect="The edge detector draws the thing most clearly and has a [[Spearman correlation]] of 1.00: it "
            "never asked the network. The other three change and stay below 0.5.",
            questions=(
                Question(
                    "A method passes this test. Is its map right, then?",
                    "No. The test finds maps that have nothing to do with the network. One that passes depends on "
                    "the network, but may still depend on it in a misleading way.",
                ),
            ),
        ),
        Step(
            title="Where the gradient is silent",
            minutes=2,
            demonstration="maps",
            state={"part": "saturation", "input": "2.0", "from": "0.0"},
            task="Compute f(2), f(0) and the slope at 2 together on the board: "
            "f(x) = 1 \N{MINUS SIGN} relu(1 \N{MINUS SIGN} x). Then move the baseline to 2, and look at the "
            "picture below with its three baselines.",
            expect="f(2) = 1, f(0) = 0, the [[gradient]] at 2 is 0: by the gradient x does not matter, though it made "
            "all of the output. [[Integrated Gradients]] gives 1, the whole difference. From the [[baseline]] 2 it "
            "gives 0.",
            questions=(
                Question(
                    "Starting from black, what can Integrated Gradients never mark?",
                    "Black pixels: they equal the baseline, so there is no difference to share out, however much "
                    "they matter.",
                ),
            ),
        ),
        Step(
            title="A prettier gradient",
            minutes=2,
            demonstration="maps",
            state={"part": "robust", "picture": "bus", "method": "Saliency"},
            task="Same picture, same method, two networks. Ask which network the class would trust, then read how "
            "often each is right.",
            expect="The map of the robust network is smoother and closer to the edges of the bus; it is right for "
            "about 62 % of its test pictures, the standard one for about 81 %.",
            questions=(
                Question(
                    "Why does training against attacks change the gradient?",
                    "An attack follows the gradient. Whoever must stay right under small changes must not react to "
                    "fine noise; so the gradient has to lie on larger structures. That says nothing on whether the "
                    "answer is right.",
                ),
            ),
        ),
    ),
    draw=draw,
)
