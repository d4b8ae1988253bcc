"""Demonstration: what a map can and cannot say, on the bundled networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.learn import maps_robust, maps_sanity, maps_saturation, maps_trick
from dashboard.learn.desk import Demonstration, Desk

if TYPE_CHECKING:
    from collections.abc import Callable

#: The parts by their names in the address: what the page calls them, and how they are drawn. The first is the default.
PARTS: dict[str, tuple[str, Callable[[Desk], None]]] = {
    "sanity": ("Is it about the network?", maps_sanity.draw),
    "trick": ("Find the trick", maps_trick.draw),
    "saturation": ("Saturation and baselines", maps_saturation.draw),
    "robust": ("A robust network", maps_robust.draw),
}


def draw(desk: Desk) -> None:
    """Draw the part that is chosen."""
    part = desk.choice("part", "What to look at", {name: title for name, (title, _) in PARTS.items()})
    PARTS[part][1](desk)


DEMONSTRATION = Demonstration(
    key="maps",
    title="What a map can and cannot say",
    summary="Four tests of explanations on networks that ship with this page: random weights, a network that cheats, "
    "gradients that fall silent, and a network whose gradients look better than they are.",
    question="A colleague shows you a map of a network for skin lesions: the lesion glows, and nothing else does. What "
    "would you ask for before you trust the network? What could the map still hide?",
    answer="Ask for the same map of a network with [[random weights]]: if it glows there too, it is about the picture. "
    "Hide what glows, and as much elsewhere, and watch the probability. Look at pictures with rulers, ink and hairs, "
    "and at wrong answers: one map of one picture rules no [[shortcut]] out. Ask for the [[baseline]]: what equals "
    "it gets no evidence, however much it matters. And a map says where, never why: the same spot can count for its "
    "colour, its edge or a label that lies on it.",
    controls=(
        *("part", "picture", "depth", "draw", "cascade"),
        *("guess", "tag", "left", "top", "everywhere"),
        *("input", "from", "steps"),
        "method",
    ),
    topics=("sanity checks", "shortcut", "saturation", "baselines", "robust gradients"),
    draw=draw,
)
