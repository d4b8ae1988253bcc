"""Averages over random copies of a picture, with the standard error that so few copies leave."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from explain.many_gradients import many_gradients
from explain.method import Method
from explain.params import Range
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace


class Moments:
    """Running means of the powers of something drawn again and again: of itself, its square, and so on.

    In double precision on the CPU, added one draw at a time, so that batches change nothing.
    """

    def __init__(self, shape: tuple[int, ...], powers: int = 2) -> None:
        self.count = 0
        self._sums = torch.zeros((powers, *shape), dtype=torch.float64)

    def add(self, draws: Tensor) -> None:
        """Take in some more draws, (N, ...)."""
        for draw in draws.cpu():
            exact = draw.double()
            power = torch.ones_like(exact)
            for total in self._sums:
                power *= exact
                total += power
        self.count += len(draws)

    def mean(self, power: int = 1) -> Tensor:
        """Return the mean of this power of the draws."""
        return self._sums[power - 1] / max(self.count, 1)

    def error_of_mean(self, power: int = 1) -> Tensor:
        """Return the squared standard error of `mean(power)`; needs twice that power."""
        return (self.mean(2 * power) - self.mean(power) ** 2).clamp_min(0) / max(self.count - 1, 1)

    def checks(self, values: Tensor, squared_error: Tensor) -> dict[str, float]:
        """State the standard error of an average: its norm over all places, as a share of the average's norm."""
        size = float(values.norm())
        if self.count < 2 or size == 0:
            return {}
        return {"standard_error": float(squared_error.sum().sqrt()) / size}


@dataclass(frozen=True)
class NoisyGradients(Method):
    """Look at the gradient on noisy copies of the picture, one average or another of them. Abstract.

    The noise is Gaussian, drawn for each colour of each pixel, `noise` times the picture's own range wide, and not
    cut off at black and white. Without noise every copy is the picture itself, and one is enough.
    """

    family: ClassVar = "Gradients"
    #: How many powers of the gradient an average and its error need.
    powers: ClassVar[int] = 4

    samples: Annotated[int, Range(1, 256), "Copies to average"] = 50
    noise: Annotated[float, Range(0, 0.5, 0.01), "Noise, as a share of the picture's range"] = 0.15
    seed: Annotated[int, Range(0, 99), "Draw of the noise"] = 0

    @abstractmethod
    def average(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """Return the average for each colour of each pixel (3, H, W), and its squared standard error."""

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: (H, W), not negative, and the check "standard_error", a share of the average's norm."""
        pixels = trace.pixels
        moments = Moments(tuple(pixels.shape[1:]), self.powers)
        width = self.noise * float(pixels.max() - pixels.min())
        if width == 0:
            moments.add(trace.input_gradient(target))
            return self._map(moments)
        generator = torch.Generator().manual_seed(self.seed)
        gradients = many_gradients(trace, target, self.samples)
        for part in steps(trace, self.samples, lambda: self._map(moments), gradient=True):
            # One copy at a time: the draws are the same for every size of a step.
            drawn = [torch.randn(pixels.shape[1:], generator=generator) for _ in range(part.start, part.stop)]
            moments.add(gradients(pixels + width * torch.stack(drawn).to(pixels)))
        return self._map(moments)

    def _map(self, moments: Moments) -> Heatmap:
        average, squared_error = self.average(moments)
        return Heatmap(
            values=average.abs().amax(0).float().numpy(),
            signed=False,
            checks=moments.checks(average, squared_error),
        )
