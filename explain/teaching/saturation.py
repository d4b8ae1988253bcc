"""The smallest network that saturates, 1 - relu(1 - x), with its gradient and its Integrated Gradients, in numpy.

The example is that of the paper on Integrated Gradients (Sundararajan et al., 2017, arXiv:1703.01365).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


def output(value: Numbers | float) -> Numbers:
    """Run the network forward: 1 - relu(1 - x)."""
    hidden = np.maximum(1 - np.asarray(value, np.float64), 0)
    found: Numbers = 1 - hidden
    return found


def gradient(value: Numbers | float) -> Numbers:
    """Run it backward: 1 below x = 1; from there on 0, as torch takes it at the kink too."""
    inner = 1 - np.asarray(value, np.float64)
    found: Numbers = np.where(inner > 0, 1.0, 0.0)
    return found


@dataclass(frozen=True, eq=False)
class Path:
    """The straight way from a baseline to an input, in steps.

    points: the inputs in the middle of each step. gradients: at these. shares: gradient times the length of a step.
    """

    points: Numbers
    gradients: Numbers
    shares: Numbers

    @property
    def total(self) -> float:
        """The input's attribution by Integrated Gradients: the sum of the shares."""
        return float(self.shares.sum())


def path(baseline: float, value: float, steps: int) -> Path:
    """Walk from the baseline to the input in so many steps, and measure the gradient in the middle of each."""
    if steps < 1:
        raise ParameterError(f"A path has at least one step, not {steps}.")
    points = baseline + (np.arange(steps) + 0.5) / steps * (value - baseline)
    gradients = gradient(points)
    return Path(points, gradients, gradients * (value - baseline) / steps)
