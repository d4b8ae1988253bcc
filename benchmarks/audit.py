"""Goes over every registered network and writes a dated table: `make audit`.

For each network, with seeded live random weights: is it read as a graph, does every layer's activation
equal a clone taken by a plain hook when the layer ran, does the network go on rightly from layers in
its beginning, middle and end with two pictures at once, is it alive, which layer do class activation
maps take, and which methods refuse it. What is measured is kept in `runs/audit.jsonl`, one line for
each network, so that a stopped audit continues; methods that are new since then are asked for themselves.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import time
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

import explain
import models
from explain.suitability import default_layer, probe
from models.errors import ConvLensError

TABLE = Path("docs/audit.md")
#: Methods that measure whether they are right before they answer.
GATED = ("DeepLift", "LRP", "FullGrad")
KEPT = Path("runs/audit.jsonl")


def audit(key: str) -> dict[str, Any]:
    """Measure one network; see the module's docstring for what."""
    began = time.perf_counter()
    card, model = models.CARDS[key], _loaded(key)
    trace = explain.trace(model, probe(model))
    compared, worst = _compare_activations(trace)
    gradient = float(trace.input_gradient(explain.ClassLogit(int(trace.logits.argmax()))).abs().max())
    try:
        layer = default_layer(model)
    except ConvLensError as error:
        layer = error.message
    return {
        "key": key,
        "parameters": card.parameters,
        "graph": model.graph.operations is not None,
        "layers": len(model.layers()),
        "compared": compared,
        "worst": worst,
        "rest": _worst_rest(trace),
        "gradient": gradient,
        "default_layer": layer,
        "refused": _refused(model, list(explain.METHODS)),
        "asked": list(explain.METHODS),
        "seconds": time.perf_counter() - began,
    }


def _asked_on(row: dict[str, Any]) -> dict[str, Any]:
    """Ask the methods that an earlier audit of this network did not know."""
    missing = [name for name in explain.METHODS if name not in row.get("asked", [])]
    if not missing:
        return row
    refused = {name: reason for name, reason in row["refused"].items() if name not in missing}
    return row | {"refused": refused | _refused(_loaded(row["key"]), missing), "asked": list(explain.METHODS)}


def _loaded(key: str) -> models.LoadedModel:
    """Load a network with its own weights if it ships, else with seeded live random ones."""
    ships = models.CARDS[key].weights and key.startswith("everyday")
    return models.load(key, weights=None if ships else "random", device="cpu")


def _refused(model: models.LoadedModel, names: list[str]) -> dict[str, str]:
    """Ask methods whether they suit a network: the reasons of those that do not."""
    reasons = {name: explain.unsuitable(model, explain.METHODS[name]) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def _compare_activations(trace: explain.Trace) -> tuple[int, float]:
    """Compare every module's output with a clone taken in a plain hook: how many, and the largest difference."""
    known = {layer.name for layer in trace.model.layers()}
    seen: dict[str, Tensor] = {}
    handles = []
    for name, module in trace.model.network.named_modules():
        if name in known:
            handles.append(module.register_forward_hook(_keep(name, seen)))
    with torch.no_grad():
        trace.model(trace.pixels)
    for handle in handles:
        handle.remove()
    worst = 0.0
    for name, clone in seen.items():
        difference = (trace.activation(name) - clone).abs().max() / clone.abs().max().clamp(min=1e-6)
        worst = max(worst, float(difference))
    return len(seen), worst


def _keep(name: str, seen: dict[str, Tensor]) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if isinstance(first, Tensor) and name not in seen:
            seen[name] = first.detach().clone()

    return hook


def _worst_rest(trace: explain.Trace) -> float:
    """Go on from a quarter, half and three quarters of the way with two pictures: the largest relative difference."""
    layers = trace.model.layers()
    worst = 0.0
    with torch.no_grad():
        for layer in (layers[len(layers) * part // 4] for part in (1, 2, 3)):
            own = trace.activation(layer.name)
            together = trace.rest(layer.name, torch.cat([own, own * 0.5]))
            alone = torch.cat([trace.logits, trace.rest(layer.name, own * 0.5)])
            worst = max(worst, float((together - alone).abs().max() / alone.abs().max()))
    return worst


def write_table(rows: list[dict[str, Any]]) -> None:
    """Write the table with date, versions and machine."""
    today = datetime.date.today().isoformat()
    lines = [
        "# Audit of every registered network",
        "",
        f"Measured on {today} with torch {torch.__version__.split('+')[0]} and torchvision "
        f"{torchvision.__version__.split('+')[0]} on {platform.machine()}, on the CPU, by `make audit`; seeded live "
        "random weights, except the bundled networks. *Worst activation*: the largest difference between a layer's "
        "activation in a trace and a clone taken when the layer ran, as a share of the layer's largest value. *Worst "
        "rest*: the same for the scores, going on from three layers with two pictures. *Gradient*: max |dy/dx|.",
        "",
        f"{len(rows)} networks; {sum(row['graph'] for row in rows)} read as a graph; worst activation "
        f"{max(row['worst'] for row in rows):.1e}; worst rest {max(row['rest'] for row in rows):.1e}; smallest "
        f"gradient {min(row['gradient'] for row in rows):.1e}.",
        "",
        *(f"{explain.METHODS[name].label} suits {_suited(rows, name)} of {len(rows)} networks." for name in GATED),
        "",
        "| network | parameters | layers | compared | worst activation | worst rest | gradient | CAM layer | refused |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    numbers: dict[str, int] = {}
    for row in rows:
        numbered = [(name, numbers.setdefault(reason, len(numbers) + 1)) for name, reason in row["refused"].items()]
        refused = ", ".join(f"{explain.METHODS[name].label} [{number}]" for name, number in numbered) or "none"
        if not row.get("asked"):
            refused = "not asked on this machine"
        lines.append(
            f"| {row['key']} | {row['parameters'] / 1e6:.1f} M | {row['layers']} | {row['compared']} | "
            f"{row['worst']:.0e} | {row['rest']:.0e} | {row['gradient']:.0e} | {row['default_layer']} | {refused} |"
        )
    lines += ["", "Reasons:", "", *(f"[{number}] {reason}  " for reason, number in numbers.items())]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n")


def _suited(rows: list[dict[str, Any]], name: str) -> int:
    return sum(name in row.get("asked", []) and name not in row["refused"] for row in rows)


def main() -> None:
    """Audit what is missing, smallest network first, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--most", type=float, default=float("inf"), help="leave out networks above this many million")
    most = parser.parse_args().most * 1e6
    KEPT.parent.mkdir(exist_ok=True)
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    # What was found later stands further down.
    known = {row["key"]: row for row in map(json.loads, lines)}
    for card in sorted(models.CARDS.values(), key=lambda card: card.parameters):
        if card.parameters > most:
            continue
        row = _asked_on(known[card.key]) if card.key in known else audit(card.key)
        if row is not known.get(card.key):
            known[card.key] = row
            with KEPT.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{card.key}: worst activation {row['worst']:.0e}, {len(row['refused'])} refused", flush=True)
    rows = sorted(known.values(), key=lambda row: str(row["key"]))
    write_table(rows)
    broken = [row["key"] for row in rows if row["worst"] > 1e-3 or row["rest"] > 1e-3 or row["gradient"] < 1e-6]
    print(f"{len(rows)} networks, {len(broken)} with a fault: {', '.join(broken) or 'none'}")
    raise SystemExit(bool(broken))


if __name__ == "__main__":
    main()
