"""Layer-wise relevance propagation: the score shared out backwards, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch

from explain.method import Method, register
from explain.relevance import Relevance
from explain.results import Heatmap
from explain.suitability import probe
from explain.target import ClassProbability
from explain.tracing import Trace
from models.errors import UnsuitableError
from models.progress import report

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel

#: What may be lost or made up on the way, as a share of what is shared out.
MOST_MISSING = 0.01
#: Above this share of the score, what was shared evenly is said.
MOST_EVENLY = 0.1
#: Biases that took more than this share of the score left hardly anything to the pixels.
MOSTLY = 0.99


@register
@dataclass(frozen=True)
class LRP(Method):
    """Share out the score of a class among the pixels, handing it back from layer to layer.

    Each unit hands its relevance R to its inputs in proportion to what they gave to it: by the epsilon rule in linear
    layers, and in convolutions by the rule that the composite names (z-plus: by the positive parts alone; alpha2-beta1:
    twice by the positive, minus once by the negative ones; gamma: by all, the positive ones favoured; the first layer
    flat, or within the box of pixel values). R starts as the score itself (Contrast: one score, and minus the other),
    so values are in units of the score, signed, summed over colours: they and the biases' part add up to the score. The
    check "bias_share" is that part; "conservation" is what is lost or made up where biases take nothing, and more than
    1 % is refused. That little is lost is owed to a completion of ours: where zennit's plain rules lose relevance, as a
    unit gave by none of the parts that they share by, its inputs share it evenly. "evenly" is how much that is where
    biases take nothing, as a share of the score, added over the layers. Not shown: gates and attention count as
    constants, so what they do is credited to what they let through; the composite shapes the map as much as the
    network does. Bach et al., 2015, doi:10.1371/journal.pone.0130140; composites: Kohlbrenner et al., 2019,
    arXiv:1910.09840; zennit's rules: Anders et al., 2021, arXiv:2106.13200.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "LRP"
    paper: ClassVar = "Bach et al., 2015, doi:10.1371/journal.pone.0130140; rules as in arXiv:1910.09840"
    caption: ClassVar = "medium: for and against; hangs on its rules"

    composite: Annotated[
        Literal["epsilon_plus", "epsilon_plus_flat", "epsilon_alpha2_beta1", "epsilon_gamma_box"],
        "Which rule each layer follows; epsilon in linear layers, in convolutions the one named",
    ] = "epsilon_plus"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, and the checks "conservation", "evenly" and "bias_share"."""
        target(trace.logits)
        if isinstance(target, ClassProbability):
            raise UnsuitableError(
                "A probability depends on the scores of all classes, and relevance is shared out from a score.",
                "Ask about the class's score, or about one class rather than another.",
            )
        report(0, 2)
        relevance = Relevance(trace.model, trace.pixels, _start(trace.logits, target), self.composite)
        values = relevance.shares(trace.logits, biases=True)
        share = relevance.missing(values)
        found = Heatmap(
            values=values.float().cpu().numpy(), signed=True, checks={"bias_share": share}, notes=(_note(share),)
        )
        report(1, 2, lambda: found)
        lost = abs(relevance.missing(relevance.shares(trace.logits, biases=False)))
        if not lost <= MOST_MISSING:
            raise UnsuitableError(_refusal(lost), "Another composite may do.")
        report(2, 2)
        evenly = relevance.evenly
        return replace(
            found,
            checks={**found.checks, "conservation": lost, "evenly": evenly},
            notes=(*found.notes, *_even_note(evenly)),
        )

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks without readable operations, with unknown ones, or where relevance does not add up.

        Units with a rule hand on all that they get, so what does not add up was lost between them: by an operation that
        hands relevance on by its gradient (a pool, a pad, whatever only moves values), or by numbers that overflow.
        """
        trace = Trace(model, probe(model))
        logits = trace.logits
        start = torch.zeros_like(logits)
        start[0, logits[0].argmax()] = 1
        relevance = Relevance(model, trace.pixels, start, cls.composite)
        lost = abs(relevance.missing(relevance.shares(logits, biases=False)))
        return None if lost <= MOST_MISSING else _refusal(lost)


def _start(logits: Tensor, target: Target) -> Tensor:
    """What each score has to share out: its part of the target, which is a sum of scores with signs."""
    leaf = logits.detach().clone().requires_grad_()
    with torch.enable_grad():
        (signs,) = torch.autograd.grad(target(leaf).sum(), leaf)
    return logits.detach() * signs


def _note(share: float) -> str:
    if MOSTLY < share <= 1:
        return "The network's biases took more than 99 % of the score; the map shows where the rest lies."
    rest = "" if share >= 0 else ", so the map adds up to more"
    return f"The network's biases took {100 * share:.0f} % of the score{rest}."


def _even_note(share: float) -> tuple[str, ...]:
    if share <= MOST_EVENLY:
        return ()
    return (
        f"Where biases take nothing, {100 * share:.0f} % of the score, added over the layers, was shared evenly for "
        "want of inputs to share it by: that it adds up says little.",
    )


def _refusal(lost: float) -> str:
    amount = "more than all" if not lost <= 1 else f"{100 * lost:.1f} %"
    return f"In this network {amount} of the relevance is lost or made up on its way to the pixels; 1 % may be."
