"""What would make an attack's success, or its failure, mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from explain.attack import Search
    from explain.tracing import Trace


def flags(trace: Trace, search: Search, label: int) -> tuple[str, ...]:
    """Say what would make a success, or a failure, mean nothing (the checks of AutoAttack, arXiv:2003.01690)."""
    notes = []
    logits = trace.logits[0]
    if len(logits) > 1 and int(logits.argmax()) != label:
        names = trace.model.card.classes
        name = names[label] if label < len(names) else f"class {label}"
        notes.append(f"The network did not say {name} to begin with, so leaving it proves nothing.")
    if search.asked_gradient and not search.felt:
        notes.append("The gradient is zero everywhere: the attack is blind here, which does not make the network safe.")
    if len(logits) > 1 and bool((logits >= 0).all()) and abs(float(logits.sum()) - 1) < 1e-4:
        notes.append("The network gives probabilities where scores before softmax were expected: gradients fade.")
    with torch.no_grad():
        again = trace.model(trace.pixels)[0]
    if not torch.allclose(again, logits, rtol=1e-2, atol=1e-2 * float(logits.abs().max())):
        notes.append("The network answers the same picture differently each time: repeat the attack.")
    return tuple(notes)
