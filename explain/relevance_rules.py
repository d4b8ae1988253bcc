"""zennit's rules, completed so that no relevance is lost, and the composites that say which layer gets which rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from zennit.composites import EpsilonAlpha2Beta1, EpsilonGammaBox, EpsilonPlus, EpsilonPlusFlat
from zennit.core import BasicHook, Composite, Hook, ParamMod
from zennit.rules import Epsilon, Flat, Gamma, NoMod, Norm, Pass

from explain.relevance_modules import Averaged, Scaled

if TYPE_CHECKING:
    from torch import Tensor

COMPOSITES: dict[str, Any] = {
    "epsilon_plus": EpsilonPlus,
    "epsilon_plus_flat": EpsilonPlusFlat,
    "epsilon_alpha2_beta1": EpsilonAlpha2Beta1,
    "epsilon_gamma_box": EpsilonGammaBox,
}
#: What keeps a rule from dividing by zero, as in zennit.
STABILIZER = 1e-6
#: Where a rule finds ways for less than this share of a unit's relevance, it has found none.
FOUND = 1e-3


class Complete(Hook):  # type: ignore[misc]
    """A rule of zennit that gives on all that it gets: what each unit hands down adds up to what it was handed.

    zennit's rules lose relevance where a unit has nothing of the kind that they share it by (no positive part for
    z-plus), and alpha-beta doubles it where the negative part is missing. Here each unit's shares are scaled to add
    up; a unit whose rule finds nothing at all shares evenly among the inputs that it sees, and `evenly` gets one more
    entry: how much relevance was shared so. Biases take their part first, where they count.
    """

    def __init__(self, rule: BasicHook, evenly: list[float]) -> None:
        super().__init__()
        self.rule = rule
        self.evenly = evenly

    def copy(self) -> Complete:
        """Make another for another module."""
        return Complete(self.rule, self.evenly)

    def forward(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Remember what the module was given."""
        self.stored_tensors["input"] = inputs

    def backward(self, module: nn.Module, inward: Any, outward: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        """Turn the relevance of the module's output into that of its input."""
        rule, relevance, given = self.rule, outward[0], self.stored_tensors["input"][0].detach()
        inputs, outputs = [], []
        for change_input, change_weights in zip(rule.input_modifiers, rule.param_modifiers, strict=True):
            inputs.append(change_input(given.clone()).requires_grad_())
            outputs.append(_computed(module, change_weights, inputs[-1]))
        parts = rule.gradient_mapper(relevance, outputs)
        found = rule.reducer([output.detach() for output in outputs], parts)
        some = found.abs() > FOUND * relevance.abs()
        scale = torch.where(some, relevance / torch.where(some, found, 1), 0)
        gradients = torch.autograd.grad(outputs, inputs, [part * scale for part in parts])
        handed = rule.reducer(inputs, gradients).detach()
        left = torch.where(some, 0, relevance)
        if left.any():
            self.evenly.append(float(left.cpu().double().abs().sum()))
            handed = handed + _evenly(module, given, left)
        return tuple(handed if other is not None and other.shape == handed.shape else None for other in inward)


def _evenly(module: nn.Module, given: Tensor, relevance: Tensor) -> Tensor:
    inputs = torch.ones_like(given).requires_grad_()
    count = _computed(module, ParamMod(lambda weight, name: torch.ones_like(weight), zero_params=["bias"]), inputs)
    (handed,) = torch.autograd.grad(count, inputs, relevance / count.detach().clamp(min=1))
    return handed


def _computed(module: nn.Module, change_weights: Any, inputs: Tensor) -> Tensor:
    with ParamMod.ensure(change_weights)(module) as changed, torch.enable_grad():
        output: Tensor = changed.forward(inputs)
        return output


def composite(name: str, low: Tensor, high: Tensor, evenly: list[float], *, biases: bool) -> Composite:
    """Make zennit's composite of this name.

    low, high: the least and the greatest that a normalised pixel can be, (1, 3, 1, 1).
    evenly: gets what is shared evenly for want of a better rule. biases: whether they take their part.
    """
    settings: dict[str, Any] = {
        "epsilon": STABILIZER,
        "stabilizer": STABILIZER,
        "zero_params": None if biases else "bias",
        "layer_map": [
            ((Scaled,), Epsilon(epsilon=STABILIZER) if biases else Pass()),
            ((Averaged,), Norm(stabilizer=STABILIZER)),
        ],
    }
    kind = COMPOSITES[name]
    made = kind(**settings, low=low, high=high) if kind is EpsilonGammaBox else kind(**settings)
    choose = made.module_map

    def completed(context: dict[str, Any], path: str, module: nn.Module) -> Hook | None:
        rule = choose(context, path, module)
        if isinstance(rule, Gamma):
            # zennit asks the unit's sign with its bias, also where biases are left out of all the rest.
            rule.param_modifiers[-1] = NoMod(zero_params=settings["zero_params"])
        return Complete(rule, evenly) if isinstance(rule, BasicHook) and not isinstance(rule, Flat) else rule

    return Composite(completed)
