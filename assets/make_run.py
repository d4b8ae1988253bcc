"""Writes the run that the page Mistakes opens on: the default network over the samples and their corruptions.

python -m assets.make_run
"""

from __future__ import annotations

import shutil

import models
from dashboard.catalogue import catalogue
from dashboard.mistakes.keeping import SHIPPED
from dashboard.mistakes.source import sample_album
from explain.mistakes import summarise
from explain.runs import evaluate


def main() -> None:
    """Write the run anew."""
    shutil.rmtree(SHIPPED, ignore_errors=True)
    run = evaluate(models.load(next(iter(catalogue().models)), device="cpu"), sample_album().sources, SHIPPED)
    summary = summarise(run.cases)
    size = sum(part.stat().st_size for part in SHIPPED.iterdir()) // 1024
    print(f"{run.header.label}: {summary.right} of {summary.counted} pictures named right; {size} KiB written.")


if __name__ == "__main__":
    main()
