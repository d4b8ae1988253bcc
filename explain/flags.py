"""What would make an attack's success, or its failure, mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from explain.target import both

if TYPE_CHECKING:
    from explain.attack import Search
    from explain.tracing import Trace


def flags(trace: Trace, search: Search, label: int) -> tuple[str, ...]:
    """Say what would make a success, or a failure, mean nothing (the checks of AutoAttack, arXiv:2003.01690)."""
    notes = []
    scores = trace.logits[0]
    if int(both(trace.logits)[0].argmax()) != label:
        names = trace.model.card.classes
        name = names[label] if label < len(names) else f"class {label}"
        notes.append(f"The network did not say {name} to begin with, so leaving it proves nothing.")
    if search.asked_gradient and not search.felt:
        notes.append(
            "The gradient is zero or no number everywhere: "
            "the attack is blind here, which does not make the network safe."
        )
    if bool(((scores >= 0) & (scores <= 1)).all()):
        if len(scores) > 1 and abs(float(scores.sum()) - 1) < 1e-4:
            notes.append("The network gives probabilities where scores before softmax were expected: gradients fade.")
        else:
            notes.append("All scores lie between 0 and 1: if they are probabilities, gradients fade.")
    with torch.no_grad():
        again = trace.model(trace.pixels.repeat(2, 1, 1, 1))
    if not torch.allclose(again, scores.expand_as(again), rtol=1e-3, atol=1e-3 * float(scores.abs().max())):
        notes.append("The network answers the same picture differently each time: repeat the attack.")
    return tuple(notes)
