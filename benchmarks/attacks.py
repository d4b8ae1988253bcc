"""Attacks beside torchattacks and foolbox: `python -m benchmarks.attacks` in an environment that has them.

The same pictures, which the network names right, the same budget, and the same start: the picture
itself, or a random one for APGD and Square. Success is judged by our own margin on the pictures that each
library hands back. Writes docs/attacks.md and the reference that tests/known_answers compares ours with; a run that
was killed goes on with the next attack.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import shutil
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import explain
import models
from benchmarks import labelled
from explain.attack import Attack
from explain.perturbing import margins, size_of

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "tests" / "known_answers" / "attack_reference.json"
TABLE = ROOT / "docs" / "attacks.md"
#: What a run has measured so far; one that was killed goes on from there.
BEGUN = ROOT / "runs" / "attacks.json"
PEERS = [name for name in ("torchattacks", "foolbox") if importlib.util.find_spec(name)]
#: How much may change, for each network: so little that not every picture falls.
SMALL = {"everyday_resnet": {"linf": 1 / 255, "l2": 0.15}, "mobilenet_v2": {"linf": 0.2 / 255, "l2": 0.1}}
#: Square sees only the scores and needs more.
LARGE = {"everyday_resnet": 3 / 255, "mobilenet_v2": 1.5 / 255}

#: Budgets, the same for all: small ones, so that not every picture falls, and two hundred are done within the hour.
STEPS, APGD_STEPS, QUERIES, SEARCHES, CW_STEPS = 5, 10, 50, 3, 30

#: (network, pixels, labels) -> pixels
Way = Callable[[nn.Module, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Job:
    """One attack with its settings, ours and the peers' ways to it."""

    name: str
    budget: str
    ours: Attack
    peers: dict[str, Way] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What one way did to the pictures: which fool the network, and how far each was moved (L2)."""

    fooled: list[bool]
    l2: list[float]


class Plain(nn.Module):
    """A loaded network as a module of pixels, which counts the pictures shown to it."""

    def __init__(self, model: models.LoadedModel) -> None:
        super().__init__()
        self.inner = model.network
        self._model = [model]
        self.shown = 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.shown += len(pixels)
        return self._model[0](pixels)


def jobs(key: str) -> list[Job]:
    """List what is compared on a network; the peers' ways only where they are installed."""
    linf, l2, large = SMALL[key]["linf"], SMALL[key]["l2"], LARGE[key]
    of = explain.METHODS
    climb: dict[str, Any] = {"steps": STEPS, "random_start": False}
    found = [
        Job(
            "FGSM",
            f"epsilon {255 * linf:g}/255",
            of["FGSM"](epsilon=linf),
            {
                "torchattacks": _torchattacks("FGSM", eps=linf),
                "foolbox": _foolbox("FGSM", linf, random_start=False),
            },
        ),
        Job(
            "PGD linf",
            f"epsilon {255 * linf:g}/255, {STEPS} steps of epsilon/4",
            of["PGD"](epsilon=linf, step_size=linf / 4, **climb),
            {
                "torchattacks": _torchattacks("PGD", eps=linf, alpha=linf / 4, **climb),
                "foolbox": _foolbox("LinfPGD", linf, abs_stepsize=linf / 4, **climb),
            },
        ),
        Job(
            "PGD l2",
            f"epsilon {l2:g}, {STEPS} steps of epsilon/4",
            of["PGD"](epsilon=l2, step_size=l2 / 4, norm="l2", **climb),
            {
                "torchattacks": _torchattacks("PGDL2", eps=l2, alpha=l2 / 4, **climb),
                "foolbox": _foolbox("L2PGD", l2, abs_stepsize=l2 / 4, **climb),
            },
        ),
        Job(
            "Momentum FGSM",
            f"epsilon {255 * linf:g}/255, {STEPS} steps of epsilon/{STEPS}",
            of["MomentumFGSM"](epsilon=linf, steps=STEPS),
            {
                "torchattacks": _torchattacks("MIFGSM", eps=linf, alpha=linf / STEPS, steps=STEPS, decay=1.0),
            },
        ),
    ]
    found += [
        Job(
            f"APGD-{loss.upper()} {norm}",
            f"epsilon {shown}, {APGD_STEPS} steps, 1 start",
            of["APGD"](epsilon=epsilon, steps=APGD_STEPS, loss=loss, norm=norm),
            {
                "torchattacks": _torchattacks("APGD", eps=epsilon, steps=APGD_STEPS, loss=loss, norm=theirs),
            },
        )
        for loss in ("ce", "dlr")
        for norm, theirs, epsilon, shown in (("linf", "Linf", linf, f"{255 * linf:g}/255"), ("l2", "L2", l2, f"{l2:g}"))
    ]
    found += [
        Job(
            "Square",
            f"epsilon {255 * large:g}/255, {QUERIES} queries",
            of["Square"](epsilon=large, queries=QUERIES),
            {
                "torchattacks": _torchattacks("Square", eps=large, n_queries=QUERIES),
            },
        ),
        Job(
            "DeepFool",
            "50 steps, ten candidates, overshoot 0.02",
            of["DeepFool"](),
            {
                "foolbox": _foolbox("L2DeepFoolAttack", steps=50, candidates=10, overshoot=0.02),
            },
        ),
        Job(
            "Carlini-Wagner",
            f"{SEARCHES} values of c from 0.1, {CW_STEPS} steps of 0.01",
            of["CarliniWagner"](searches=SEARCHES, steps=CW_STEPS, c=0.1, learning_rate=0.01),
            {
                "foolbox": _foolbox(
                    "L2CarliniWagnerAttack",
                    binary_search_steps=SEARCHES,
                    steps=CW_STEPS,
                    stepsize=0.01,
                    initial_const=0.1,
                ),
            },
        ),
    ]
    return found


