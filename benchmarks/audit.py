"""Goes over every registered network and writes a dated table: `make audit`.

For each network, with seeded live random weights: is it read as a graph, does every layer's activation
equal a clone taken by a plain hook when the layer ran, does the network go on rightly from layers in
its beginning, middle and end with two pictures at once, is it alive, which layer do class activation
maps take, and which methods refuse it. What is measured is kept in `runs/audit.jsonl`, one line for
each network, so that a stopped audit continues.
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
KEPT = Path("runs/audit.jsonl")


def audit(key: str) -> dict[str, Any]:
    """Measure one network; see the module's docstring for what."""
    began = time.perf_counter()
    card = models.CARDS[key]
    model = models.load(key, device="cpu") if card.weights and key.startswith("everyday") else models.load(
        key, weights="random", device="cpu"
    )
    trace = explain.trace(model, probe(model))
    compared, worst = _compare_activations(trace)
    gradient = float(trace.input_gradient(explain.ClassLogit(int(trace.logits.argmax()))).abs().max())
    reasons = {name: explain.unsuitable(model, method) for name, method in explain.METHODS.items()}
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
        "refused": {name: reason for name, reason in reasons.items() if reason},
        "seconds": time.perf_counter() - began,
    }


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
        "| network | parameters | layers | compared | worst activation | worst rest | gradient | CAM layer | refused |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        refused = "; ".join(f"{name}: {reason}" for name, reason in row["refused"].items()) or "none"
        lines.append(
            f"| {row['key']} | {row['parameters'] / 1e6:.1f} M | {row['layers']} | {row['compared']} | "
            f"{row['worst']:.0e} | {row['rest']:.0e} | {row['gradient']:.0e} | {row['default_layer']} | {refused} |"
        )
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Audit what is missing, smallest network first, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--most", type=float, default=float("inf"), help="leave out networks above this many million")
    most = parser.parse_args().most * 1e6
    KEPT.parent.mkdir(exist_ok=True)
    rows = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    done = {row["key"] for row in rows}
    for card in sorted(models.CARDS.values(), key=lambda card: card.parameters):
        if card.key not in done and card.parameters <= most:
            rows.append(audit(card.key))
            with KEPT.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(f"{card.key}: worst activation {rows[-1]['worst']:.0e}, {rows[-1]['seconds']:.0f} s", flush=True)
    write_table(sorted(rows, key=lambda row: str(row["key"])))
    broken = [row["key"] for row in rows if row["worst"] > 1e-3 or row["rest"] > 1e-3 or row["gradient"] < 1e-6]
    print(f"{len(rows)} networks, {len(broken)} with a fault: {', '.join(broken) or 'none'}")
    raise SystemExit(bool(broken))


if __name__ == "__main__":
    main()
