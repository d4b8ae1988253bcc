"""Every attribution method on eleven architectures and on labelled boxes: `python -m benchmarks.methods`.

Writes docs/methods.md and docs/methods.png:

- which method is fine on which network, and which is refused, with the reason (seeded live random weights; the bundled
  networks with their own);
- how much of each method's positive energy lies inside the boxes of labelled pictures, with mobilenet_v2 and
  squeezenet1_1, beside the boxes' share of the area and a centred Gaussian;
- all methods on one sample, as a picture.

What is measured is kept in runs/methods.jsonl, one line each, so that a stopped run goes on, and packed into
benchmarks/measured; `--pictures` and `--seconds` bound how many pictures each method gets.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision

from benchmarks import kept, method_boxes, method_montage, method_table

KEPT = Path("runs/methods.jsonl")
TABLE = Path("docs/methods.md")
PICTURE = Path("docs/methods.png")
PARTS = ("table", "boxes", "montage")


def written(parts: Sequence[Sequence[str]]) -> str:
    """Join the parts of the page under its head."""
    today = datetime.date.today().isoformat()
    versions = " and ".join(f"{each.__name__} {each.__version__.split('+')[0]}" for each in (torch, torchvision))
    head = [
        "# Every method on every kind of network",
        "",
        f"Written on {today} by `python -m benchmarks.methods` with {versions} on {platform.machine()}, on the CPU.",
    ]
    return "\n".join([*head, *(line for part in parts if part for line in ("", *part))]) + "\n"


def main() -> None:
    """Measure what is missing and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.methods", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part; all by default")
    parser.add_argument("--pictures", type=int, default=500, help="pictures with boxes that each method gets at most")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="time for each method on boxes, about")
    asked = parser.parse_args()
    chosen = asked.only or PARTS
    found = kept.records(KEPT)
    if "table" in chosen:
        method_table.measure(found)
    if "boxes" in chosen:
        method_boxes.measure(found, asked.pictures, asked.seconds)
    if "montage" in chosen:
        method_montage.draw(PICTURE)
    TABLE.write_text(written([method_table.lines(found), method_boxes.lines(found), method_montage.lines(PICTURE)]))
    kept.pack(KEPT)
    print(f"{TABLE} is written.")


if __name__ == "__main__":
    main()
