"""A simple model of the network around one picture: how much each superpixel adds when it is shown."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import torch

from explain.baselines import Baseline, baseline
from explain.masking import many_scores
from explain.method import Method
from explain.params import Range
from explain.results import Heatmap
from explain.stepping import at_once, measured_batch
from explain.superpixels import superpixels
from models.progress import report

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

    Floats = NDArray[np.float64]

#: Where the additive model follows less than this share of how the scores vary, the map says so.
FOLLOWS = 0.5


@dataclass(frozen=True)
class SuperpixelModel(Method):
    """Hide superpixels in many ways, and fit a model that adds up. Abstract: a subclass says which ways, and the fit.

    captum's LimeBase shows the network the pictures; the ways are drawn here, from a generator of their own.
    """

    family: ClassVar = "Perturbation"
    question: ClassVar = "hidden"

    samples: Annotated[int, Range(10, 4000, 10), "Pictures with some of the superpixels hidden"] = 400
    segments: Annotated[int, Range(2, 200), "Superpixels into which the picture is cut, about"] = 50
    fill: Annotated[Baseline, "What a hidden superpixel shows instead"] = "black"
    seed: Annotated[int, Range(0, 99), "Draw of what is hidden"] = 0

    @abstractmethod
    def draw(self, count: int) -> Tensor:
        """Choose the superpixels that each picture shows: (N, count) bool, the whole picture first."""

    @abstractmethod
    def weigh(self, shown: Floats) -> Floats:
        """Say how much each picture counts in the fit: (N, count) of 0 and 1 -> (N,)."""

    @abstractmethod
    def fit(self, shown: Floats, scores: Floats, weights: Floats) -> tuple[Floats, float]:
        """Fit scores (N,) by what is shown (N, count): what each superpixel adds, (count,), and the score without."""

    def judged(self, added: Floats, scores: Floats, whole: float) -> dict[str, float]:
        """Measure what else is known about the values; whole: the score of the picture as it is."""
        return {}

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: (H, W), signed, in units of the target, one value for each superpixel."""
        from captum.attr import LimeBase

        pixels, instead = trace.pixels, baseline(trace.pixels, self.fill)
        cut = superpixels(pixels[0].permute(1, 2, 0).cpu().numpy(), self.segments)
        places, ways = torch.from_numpy(cut).long().to(pixels.device), self.draw(int(cut.max()) + 1)
        whole, ask = float(target(trace.logits)[0]), many_scores(trace, target, len(ways))
        found: list[float] = []

        def so_far() -> Heatmap | None:
            shown = ways[: len(found)].double().numpy()
            return self._map(cut, shown, np.array(found), self.weigh(shown), whole) if len(found) > 1 else None

        def asked(pictures: Tensor) -> Tensor:
            report(len(found), len(ways), so_far)
            scores = ask(pictures)
            found.extend(scores.tolist())
            return scores

        def drawn(original: Tensor, **kwargs: Any) -> Iterator[Tensor]:
            yield from ways[:, None]

        def hidden(way: Tensor, original: Tensor, **kwargs: Any) -> Tensor:
            return torch.where(way[0].to(places.device)[places], pixels, instead)

        def similarity(original: Tensor, picture: Tensor, way: Tensor, **kwargs: Any) -> Tensor:
            return torch.from_numpy(self.weigh(way.double().numpy()))

        table = _Table()
        lime = LimeBase(asked, table, similarity, drawn, True, hidden, None)
        lime.attribute(pixels, n_samples=len(ways), perturbations_per_eval=at_once(measured_batch(trace)))
        report(len(ways), len(ways))
        return self._map(cut, *table.columns, whole)

    def _map(self, cut: NDArray[np.int32], shown: Floats, scores: Floats, weights: Floats, whole: float) -> Heatmap:
        added, without = self.fit(shown, scores, weights)
        share = _followed(scores, shown @ added + without, weights)
        notes = [f"The picture is cut into {shown.shape[1]} superpixels; each has one value."]
        if share < FOLLOWS:
            notes.append(
                f"Adding up superpixels follows only {100 * max(share, 0):.0f} % of how the score varies; "
                "what they do together is not in the map."
            )
        return Heatmap(
            values=added[cut].astype(np.float32),
            signed=True,
            segments=cut,
            notes=tuple(notes),
            checks={"fit": share, **self.judged(added, scores, whole)},
        )


class _Table:
    """Stands for captum's model: keeps what was shown, scored and weighed, for a fit that also serves partial results.

    captum's own models need scikit-learn, and draw from the generator that all of torch shares.
    """

    columns: tuple[Floats, Floats, Floats]

    def fit(self, loader: Any) -> None:
        """Take the table as it is, without drawing from it."""
        shown, scores, weights = (column.cpu().double().numpy() for column in loader.dataset.tensors)
        self.columns = shown, scores, weights

    def representation(self) -> tuple[Floats, Floats, Floats]:
        """Return what captum hands on."""
        return self.columns


def _followed(scores: Floats, fitted: Floats, weights: Floats) -> float:
    """Return the share of the weighted variance of the scores that the fit explains; 1 where there is none."""
    spread = float((weights * (scores - np.average(scores, weights=weights)) ** 2).sum())
    # Scores that differ by their last bits only do not vary.
    if spread <= 1e-12 * float((weights * scores**2).sum()):
        return 1.0
    return 1 - float((weights * (scores - fitted) ** 2).sum()) / spread
