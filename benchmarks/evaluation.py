"""How good every method's maps are, by every check: writes docs/evaluation.md from what was measured.

The figures come from two runs of the command, each of which goes on where it was left (DATA: the folder of test data,
see benchmarks.labelled):

    convlens evaluate-methods --model mobilenet_v2 --data DATA/data/imagenet_boxes.zip --out runs/evaluation/boxes
    convlens evaluate-methods --model everyday_shortcut --tagged --data DATA/data/everyday50.zip \\
        --out runs/evaluation/shortcut

    python -m benchmarks.evaluation
"""

from __future__ import annotations

import datetime
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import explain
from explain.control_maps import CONTROLS

RUNS = Path("runs/evaluation")
PAGE = Path("docs/evaluation.md")
#: With fewer pictures than this, an interval by drawing them again is too narrow.
FEW = 20


@dataclass(frozen=True)
class Part:
    """A run, its heading, and what was done in it."""

    folder: str
    heading: str
    words: str


PARTS = (
    Part(
        "boxes",
        "ImageNet pictures with boxes: MobileNetV2",
        "ILSVRC validation pictures, squashed to 224 x 224, that the network names right, with one box around the "
        "object that covers at most half of what the network sees; the class named is explained.",
    ),
    Part(
        "shortcut",
        "A network that goes by a blue tag: Everyday ResNet, shortcut",
        "This network learned to call a picture a banana by a small tag in its lower left corner. The tag is put on "
        "pictures of other things, and those are taken that it then calls bananas; that class is explained. Here it is "
        "known why the network says so: the tag. “The box” is the tag's, 2.4 % of the picture, far from its middle.",
    ),
)

LIMITS = (
    "An interval says how far the mean may lie from that over all such pictures. It says nothing about other networks "
    "or data, and many comparisons stand beside each other here: about one in twenty differs by chance alone.",
    "No check knows what the network did. Deletion, insertion and ROAD show it pictures such as it has never seen. "
    "Energy in the box asks where people see the object, which a network need not use; only of the tag is it known. A "
    "low figure in the cascade or for another class says that a map depends on the network and on the question, not "
    "that it is right. Sparseness is a matter of taste.",
    "A method that is ahead in one check may be behind in another: there is no overall winner, and a mean over the "
    "checks would mean nothing.",
    "Each method has its default settings. The cascade draws one set of weights, and the other class is drawn once.",
)


def page() -> str:
    """Write the page from the runs that are there."""
    lines = [
        "# How good are the maps?",
        "",
        f"Written on {datetime.date.today()} by `python -m benchmarks.evaluation` from what "
        "`convlens evaluate-methods` measured: methods against checks, beside maps that know nothing of the network.",
    ]
    for part in PARTS:
        folder = RUNS / part.folder
        if (folder / "table.json").is_file():
            lines += _part(part, folder)
    lines += ["", "## What this does not show", "", *(f"- {limit}" for limit in LIMITS)]
    return "\n".join(lines) + "\n"


def _part(part: Part, folder: Path) -> list[str]:
    picture = PAGE.with_name(f"evaluation_{part.folder}.png")
    shutil.copyfile(folder / "table.png", picture)
    table = (folder / "table.md").read_text(encoding="utf-8").split("\n", 2)[2].strip()
    figures = json.loads((folder / "table.json").read_text(encoding="utf-8"))["figures"]
    return [
        "",
        f"## {part.heading}",
        "",
        part.words,
        *_few(figures),
        "",
        f"![Means and intervals of every method, a panel for each check]({picture.name})",
        "",
        *_ahead(figures),
        "",
        table,
    ]


def _few(figures: list[dict[str, Any]]) -> list[str]:
    """Warn where there are so few pictures that nothing should be concluded yet."""
    most = max((figure["pictures"] for figure in figures), default=0)
    if most >= FEW:
        return []
    return [
        "",
        f"**A first look: {most} pictures at the most.** With so few the intervals are too narrow, and nothing should "
        "be concluded yet; `convlens evaluate-methods` goes on where it stopped.",
    ]


def _ahead(figures: list[dict[str, Any]]) -> list[str]:
    """Say in each check which methods are better than the picture's centre by more than chance, and which worse."""
    if _few(figures):
        return []
    lines = ["Against the picture's centre, on the same pictures and by more than chance:", ""]
    for check in dict.fromkeys(figure["check"] for figure in figures):
        own = [
            figure
            for figure in figures
            if figure["check"] == check and figure["method"] not in CONTROLS and figure["ahead_low"] is not None
        ]
        own.sort(key=lambda figure: -figure["ahead_of_centre"])
        better = [_label(figure) for figure in own if figure["ahead_low"] > 0]
        worse = [_label(figure) for figure in own if figure["ahead_high"] < 0]
        if own:
            said = f"{len(better)} of {len(own)} methods are better"
            said += f" ({', '.join(better)})" if 0 < len(better) < len(own) else ""
            said += f", {len(worse)} worse ({', '.join(worse)})" if worse else ""
            lines.append(f"- {explain.METRICS[check].label}: {said}.")
    return lines


def _label(figure: dict[str, Any]) -> str:
    return explain.METHODS[figure["method"]].label


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}")
