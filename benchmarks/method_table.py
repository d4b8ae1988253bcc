"""Which method is fine on which network, and which is refused, with the reason."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import explain
import models
from explain.records import Records
from explain.results import Concepts, Heatmap
from explain.suitability import probe
from models.errors import UnsuitableError

#: Seeded live random weights, but for the networks that ship.
NETWORKS = (
    *("everyday_resnet", "everyday_vgg", "resnet18", "resnet50", "vgg16_bn", "densenet121", "googlenet"),
    *("inception_v3", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "vit_b_16", "swin_t"),
)
#: Smaller settings for methods that run the network often: whether they run does not depend on them.
QUICK: dict[str, dict[str, Any]] = {
    **{name: {"samples": 8} for name in ("SmoothGrad", "SmoothGradSquared", "VarGrad", "GradientSHAP")},
    **{name: {"steps": 10} for name in ("BlurIG", "GuidedIG", "XRAI")},
    "RISE": {"samples": 10},
    "LIME": {"samples": 40},
    "KernelSHAP": {"samples": 40},
    "Occlusion": {"window": 112, "stride": 112},
    "ExtremalPerturbation": {"steps": 10},
}


def attributions() -> list[str]:
    """List the methods that explain an answer by the picture, in the order of the page's list."""
    names = [name for name in explain.METHODS if gives(name, Heatmap) or gives(name, Concepts)]
    return sorted(names, key=lambda name: (explain.METHODS[name].family, name))


def gives(name: str, kind: type) -> bool:
    """Whether a method's answers are of this kind, as its signature says."""
    return explain.METHODS[name].__call__.__annotations__.get("return") == kind.__name__


def measure(kept: Records) -> None:
    """Ask every method whether it suits each network, and run those that do."""
    for key in NETWORKS:
        missing = [name for name in attributions() if ("table", key, name) not in kept]
        if not missing:
            continue
        own = key.startswith("everyday")
        model = models.load(key, device="cpu") if own else models.load(key, weights="random", device="cpu")
        trace = explain.trace(model, probe(model))
        for name in missing:
            kept.keep(("table", key, name), _tried(model, trace, name))
            print(key, name, kept["table", key, name], flush=True)


def _tried(model: models.LoadedModel, trace: explain.Trace, name: str) -> dict[str, Any]:
    began = time.perf_counter()
    reason = explain.unsuitable(model, explain.METHODS[name])
    if reason is not None:
        return {"refused": reason}
    try:
        found = explain.run(model, trace, explain.METHODS[name](**QUICK.get(name, {})))
    except UnsuitableError as error:
        return {"refused": error.message}
    values = found.maps if isinstance(found, Concepts) else found.values
    sound = bool(np.isfinite(values).all() and values.any())
    return {"sound": sound, "seconds": time.perf_counter() - began, "checks": found.checks}


def lines(kept: Records) -> list[str]:
    """Write the table, and the reasons below it."""
    names = attributions()
    networks = [key for key in NETWORKS if all(("table", key, name) in kept for name in names)]
    reasons: dict[str, int] = {}

    def cell(key: str, name: str) -> str:
        found = kept["table", key, name]
        if "refused" in found:
            return f"[{reasons.setdefault(found['refused'], len(reasons) + 1)}]"
        return "fine" if found["sound"] else "empty"

    rows = [
        f"| {explain.METHODS[name].label} | " + " | ".join(cell(key, name) for key in networks) + " |" for name in names
    ]
    return [
        "## Fine, or refused with a reason",
        "",
        "Every method says by itself where it would mean nothing or be wrong; what is fine here was also run, on a "
        "smooth seeded picture. Networks that do not ship have seeded live random weights. Empty: it runs, and finds "
        "nothing there that speaks for the class, which the page says in words.",
        "",
        "| method | " + " | ".join(networks) + " |",
        "|---" * (len(networks) + 1) + "|",
        *rows,
        "",
        *(f"[{number}] {reason}  " for reason, number in reasons.items()),
    ]
