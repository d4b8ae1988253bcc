"""The small architectures that ConvLens trains and ships: 64-pixel pictures, 50 everyday classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torchvision.models.resnet import BasicBlock

if TYPE_CHECKING:
    from torch import Tensor


class EverydayResNet(nn.Module):
    """A residual network in the form of ResNet-18 with three stages instead of four: 2.8 million parameters.

    Three stages of two blocks (64, 128, 256 channels), global average pooling, one linear layer
    (He et al., 2015, arXiv:1512.03385). A picture of 64 x 64 ends in a grid of 8 x 8.
    """

    def __init__(self, classes: int = 50) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.layer1 = nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2, _shortcut(64, 128)), BasicBlock(128, 128))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2, _shortcut(128, 256)), BasicBlock(256, 256))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(256, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Turn normalised pixels (N, 3, H, W) into logits (N, classes)."""
        start = self.relu(self.bn1(self.conv1(pixels)))
        last: Tensor = self.layer3(self.layer2(self.layer1(start)))
        logits: Tensor = self.fc(self.flatten(self.avgpool(last)))
        return logits


class EverydayVGG(nn.Module):
    """A plain network in the form of VGG: seven convolutions, then two fully connected layers with dropout.

    Each convolution is followed by batch norm and ReLU; max pooling halves the picture four times, 64 to 4
    (Simonyan and Zisserman, 2014, arXiv:1409.1556). 3.3 million parameters, two thirds of them in one
    fully connected layer.
    """

    def __init__(self, classes: int = 50) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage in ((32,), (64, 64), (128, 128), (256, 256)):
            for wider in stage:
                layers += [nn.Conv2d(channels, wider, 3, padding=1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()]
                channels = wider
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(4)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(256 * 4 * 4, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, classes)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Turn normalised pixels (N, 3, H, W) into logits (N, classes)."""
        logits: Tensor = self.classifier(self.flatten(self.avgpool(self.features(pixels))))
        return logits


def _shortcut(channels: int, wider: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, wider, 1, stride=2, bias=False), nn.BatchNorm2d(wider))


def everyday_resnet(classes: int = 50) -> nn.Module:
    """Build an untrained everyday_resnet for this many classes."""
    return EverydayResNet(classes)


def everyday_vgg(classes: int = 50) -> nn.Module:
    """Build an untrained everyday_vgg for this many classes."""
    return EverydayVGG(classes)


#: What each bundled network is built by; three of them share one architecture and differ in their training.
ARCHITECTURES = {
    "everyday_resnet": everyday_resnet,
    "everyday_vgg": everyday_vgg,
    "everyday_robust": everyday_resnet,
    "everyday_shortcut": everyday_resnet,
}
