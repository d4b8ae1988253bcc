"""Occlusion: hide a window, see what the score loses."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from explain.baselines import baseline
from explain.masking import many_scores
from explain.method import Method, register
from explain.params import Range
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class Occlusion(Method):
    """Hide one window after another and show how much of the score each one takes away.

    Each pixel gets the mean fall of the score over the windows that hid it (Zeiler & Fergus, 2013,
    arXiv:1311.2901). Needs no gradient, so it works on any network. Negative: hiding it raised the score. The window
    decides what can be seen: what is smaller is smeared over its size, and what is larger, or stands in the picture
    twice, may lose nothing to it. Not shown: parts that count only together, each of which can be spared; and the fill
    is itself a picture that the network was never trained on, so some of a fall is its surprise.
    """

    family: ClassVar = "Perturbation"
    label: ClassVar = "Occlusion"
    paper: ClassVar = "Zeiler & Fergus, 2013, arXiv:1311.2901"
    caption: ClassVar = "slow: what if it were hidden, on any network"
    question: ClassVar = "hidden"

    window: Annotated[int, Range(1, 256), "Side of the hidden square, in pixels of the crop"] = 32
    stride: Annotated[int, Range(1, 128), "Pixels from one window to the next"] = 8
    fill: Annotated[Literal["black", "white", "grey", "blur"], "What the window shows instead"] = "black"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, in units of the target (logits, or probability)."""
        height, width = trace.pixels.shape[-2:]
        windows = [
            (slice(top, top + self.window), slice(left, left + self.window))
            for top, left in itertools.product(self._tops(height), self._tops(width))
        ]
        filled = baseline(trace.pixels, self.fill)
        ask = many_scores(trace, target, len(windows))
        whole = float(ask(trace.pixels)[0])
        fall, times = np.zeros((height, width)), np.zeros((height, width))

        def so_far() -> Heatmap:
            return Heatmap(values=(fall / np.maximum(times, 1)).astype(np.float32), signed=True)

        for part in steps(trace, len(windows), so_far):
            pictures = trace.pixels.repeat(part.stop - part.start, 1, 1, 1)
            for picture, (rows, columns) in zip(pictures, windows[part], strict=True):
                picture[:, rows, columns] = filled[0, :, rows, columns]
            left_over = ask(pictures).numpy()
            for (rows, columns), score in zip(windows[part], left_over, strict=True):
                fall[rows, columns] += whole - score
                times[rows, columns] += 1
        passed_over = float((times == 0).mean())
        note = f"{100 * passed_over:.0f} % of the pixels lie between the windows: never hidden, they stay at zero."
        return dataclasses.replace(so_far(), notes=(note,) if passed_over else ())

    def _tops(self, side: int) -> range:
        """Place the windows along one axis: the last one may reach over the edge, as in captum."""
        count = 1 + max(0, -(-(side - self.window) // self.stride))
        return range(0, count * self.stride, self.stride)
