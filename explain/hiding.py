"""Curves over a picture that is hidden, shown or removed in the order of a map, a share more of it at each point."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

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
from models.progress import report

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.tracing import Trace

    Floats = NDArray[np.float32]
    Ranks = NDArray[np.int64]

#: What a metric makes of the values of a map to know in which order to change the picture.
Order = TypeVar("Order")
#: Tells whoever listens that a picture is still being made, so that the check can be stopped there.
Tell = Callable[[], None]
Fill = Literal["mean", "black", "white", "grey", "blur"]


def filled(pixels: Tensor, kind: Fill) -> Tensor:
    """Return what is seen where a picture is hidden: "mean" is its own mean colour; others, see explain.baselines."""
    if kind == "mean":
        return pixels.mean((2, 3), keepdim=True).expand_as(pixels)
    return baseline(pixels, kind)


def hidden_in_order(
    metric: Metric, trace: Trace, heatmap: Heatmap, target: Target | int, fill: Fill, count: int
) -> Curve:
    """Measure how sure the network is of the target while more and more of the picture is hidden or shown.

    The `count` steps take equal numbers of pixels in the order of the map, highest first, equal values in reading
    order. A metric that gets better by rising shows them, one that gets better by falling hides them.
    """
    target = fitting(trace, heatmap, target)
    showing = metric.better == "higher"
    instead = filled(trace.pixels, fill)
    with torch.no_grad():
        whole = float(confidence(trace.logits, target)[0])
        nothing = float(confidence(trace.model(instead), target)[0])

    def picture(ranks: Ranks, step: int, tell: Tell) -> Tensor:
        touched = ranks < round(step / count * ranks.size)
        seen = torch.from_numpy(touched if showing else ~touched).to(trace.pixels)
        return through(seen[None], trace.pixels, instead)[0]

    return in_order(
        metric,
        trace,
        heatmap,
        target,
        x=np.linspace(0, 1, count + 1, dtype=np.float32),
        order=ranked,
        known={0: nothing, count: whole} if showing else {0: whole, count: nothing},
        picture=picture,
        score=lambda logits: confidence(logits, target),
    )


def in_order(
    metric: Metric,
    trace: Trace,
    heatmap: Heatmap,
    target: Target,
    *,
    x: Floats,
    order: Callable[[Floats], Order],
    known: Mapping[int, float],
    picture: Callable[[Order, int, Tell], Tensor],
    score: Callable[[Tensor], Tensor],
    reversed_too: bool = False,
) -> Curve:
    """Measure a curve for a map and for the control maps, of which the trace remembers the curves.

    x: the scale, (n,). order: what a picture is made by, of the values (H, W) of a map. known: y at some points of the
    scale, which need no picture. picture: what is shown to the network for a map's order at a point of the scale,
    (3, H, W). score: logits (N, classes) -> y (N,).
    reversed_too: the pictures are also changed in the opposite order, and y is half of the one less the other.
    """
    remembered: dict[str, Floats] = beside(trace, (metric, target))
    controls = {name: values for name, values in control_maps(trace).items() if name not in remembered}
    signs = (1, -1) if reversed_too else (1,)
    orders = [[order(sign * values) for sign in signs] for values in (heatmap.values, *controls.values())]
    y = np.full((len(orders), len(signs), len(x)), np.nan, np.float32)
    for point, value in known.items():
        y[..., point] = value
    asked = [point for point in range(len(x)) if point not in known]
    places = list(itertools.product(range(len(orders)), asked, range(len(signs))))
    # By what one map takes, so that the answer is the same whatever is remembered.
    ask = for_many(trace, len(asked) * len(signs))

    def curves() -> Floats:
        return 0.5 * (y[:, 0] - y[:, 1]) if reversed_too else y[:, 0]

    def so_far() -> Curve:
        first = curves()[0]
        done = np.isfinite(first)
        return Curve(x=x[done], y=first[done], area=area(x[done], first[done]), better=metric.better)

    for part in steps(trace, len(places), so_far):
        pictures = []
        for done, (row, point, way) in enumerate(places[part], part.start):
            tell = partial(report, done, len(places))
            tell()  # making a picture may take a while, too
            pictures.append(picture(orders[row][way], point, tell))
        with torch.no_grad():
            found = score(ask(torch.stack(pictures)))
        for (row, point, way), value in zip(places[part], found.tolist(), strict=True):
            y[row, way, point] = value
    remembered.update(zip(controls, curves()[1:], strict=True))
    return Curve(
        x=x,
        y=curves()[0],
        area=area(x, curves()[0]),
        better=metric.better,
        baselines={name: area(x, other) for name, other in remembered.items()},
        others=dict(remembered),
    )


def ranked(values: Floats) -> Ranks:
    """Number the pixels of a map (H, W) from the highest value, 0, to the lowest; equal values in reading order."""
    ranks = np.empty(values.size, np.int64)
    ranks[np.argsort(-values.ravel(), kind="stable")] = np.arange(values.size)
    return ranks.reshape(values.shape)


def area(x: Floats, y: Floats) -> float:
    """Return the area under a curve by the trapezoid rule."""
    return float(np.trapezoid(y.astype(np.float64), x.astype(np.float64)))
