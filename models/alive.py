"""Random weights with which a network still passes on what it sees, so that gradients do not vanish.

With torchvision's own initialisation many networks are dead before training: ViT's head is zero, and
GoogLeNet's and EfficientNet's gradients are below 1e-13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from models.checkpoint import incomplete, unfilled

if TYPE_CHECKING:
    from models.card import Builder
    from models.pixels import PixelSpace

NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
LINEAR = (nn.modules.conv._ConvNd, nn.Linear)
#: Share of noise in each picture for the statistics of batch norms. Smooth pictures alone leave the filters
#: for fine detail with so little variance that a noisy picture makes EfficientNet's logits explode to 1e5.
NOISE = (0.0, 0.1, 0.3, 1.0)


def alive(builder: Builder, pixels: PixelSpace, seed: int = 0) -> nn.Module:
    """Build a network with seeded random weights through which gradients reach the picture.

    Convolutions and linear layers: normal, scaled by their inputs (He et al., 2015, arXiv:1502.01852);
    norms: 1 and 0; tables and tokens: N(0, 0.02); biases: 0. Batch norms get the statistics of a few random
    pictures, from smooth to noisy. The global random generator stays as it was.
    """
    generator = torch.Generator().manual_seed(seed)
    network = unfilled(builder)
    if incomplete(network):
        with torch.random.fork_rng(devices=[]):
            network = builder()
    network.eval().requires_grad_(False)
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            value = nn.Parameter(_drawn(module, name, parameter, generator), requires_grad=False)
            setattr(module, name, value)
    _measure_statistics(network, pixels.normalise(_pictures(pixels, generator)))
    return network


def _drawn(module: nn.Module, name: str, parameter: Tensor, generator: torch.Generator) -> Tensor:
    shape = parameter.shape
    if isinstance(module, NORMS):
        return torch.ones(shape) if name == "weight" else torch.zeros(shape)
    if len(shape) < 2:
        return torch.zeros(shape)
    scale = (2 / shape[1:].numel()) ** 0.5 if isinstance(module, LINEAR) else 0.02
    return torch.randn(shape, generator=generator) * scale


def _pictures(pixels: PixelSpace, generator: torch.Generator) -> Tensor:
    size = (pixels.side, pixels.side)
    smooth = functional.interpolate(torch.rand(len(NOISE), 3, 8, 8, generator=generator), size, mode="bicubic")
    share = torch.tensor(NOISE).view(-1, 1, 1, 1)
    return smooth.clamp(0, 1).lerp(torch.rand(len(NOISE), 3, *size, generator=generator), share)


def _measure_statistics(network: nn.Module, batch: Tensor) -> None:
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        # Without a momentum the statistics are those of the batch, not a step towards them.
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
