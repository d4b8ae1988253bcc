"""Deletion and insertion: how sure the network stays while a picture is hidden, or shown, in the order of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from explain.baselines import baseline
from explain.control_maps import beside, control_maps
from explain.many_gradients import for_many
from explain.masking import through
from explain.metric import Metric, fitting
from explain.results import Curve, Heatmap
from explain.stepping import steps
from explain.target import Target, confidence

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.tracing import Trace

    Floats = NDArray[np.float32]

Fill = Literal["mean", "black", "white", "grey", "blur"]


def filled(pixels: Tensor, kind: Fill) -> Tensor:
    """Return what is seen where a picture is hidden: "mean" is its own mean colour; others, see explain.baselines."""
    if kind == "mean":
        return pixels.mean((2, 3), keepdim=True).expand_as(pixels)
    return baseline(pixels, kind)


def hidden_in_order(metric: Metric, trace: Trace, heatmap: Heatmap, target: Target, fill: Fill, count: int) -> Curve:
    """Measure how sure the network is of the target while more and more of the picture is hidden or shown.

    The `count` steps take equal numbers of pixels in the order of the map, highest first, equal values in reading
    order. A metric that gets better by rising shows them, one that gets better by falling hides them. Measured for the
    map and for the control maps, of which the trace remembers the curves.
    """
    fitting(trace, heatmap)
    known: dict[str, Floats] = beside(trace, (metric, target))
    controls = {name: values for name, values in control_maps(trace).items() if name not in known}
    ranks = [ranked(values) for values in (heatmap.values, *controls.values())]
    x = np.linspace(0, 1, count + 1, dtype=np.float32)
    showing = metric.better == "higher"
    instead = filled(trace.pixels, fill)
    ask = for_many(trace, count * len(ranks))
    with torch.no_grad():
        whole = float(confidence(trace.logits, target)[0])
        nothing = float(confidence(trace.model(instead), target)[0])
    y = np.full((len(ranks), count + 1), np.nan, np.float32)
    y[:, 0], y[:, -1] = (nothing, whole) if showing else (whole, nothing)
    places = [(curve, step) for curve in range(len(ranks)) for step in range(1, count)]

    def so_far() -> Curve:
        done = np.isfinite(y[0])
        return Curve(x=x[done], y=y[0, done], area=area(x[done], y[0, done]), better=metric.better)

    for part in steps(trace, len(places), so_far):
        seen = np.stack([_seen(ranks[curve], step / count, showing) for curve, step in places[part]])
        masks = torch.from_numpy(seen).to(trace.pixels)
        with torch.no_grad():
            found = confidence(ask(through(masks, trace.pixels, instead)), target)
        y[tuple(zip(*places[part], strict=True))] = found.cpu().numpy()
    known.update(zip(controls, y[1:], strict=True))
    return Curve(
        x=x,
        y=y[0],
        area=area(x, y[0]),
        better=metric.better,
        baselines={name: area(x, other) for name, other in known.items()},
        others=dict(known),
    )


def ranked(values: Floats) -> NDArray[np.int64]:
    """Number the pixels of a map (H, W) from the highest value, 0, to the lowest; equal values in reading order."""
    ranks = np.empty(values.size, np.int64)
    ranks[np.argsort(-values.ravel(), kind="stable")] = np.arange(values.size)
    return ranks.reshape(values.shape)


def area(x: Floats, y: Floats) -> float:
    """Return the area under a curve by the trapezoid rule."""
    return float(np.trapezoid(y.astype(np.float64), x.astype(np.float64)))


def _seen(ranks: NDArray[np.int64], share: float, showing: bool) -> NDArray[np.float32]:
    """Return 1 where the picture is seen when this share of it has been shown, or hidden: (H, W)."""
    touched = ranks < round(share * ranks.size)
    return (touched if showing else ~touched).astype(np.float32)
