"""Makes the files of the digits: pictures, trained weights, comparison. `python -m explain.teaching.make_digits`."""

from __future__ import annotations

import json
import platform
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from explain.teaching import digits as shipped
from explain.teaching.digit_comparison import BATCH, CONTESTANTS, DECAY, EPOCHS, RATE, SHIPPED, measured, trained

#: Seeds over which the spread is taken; the networks that are shipped were trained with the first.
SEEDS = tuple(range(10))
#: A network that is shipped names this share of the test part right, or nothing is written.
LEAST = 0.97


def main() -> None:
    """Write the three files, and say what was measured."""
    write_pictures()
    write_weights()
    write_comparison()


def write_pictures() -> None:
    """Take the pictures from scikit-learn and put them in a fixed order, each part with its share of every digit."""
    loaded = import_module("sklearn.datasets").load_digits()
    generator = np.random.default_rng(shipped.SPLIT_SEED)
    total = sum(shipped.SIZES)
    assert len(loaded.target) == total
    # Each picture's place among those of its class, as a share: sorted by it, every stretch holds all classes alike.
    share = np.empty(total)
    for digit in range(10):
        members = np.flatnonzero(loaded.target == digit)
        share[members] = (generator.permutation(len(members)) + generator.random(len(members))) / len(members)
    order = np.argsort(share, kind="stable")
    np.savez_compressed(
        shipped.PICTURES,
        pixels=loaded.images[order].astype(np.uint8),
        labels=loaded.target[order].astype(np.uint8),
        order=order.astype(np.int16),
    )


def write_weights() -> None:
    """Train the two networks that are shipped, with the first seed."""
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    data = shipped.digits()
    for kind, file in shipped.WEIGHTS.items():
        network = trained(SHIPPED, data, SEEDS[0], shifts=kind == "shifted")
        state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
        right = [
            float((shipped.forward(state, part.inputs)["scores"].argmax(1) == part.labels).mean())
            for part in (data.training, data.validation, data.test)
        ]
        print(f"{kind}: right of training {right[0]:.4f}, validation {right[1]:.4f}, test {right[2]:.4f}")
        if right[2] < LEAST:
            raise SystemExit(f"The network names {right[2]:.1%} of the test pictures right; {LEAST:.0%} are wanted.")
        card = {
            "trained": f"AdamW, rate {RATE}, weight decay {DECAY}, batches of {BATCH}, {EPOCHS} epochs, batch norm "
            f"(folded), best on validation, {'with shifted copies, ' * (kind == 'shifted')}seed {SEEDS[0]}",
            "test_accuracy": f"{right[2]:.4f}",
            "data": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI, CC BY 4.0",
        }
        save_file(dict(network.state_dict()), file, card)


def write_comparison() -> None:
    """Measure all contestants, one thread each."""
    import torch

    torch.set_num_threads(1)
    data = shipped.digits()
    rows = {}
    for contestant in CONTESTANTS:
        row: dict[str, Any] = {"label": contestant.label}
        for kind in shipped.WEIGHTS:
            row[kind] = measured(contestant, data, SEEDS, shifts=kind == "shifted")
            means = [float(np.mean(row[kind][name])) for name in ("accuracy", "shifted")]
            print(f"{contestant.label}, {kind}: {means[0]:.4f}, test shifted {means[1]:.4f}", flush=True)
        rows[contestant.key] = row
    stored = {
        "seeds": list(SEEDS),
        "sizes": list(shipped.SIZES),
        "versions": {name: version(name) for name in ("torch", "scikit-learn", "numpy")},
        "python": platform.python_version(),
        "networks": {"optimiser": "AdamW", "rate": RATE, "weight_decay": DECAY, "batch": BATCH, "epochs": EPOCHS},
        "threads": 1,
        "contestants": rows,
    }
    shipped.COMPARISON.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
