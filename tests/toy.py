"""Small networks for tests, wrapped as loaded models."""

from __future__ import annotations

from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from models.card import ModelCard
from models.loaded import LoadedModel
from models.pixels import PixelSpace
from models.registry import frozen
from models.weights import WeightsSource


def loaded(
    network: nn.Module, classes: int, side: int = 16, key: str = "toy", plain: bool = True, device: str = "cpu"
) -> LoadedModel:
    """Wrap a network; `plain` pixels are passed on as they are, else shifted and scaled."""
    mean, std = ((0.0,) * 3, (1.0,) * 3) if plain else ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    pixels = PixelSpace(side=side, resize=side, mean=mean, std=std, interpolation="bilinear")
    card = ModelCard(
        key=key,
        label=key,
        family="toy",
        builder=nn.Identity,
        pixels=pixels,
        classes=tuple(f"class {index}" for index in range(classes)),
    )
    source = WeightsSource(kind="file", version="", file=key, identity=key)
    place = torch.device(device)
    return LoadedModel(card, frozen(network).to(place), place, RLock(), source)


def seeded(network: nn.Module, seed: int = 0) -> nn.Module:
    """Fill every parameter and buffer that counts with seeded numbers."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
        for parameter in network.parameters():
            if parameter.ndim > 1:
                fan = parameter[0].numel()
                parameter.normal_(0, (2 / fan) ** 0.5, generator=generator)
            else:
                parameter.uniform_(-0.1, 1, generator=generator)
    return network


def picture(side: int = 16, seed: int = 0) -> Tensor:
    """Draw pixels (1, 3, side, side) in [0, 1]."""
    return torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(seed))


def state(model: LoadedModel) -> dict[str, Any]:
    """Everything about a network that a question could leave behind."""
    facts: dict[str, Any] = {}
    for path, module in model.network.named_modules():
        hooks = [key for key in vars(module) if "hook" in key and isinstance(vars(module)[key], dict)]
        facts[f"{path} hooks"] = {key: len(vars(module)[key]) for key in hooks}
        facts[f"{path} training"] = module.training
        facts[f"{path} attributes"] = sorted(vars(module))
        facts[f"{path} forward"] = "forward" in vars(module)
    for path, tensor in [*model.network.named_parameters(), *model.network.named_buffers()]:
        facts[f"{path} value"] = tensor.detach().cpu().numpy().tobytes()
        facts[f"{path} flags"] = (tensor.requires_grad, tensor.grad is None, id(tensor), tensor._version)
    return facts


class Counting(TorchDispatchMode):
    """Counts convolutions, forward and backward, that run inside the `with`."""

    def __init__(self) -> None:
        super().__init__()
        self.forward = 0
        self.backward = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.forward += func is torch.ops.aten.convolution.default
        self.backward += func is torch.ops.aten.convolution_backward.default
        return func(*args, **(kwargs or {}))


class Linear(nn.Module):
    """A network that is linear in its pixels."""

    def __init__(self, classes: int = 3, side: int = 16) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(3 * side * side, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(self.flatten(pixels))


class Pooled(nn.Module):
    """Convolutions, global average pooling, one linear layer; CAM is exact here. One ReLU is used twice."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(12, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.relu(self.bn1(self.conv1(pixels)))
        second = self.relu(self.conv2(first))
        return self.fc(torch.flatten(self.pool(second), 1))


class InPlace(nn.Module):
    """Writes into tensors that were a layer's output, in every way that people do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(3, 6, 3, padding=1)
        self.conv_2 = nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.conv_1(pixels)
        functional.relu(first, inplace=True)
        second = self.conv_2(first)
        second += first
        second.mul_(0.5)
        functional.relu_(second)
        return self.fc(second.mean((2, 3)))


class Branching(nn.Module):
    """Cannot be followed by torch.fx: what it does depends on its data."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.conv1(pixels)
        if first.sum() > 1e9:
            first = -first
        first.relu_()
        return self.fc(self.conv2(first).relu().mean((2, 3)))


class SingleLogit(nn.Module):
    """One output for two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.fc = nn.Linear(4, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(self.conv(pixels).relu().mean((2, 3)))
