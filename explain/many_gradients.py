"""Scores and gradients for many pictures of one job: batch norms folded, channels last, where that takes less time."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import nn

from explain.gradients import differentiate
from models.graph import run

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel
    from models.tracer import Operations

#: Folding costs about one gradient, and saves a fifth of each (resnet18 on a CPU, batches of eight).
WORTH_FOLDING = 16
#: Weights of the convolutions that are copied, in bytes, at the most.
MOST_BYTES = 128 * 2**20
#: How far the folded network's scores may lie from the network's own, as a share of their largest.
CLOSE = 1e-3


def many_gradients(trace: Trace, target: Target, count: int) -> Callable[[Tensor], Tensor]:
    """Return what differentiates the target by the pixels of each picture: (N, 3, H, W) -> (N, 3, H, W).

    count: how many pictures will be asked about, see `for_many`.
    """
    ask = for_many(trace, count)

    def differentiated(pixels: Tensor) -> Tensor:
        leaf = pixels.detach().requires_grad_()
        with torch.enable_grad():
            (found,) = differentiate(target(ask(leaf)).sum(), [leaf])
        return found.detach()

    return differentiated


def for_many(trace: Trace, count: int) -> Callable[[Tensor], Tensor]:
    """Return what gives the scores of `count` pictures in the least time: the network, folded where that pays.

    The count, the device and the network decide, so the number of pictures in a step changes no answer.
    """
    worth = count >= WORTH_FOLDING and trace.model.device.type == "cpu"
    return folded(trace.model, trace.pixels) if worth else trace.model


def folded(model: LoadedModel, pixels: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what gives the model's scores for pixels (N, 3, H, W) in less time: batch norms folded, channels last.

    Where torch.fx cannot follow the network, where neither pays, or where the scores for `pixels`, (1, 3, H, W),
    differ (a norm may serve two convolutions), that is the model itself. Nothing is traced here, which would disturb
    other threads.
    """
    operations = model.graph.operations
    if operations is None:
        return model
    pairs = list(_pairs(operations))
    plain = {} if pairs else _plain(operations)
    changed = [*plain.values(), *(convolution for _, convolution, _, _ in pairs)]
    if not changed or sum(convolution.weight.nbytes for convolution in changed) > MOST_BYTES:
        return model
    with model.lock:
        modules = operations.modules | {name: copy.deepcopy(convolution) for name, convolution in plain.items()}
        for first, convolution, second, norm in pairs:
            modules[first] = nn.utils.fuse_conv_bn_eval(convolution, norm)
            modules[second] = nn.Identity()
    for name in [*plain, *(first for first, _, _, _ in pairs)]:
        modules[name].to(memory_format=torch.channels_last)
    quick = dataclasses.replace(operations, modules=modules)

    def ask(pictures: Tensor) -> Tensor:
        normalised = model.normalise(pictures).contiguous(memory_format=torch.channels_last)
        # The modules in between are the network's own.
        with model.lock:
            logits: Tensor = run(quick, {quick.input: normalised}, [quick.output])[quick.output]
        return logits

    # Beside another picture: some networks count on the number of pictures that they were traced with.
    two = torch.cat([pixels, pixels.flip(-1)])
    with torch.no_grad():
        own = model(pixels)
        try:
            other = ask(two)[:1]
        except RuntimeError:
            return model
    return ask if own.shape == other.shape and bool((own - other).abs().max() <= CLOSE * own.abs().max()) else model


def _pairs(operations: Operations) -> Iterator[tuple[str, nn.Conv2d, str, nn.BatchNorm2d]]:
    """Find each convolution whose output goes into nothing but one batch norm; both with their names."""
    for node in operations.nodes:
        users = list(node.users)
        if node.op != "call_module" or len(users) != 1 or users[0].op != "call_module":
            continue
        first, second = str(node.target), str(users[0].target)
        convolution, norm = operations.modules[first], operations.modules[second]
        if type(convolution) is nn.Conv2d and type(norm) is nn.BatchNorm2d and norm.running_mean is not None:
            yield first, convolution, second, norm


def _plain(operations: Operations) -> dict[str, nn.Conv2d]:
    """Find the convolutions of a network that is as good as made of them, such as SqueezeNet, by name; else none.

    Of others, channels last costs as much as it saves: in ConvNeXt each convolution is of one channel alone.
    """
    kinds = {type(module) for module in operations.modules.values()}
    found = {name: module for name, module in operations.modules.items() if type(module) is nn.Conv2d}
    dense = len(found) > 1 and all(module.groups == 1 for module in found.values())
    return found if dense and nn.BatchNorm2d not in kinds else {}