def _torchattacks(name: str, **settings: Any) -> Way:
    def attack(network: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
        import torchattacks

        with torch.random.fork_rng():
            torch.manual_seed(0)
            moved: Tensor = getattr(torchattacks, name)(network, **settings)(pixels, labels)
        return moved

    return attack


def _foolbox(name: str, epsilon: float | None = None, **settings: Any) -> Way:
    def attack(network: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
        import foolbox

        wrapped = foolbox.PyTorchModel(network, bounds=(0, 1), device=pixels.device)
        budget = {} if epsilon is None else {"epsilon": epsilon}
        wrong = foolbox.criteria.Misclassification(labels)
        moved: Tensor = getattr(foolbox.attacks, name)(**settings).run(wrapped, pixels, wrong, **budget)
        return moved

    return attack


def ours(attack: Attack) -> Way:
    """Our way in the peers' form."""

    def run(network: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            return attack.search(network, pixels, labels).best

    return run


def outcome(model: models.LoadedModel, way: Way, pixels: Tensor, labels: Tensor) -> Outcome:
    """Attack the pictures in batches and judge what comes back."""
    network = Plain(model).eval()
    fooled: list[bool] = []
    l2: list[float] = []
    for part in labelled.batches(model, len(pixels)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            moved = way(network, pixels[part], labels[part]).detach()
        with torch.no_grad():
            margin = margins(model(moved), labels[part], None)
        # What foolbox does not find it hands back black.
        fooled += ((margin < 0) & (moved.flatten(1).amax(1) > 0)).tolist()
        l2 += size_of(moved - pixels[part], "l2").tolist()
    return Outcome(fooled, l2)


def chance(more: int, fewer: int) -> float:
    """Return how likely so uneven a split is by chance: McNemar's exact two-sided test of the pairs that differ."""
    total = more + fewer
    tail = sum(math.comb(total, count) for count in range(min(more, fewer) + 1)) / 2**total
    return min(1.0, 2 * tail)


def lower(mine: list[bool], theirs: list[bool], level: float = 0.05) -> bool:
    """Tell whether ours fools significantly fewer pictures, two-sided, over the pictures where only one does."""
    more = sum(a and not b for a, b in zip(mine, theirs, strict=True))
    fewer = sum(b and not a for a, b in zip(mine, theirs, strict=True))
    return fewer > more and chance(more, fewer) < level


def distances(mine: Outcome, theirs: Outcome) -> tuple[float, float, float]:
    """Return both mean distances where both succeed, and the standard error of their paired difference."""
    both = [place for place, ok in enumerate(mine.fooled) if ok and theirs.fooled[place]]
    if not both:
        return math.nan, math.nan, math.nan
    pairs = [(mine.l2[place], theirs.l2[place]) for place in both]
    difference = [a - b for a, b in pairs]
    error = statistics.stdev(difference) / math.sqrt(len(both)) if len(both) > 1 else math.inf
    return statistics.mean(a for a, _ in pairs), statistics.mean(b for _, b in pairs), error


def farther(mine: Outcome, theirs: Outcome) -> bool:
    """Tell whether ours moves the pictures significantly farther: by more than two standard errors."""
    ours_, theirs_, error = distances(mine, theirs)
    return ours_ - theirs_ > 2 * error


def timed(run: Callable[[], object]) -> float:
    """Return the processor's seconds, which other work on the machine does not lengthen."""
    began = time.process_time()
    run()
    return time.process_time() - began


def times(model: models.LoadedModel, job: Job, pixels: Tensor, labels: Tensor, rounds: int) -> dict[str, list[float]]:
    """Time each way on one picture, in units of a forward with the input's gradient, in interleaved rounds."""
    network = Plain(model).eval()
    ways = {"ours": ours(job.ours)} | {name: way for name, way in job.peers.items() if name in PEERS}

    def unit() -> object:
        leaf = pixels.clone().requires_grad_()
        return torch.autograd.grad(model(leaf).sum(), leaf)

    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        one = min(timed(unit) for _ in range(3))
        for name, way in ways.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name].append(timed(lambda way=way: way(network, pixels, labels)) / one)
    return found


def measure(key: str, count: int, rounds: int, known: dict[str, Any], keep: Callable[[], None]) -> None:
    """Run on a network every job that `known` does not hold yet, and keep each when it is done."""
    model = labelled.load(key)
    names, pixels, labels = labelled.right_ones(model, count)
    weights = model.fingerprint()
    if known.get("weights") != weights or known["pictures"] != names:
        known.clear()
        known.update(weights=weights, pictures=names, attacks={})
    for job in jobs(key):
        if known["attacks"].get(job.name, {}).get("budget") == job.budget:
            continue
        outcomes = {"ours": outcome(model, ours(job.ours), pixels, labels)}
        outcomes |= {name: outcome(model, job.peers[name], pixels, labels) for name in PEERS if name in job.peers}
        took = times(model, job, pixels[:1], labels[:1], rounds)
        row = _row(job, outcomes, took)
        print(f"{key} {row}", flush=True)
        known["attacks"][job.name] = {"budget": job.budget, "row": row} | {
            name: {
                "fooled": "".join("01"[ok] for ok in one.fooled),
                "l2": [float(f"{size:.4g}") for size in one.l2] if job.ours.smallest else [],
            }
            for name, one in outcomes.items()
        }
        keep()


def _row(job: Job, outcomes: dict[str, Outcome], took: dict[str, list[float]]) -> str:
    cells = [job.name, job.budget]
    for name in ("ours", "torchattacks", "foolbox"):
        one, mine = outcomes.get(name), outcomes["ours"]
        if one is None:
            cells.append("")
            continue
        cell = f"{100 * statistics.mean(one.fooled):.1f} %"
        if job.ours.smallest:
            _, theirs, error = distances(mine, one)
            cell += f", L2 {theirs:.4f}" + ("" if name == "ours" else f" (paired ± {error:.4f})")
        if name != "ours" and lower(mine.fooled, one.fooled):
            cell += ", **ours lower**"
        if name != "ours" and job.ours.smallest and farther(mine, one):
            cell += ", **ours farther**"
        cells.append(cell)
    for name in ("ours", "torchattacks", "foolbox"):
        found = took.get(name)
        cells.append(f"{statistics.median(found):.1f} FB ({min(found):.1f} to {max(found):.1f})" if found else "")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, print, and write the table and the reference."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--models", nargs="+", default=list(SMALL), choices=list(SMALL))
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    if not PEERS:
        sys.exit("Neither torchattacks nor foolbox is installed here: there is nothing to compare with.")
    found = json.loads(BEGUN.read_text(encoding="utf-8")) if BEGUN.exists() else {"models": {}}
    found["versions"] = {name: version(name) for name in ("torch", "torchvision", *PEERS)}
    found["measured"] = datetime.now(UTC).date().isoformat()

    def keep() -> None:
        BEGUN.parent.mkdir(exist_ok=True)
        BEGUN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    for key in chosen.models:
        measure(key, chosen.pictures, chosen.rounds, found["models"].setdefault(key, {}), keep)
    if found["models"].keys() == SMALL.keys():
        shutil.copyfile(BEGUN, REFERENCE)
        write_table(found, chosen.rounds)


def write_table(known: dict[str, Any], rounds: int) -> None:
    """Write what the reference holds, for people."""
    said = ", ".join(f"{name} {number}" for name, number in known["versions"].items())
    heading = [
        "# Attacks beside torchattacks and foolbox\n",
        f"`python -m benchmarks.attacks` on {known['measured']}: {said};",
        f"{torch.get_num_threads()} threads on the {labelled.load(next(iter(SMALL))).device.type.upper()}, fp32. "
        "Share of the pictures that fool the network;",
        "for attacks that look for the smallest change, the mean length of the change (L2) where both succeed.",
        "*Ours lower* or *farther* marks what is significant: McNemar's exact test at 5 %, two-sided, or two standard",
        "errors of the paired difference. FB = one forward and the gradient of the input, in the processor's seconds;",
        f"batch 1, median of {rounds} interleaved rounds, smallest and largest behind it.",
    ]
    tables = [
        line
        for key, record in known["models"].items()
        for line in (f"\n## {key}, {len(record['pictures'])} pictures that it names right\n", *_table(record))
    ]
    TABLE.write_text("\n".join([*heading, *tables]) + "\n", encoding="utf-8")


def _table(record: dict[str, Any]) -> list[str]:
    head = "| attack | budget | ours | torchattacks | foolbox | time, ours | torchattacks | foolbox |"
    return [head, "|---|---|---|---|---|---|---|---|", *(attack["row"] for attack in record["attacks"].values())]


if __name__ == "__main__":
    main()
