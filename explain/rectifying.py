"""What Guided Backprop and Deconvnet share: gradients that pass a ReLU by another rule than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from explain.gradients import differentiate
from explain.rewriting import Rewritten, Rule
from explain.suitability import probe
from explain.target import ClassLogit, probabilities
from explain.tracing import Trace

if TYPE_CHECKING:
    from explain.target import Target
    from models import LoadedModel

#: Through which ReLUs a positive gradient passes: those that were open, or all.
Way = Literal["open", "all"]

#: Activations that are no ReLU; the plain gradient passes them.
OTHERS = (
    *("leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "silu", "gelu", "mish", "softplus"),
    *("hardswish", "hardsigmoid", "sigmoid", "tanh"),
)
WARNING = (
    "This map stays much the same when the network's weights are replaced by random ones (arXiv:1810.03292): it"
    " partly recovers the picture itself, whatever the network has learned."
)
BLIND = "Without max pooling, nothing in this map depends on the picture: every picture has the same one."
#: A gradient that differs by less than this, as a share of its largest value, is the plain one.
SAME = 1e-5


def rectified_gradient(trace: Trace, target: Target, way: Way) -> tuple[Tensor, tuple[str, ...]]:
    """Differentiate the target by the pixels, only positive gradients passing the ReLUs; and say what to beware of.

    The gradient is (1, 3, H, W). A ReLU6, or a clamp at zero, is a ReLU with a ceiling: it sets to zero what is
    negative, which is all that the definitions ask of it. Above the ceiling it passes no gradient on the way "open",
    as its own, and passes the positive one on the way "all".
    """
    gradient, rules = _differentiated(trace.model, trace.pixels, target, way)
    notes = [WARNING]
    if rules.others:
        part = f"{rules.changed} of the network's {rules.changed + rules.others} activations are ReLUs"
        notes.append(f"Only {part}; the plain gradient passes the others.")
    elif way == "all" and not rules.pools:
        other, _ = _differentiated(trace.model, 1 - trace.pixels, target, way)
        if bool((gradient - other).abs().max() <= SAME * gradient.abs().max()):
            notes.append(BLIND)
    return gradient, tuple(notes)


def _differentiated(model: LoadedModel, pixels: Tensor, target: Target, way: Way) -> tuple[Tensor, _Rules]:
    rules = _Rules(way)
    leaf = pixels.clone().requires_grad_()
    with torch.enable_grad():
        with Rewritten(rules.table):
            score = target(model(leaf)).sum()
        (gradient,) = differentiate(score, [leaf])
    return gradient, rules


def without_relu(model: LoadedModel, way: Way) -> str | None:
    """Say that the method changes nothing on this network, or None if its gradient is not the plain one."""
    trace = Trace(model, probe(model))
    target = ClassLogit(int(probabilities(trace.logits)[0].argmax()))
    gradient, _ = rectified_gradient(trace, target, way)
    plain = trace.input_gradient(target)
    if bool((gradient - plain).abs().max() > SAME * plain.abs().max()):
        return None
    return "This network has no ReLU that the method can change; the map would be the plain gradient."


class _Rules:
    """Lets only positive gradients through ReLUs, and counts them, the other activations and the max pools."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.changed = self.others = self.pools = 0
        self.table: dict[str, Rule] = {
            **dict.fromkeys(OTHERS, self.leave),
            **dict.fromkeys(("relu", "relu6"), self.rectify),
            **dict.fromkeys(("hardtanh", "clamp", "clamp_min"), self.rectify_from_zero),
            **dict.fromkeys(("max_pool2d", "adaptive_max_pool2d"), self.pool),
        }

    def rectify(self, compute: Rule, given: Tensor, *rest: Any, **options: Any) -> Any:
        value = compute(given, *rest, **options)
        if not given.requires_grad:
            return value
        self.changed += 1
        passed = value if self.way == "open" else given
        return _OnlyPositive.apply(passed, value.detach())

    def rectify_from_zero(self, compute: Rule, given: Tensor, *rest: Any, **options: Any) -> Any:
        lowest = rest[0] if rest else options.get("min_val", options.get("min"))
        if isinstance(lowest, Tensor) or lowest != 0:
            return compute(given, *rest, **options)
        return self.rectify(compute, given, *rest, **options)

    def leave(self, compute: Rule, given: Tensor, *rest: Any, **options: Any) -> Any:
        self.others += given.requires_grad
        return compute(given, *rest, **options)

    def pool(self, compute: Rule, *given: Any, **options: Any) -> Any:
        self.pools += 1
        return compute(*given, **options)


class _OnlyPositive(torch.autograd.Function):
    """The value of one tensor with the gradient of another, of which only what is positive goes on."""

    @staticmethod
    def forward(ctx: Any, passed: Tensor, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.clamp(min=0), None
