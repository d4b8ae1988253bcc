"""A run over a folder beside the bare network with a good DataLoader: `python -m benchmarks.throughput`.

Both get the same pictures of the test data as files, the same batch and the same weights; the DataLoader has a
worker for each core. The rounds are interleaved, and the share is their median.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import zipfile
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import models
from benchmarks import labelled
from dashboard.uploads import read_picture
from explain import evaluating, sources
from explain.runs import evaluate


class Files(Dataset[Tensor]):
    """Pictures as a bare program would read them."""

    def __init__(self, paths: list[Path], pixels: models.PixelSpace) -> None:
        self.paths, self.pixels = paths, pixels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Tensor:
        with Image.open(self.paths[number]) as picture:
            return self.pixels.crop(picture.convert("RGB"))[0]


def unpacked(folder: Path, count: int) -> list[Path]:
    """Write pictures of the test data as files, again and again under other names until there are enough."""
    with zipfile.ZipFile(labelled.folder() / "data" / "imagenet_boxes.zip") as archive:
        held = [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")]
    paths = [folder / f"{number:06}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(held[number % len(held)])
    return paths


def bare(model: models.LoadedModel, paths: list[Path], batch: int) -> float:
    """Run the network over the pictures and keep nothing but the scores: pictures a second."""
    on_gpu = model.device.type == "cuda"
    began = time.perf_counter()
    loader = DataLoader(Files(paths, model.card.pixels), batch, num_workers=os.cpu_count() or 1, pin_memory=on_gpu)
    with torch.no_grad():
        scores = [model.network(model.normalise(pixels.to(model.device, non_blocking=True))) for pixels in loader]
    assert len(torch.cat(scores).cpu()) == len(paths)
    return len(paths) / (time.perf_counter() - began)


def ours(model: models.LoadedModel, folder: Path, out: Path, batch: int) -> float:
    """Make a whole run of the pictures: pictures a second."""
    began = time.perf_counter()
    run = evaluate(model, sources.read(folder, read_picture).sources, out, batch)
    assert run.finished
    return len(run.cases) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, help="default: that of a run")
    chosen = parser.parse_args()
    model = labelled.load(chosen.model)
    batch = chosen.batch or evaluating.usual_batch(model)
    shares = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        folder.mkdir()
        paths = unpacked(folder, chosen.pictures)
        for number in range(chosen.rounds):
            theirs = bare(model, paths, batch)
            own = ours(model, folder, Path(place) / f"run-{number}", batch)
            shares.append(own / theirs)
            print(f"bare network with DataLoader {theirs:.1f} pictures/s, run {own:.1f} pictures/s: {shares[-1]:.2f}")
    share = statistics.median(shares)
    print(f"{chosen.model} on {model.device}, batch {batch}: {100 * share:.0f} % of the bare network")


if __name__ == "__main__":
    main()
