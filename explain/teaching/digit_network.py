"""A LeNet-sized network for pictures of 8 x 8 pixels: its settings, and how torch builds it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from models.errors import ParameterError

if TYPE_CHECKING:
    from torch import nn

SIDE, CLASSES = 8, 10
#: Activations that `DigitNetwork.activation` may name, each with torch's name of its module.
ACTIVATIONS: Mapping[str, str] = MappingProxyType(
    {
        "relu": "ReLU",
        "leaky_relu": "LeakyReLU",
        "sigmoid": "Sigmoid",
        "tanh": "Tanh",
        "gelu": "GELU",
        "none": "Identity",
    }
)
POOLINGS: Mapping[str, str] = MappingProxyType({"max": "MaxPool2d", "average": "AvgPool2d", "none": "Identity"})


@dataclass(frozen=True)
class DigitNetwork:
    """What a network for digits is made of: two convolutions, each with activation and pooling, then linear layers.

    maps: channels of the two convolutions; none of them make a fully connected network. kernel: side of the
    kernels, an odd number, so that padding keeps the size. hidden: units of the linear layers before the last.
    dropout: the share of numbers set to zero before the last layer while it trains.
    """

    maps: tuple[int, ...] = (8, 16)
    kernel: int = 3
    hidden: tuple[int, ...] = (32,)
    activation: str = "relu"
    pooling: str = "max"
    dropout: float = 0.0
    batch_norm: bool = False

    def __post_init__(self) -> None:
        for given, known, what in ((self.activation, ACTIVATIONS, "activation"), (self.pooling, POOLINGS, "pooling")):
            if given not in known:
                raise ParameterError(f"The {what} {given!r} is not known; there are {', '.join(known)}.")
        if min((*self.maps, *self.hidden, 1)) < 1:
            raise ParameterError(f"Every layer needs a map or unit; given are {self.maps} and {self.hidden}.")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ParameterError(f"The kernel's side is an odd number, not {self.kernel}.")
        if len(self.maps) > 3:
            raise ParameterError(f"A picture of 8 x 8 can be halved three times, not {len(self.maps)}.")
        if not 0 <= self.dropout < 1:
            raise ParameterError(f"Dropout is a share from 0 to below 1, not {self.dropout}.")

    @property
    def flat(self) -> int:
        """Say how many numbers the linear layers read."""
        side = SIDE if self.pooling == "none" else SIDE // 2 ** len(self.maps)
        return side * side * (self.maps[-1] if self.maps else 1)


def build(settings: DigitNetwork, seed: int = 0) -> nn.Sequential:
    """Build the network with torch's own initialisation, drawn with this seed: (N, 1, 8, 8) -> (N, 10) scores.

    The layers bear the names conv1, norm1, activation1, pool1, conv2 ..., flatten, hidden1, hidden_norm1,
    hidden_activation1 ..., dropout, scores.
    """
    import torch
    from torch import nn

    activation = getattr(nn, ACTIVATIONS[settings.activation])
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        before = 1
        for number, maps in enumerate(settings.maps, 1):
            layers[f"conv{number}"] = nn.Conv2d(before, maps, settings.kernel, padding=settings.kernel // 2)
            if settings.batch_norm:
                layers[f"norm{number}"] = nn.BatchNorm2d(maps)
            layers[f"activation{number}"] = activation()
            if settings.pooling != "none":
                layers[f"pool{number}"] = getattr(nn, POOLINGS[settings.pooling])(2)
            before = maps
        layers["flatten"] = nn.Flatten()
        before = settings.flat
        for number, units in enumerate(settings.hidden, 1):
            layers[f"hidden{number}"] = nn.Linear(before, units)
            if settings.batch_norm:
                layers[f"hidden_norm{number}"] = nn.BatchNorm1d(units)
            layers[f"hidden_activation{number}"] = activation()
            before = units
        if settings.dropout:
            layers["dropout"] = nn.Dropout(settings.dropout)
        layers["scores"] = nn.Linear(before, CLASSES)
    return nn.Sequential(layers)


def folded(network: nn.Sequential) -> nn.Sequential:
    """Return the trained network without batch norms: their shifts and scales go into the layers before them."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = ""
    for name, layer in network.eval().named_children():
        if isinstance(layer, nn.BatchNorm2d):
            convolution = layers[before]
            assert isinstance(convolution, nn.Conv2d)
            layers[before] = fuse_conv_bn_eval(convolution, layer)
        elif isinstance(layer, nn.BatchNorm1d):
            linear = layers[before]
            assert isinstance(linear, nn.Linear)
            layers[before] = fuse_linear_bn_eval(linear, layer)
        elif not isinstance(layer, nn.Dropout):
            layers[name] = layer
            before = name
    return nn.Sequential(layers).eval()
