"""Softmax: from logits to probabilities, how sure they are, and what they cost when the truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]


def softmax(logits: Floats, temperature: float = 1.0) -> Any:
    """Turn logits (..., classes) into probabilities: exp(logit / T), divided by their sum."""
    return np.exp(log_softmax(logits, temperature))


def log_softmax(logits: Floats, temperature: float = 1.0) -> Any:
    """Return the logarithms of the probabilities, exact also where a probability is too small to be written."""
    if temperature <= 0:
        raise ParameterError(f"A temperature is above 0, not {temperature:g}.")
    scaled = logits / temperature
    # A constant changes nothing, and without the largest logit no power overflows.
    scaled = scaled - scaled.max(-1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))


def entropy(probabilities: Floats) -> float:
    """Return how undecided probabilities are, in bits: 0 if one class has it all, log2(classes) if all share alike."""
    held = probabilities[probabilities > 0]
    return max(0.0, float(-(held * np.log2(held)).sum()))


def cross_entropy(logits: Floats, true: int, temperature: float = 1.0) -> float:
    """Return the loss -log p of the true class (natural logarithm)."""
    return float(-log_softmax(logits, temperature)[true])


def cross_entropy_gradient(logits: Floats, true: int, temperature: float = 1.0) -> Any:
    """Return the loss's gradient with respect to the logits: (p - y) / T, where y is 1 for the true class, else 0."""
    gradient = softmax(logits, temperature)
    gradient[true] -= 1
    return gradient / temperature
