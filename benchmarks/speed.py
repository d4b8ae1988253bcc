"""What methods and attacks cost beside their peers, in one run: `python -m benchmarks.speed`.

Attacks stand beside torchattacks and foolbox in benchmarks.attacks; here is what the page asks for on top.

Units: F = one forward without gradients, FB = forward plus gradient of the input; batch 1 at the
network's own size, fp32, same weights, same picture. Each figure is the median over interleaved rounds
(ours, theirs, F, FB, ours ...), with the smallest and largest behind it.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings

import torch

import models
from benchmarks.speed_jobs import INDEX, Job, Timed, jobs
from explain.suitability import probe


def forward(model: models.LoadedModel) -> Job:
    """One forward without gradients."""
    pixels = probe(model)

    def job() -> object:
        with torch.no_grad():
            return model(pixels)

    return job


def forward_and_gradient(model: models.LoadedModel) -> Job:
    """One forward and the gradient of the input."""
    pixels = probe(model)

    def job() -> object:
        leaf = pixels.clone().requires_grad_()
        return torch.autograd.grad(model(leaf)[0, INDEX], leaf)

    return job


def timed(job: Job) -> float:
    """Run a job once: seconds."""
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def row(name: str, job: Timed, unit: Job, rounds: int) -> str:
    """Time a job beside its peers and write it as a line of a table."""
    ways, refused = {"ours": job.ours}, {}
    for way, peer in job.peers.items():
        try:
            peer()
        except (RuntimeError, AssertionError) as error:
            refused[way] = f"{way} raises {type(error).__name__}"
        else:
            ways[way] = peer
    job.ours()
    ratios: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        one = min(timed(unit) for _ in range(3))
        for way, ask in ways.items():
            ratios[way].append(timed(ask) / one / job.count)
    cells = {
        way: f"{statistics.median(found):.2f} {job.unit} ({min(found):.2f} to {max(found):.2f})"
        for way, found in ratios.items()
    }
    ours = cells.pop("ours")
    return f"| {name} | {ours} | {', '.join([*(f'{way} {cell}' for way, cell in cells.items()), *refused.values()])} |"


def main() -> None:
    """Time every job beside its peers and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--weights", help="random, a version's name, or nothing for what is on the machine")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--group", choices=("CAM", "gradients", "perturbation", "attacks"), action="append")
    parser.add_argument("--job", help="only the jobs whose name holds this")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")  # the peers' own
    model = models.load(chosen.model, weights=chosen.weights)
    units = {"F": forward(model), "FB": forward_and_gradient(model)}
    print(f"{chosen.model}, {torch.get_num_threads()} threads, torch {torch.__version__}, {model.device}")
    print("| job | ours | peers |\n|---|---|---|")
    for group, named in jobs(model).items():
        for name, job in named.items():
            if group in (chosen.group or (group,)) and (chosen.job or "").lower() in name.lower():
                print(row(name, job, units[job.unit], chosen.rounds), flush=True)


if __name__ == "__main__":
    main()
