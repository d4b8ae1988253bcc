"""Maps of other libraries for a loaded model, and the cosine that says whether two maps are the same."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import captum.attr
import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.activations_and_gradients import ActivationsAndGradients
from saliency.core.base import INPUT_OUTPUT_GRADIENTS
from skimage.transform import resize
from torch import Tensor, nn
from torchcam import methods as torchcam

import explain
import models
from explain.gradients import input_gradients
from explain.suitability import probe
from explain.target import Target


def same(one: Any, other: Any) -> float:
    """Compute the cosine of two maps; two empty ones are the same."""
    first, second = np.ravel(one).astype(np.float64), np.ravel(other).astype(np.float64)
    if not first.any() and not second.any():
        return 1.0
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def asked(
    model: models.LoadedModel, name: str, target: Any = 1, picture: Any = None, *, batch: int | None = None, **more: Any
) -> explain.Heatmap:
    """Ask the method of this name, about a smooth picture if none is given."""
    shown = probe(model) if picture is None else picture
    found = explain.run(model, shown, explain.METHODS[name](**more), target, batch=batch)
    assert isinstance(found, explain.Heatmap)
    return found


class OfPixels(nn.Module):
    """A loaded model as one network of pixels whose first layer is its normalisation, a norm with fixed statistics."""

    def __init__(self, model: models.LoadedModel, network: nn.Module | None = None) -> None:
        super().__init__()
        space = model.card.pixels
        self.normalise = nn.BatchNorm2d(3, eps=0.0)
        self.normalise.running_mean = torch.tensor(space.mean)
        self.normalise.running_var = torch.tensor(space.std) ** 2
        self.network = model.network if network is None else network
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network(self.normalise(pixels))


def answered(model: models.LoadedModel, target: Target) -> Callable[[Tensor], Tensor]:
    """Write model and target as one function for captum: pixels -> (N,)."""
    return lambda pixels: target(model(pixels))


# pytorch-grad-cam and torchcam


def pytorch_grad_cam_grids(
    model: models.LoadedModel, names: Iterable[Any], layer: str, pixels: Tensor, target: Target, laid: Any = None
) -> list[np.ndarray]:
    """Ask the library once for a layer's activation and gradient, then each class for the grid that it makes of them.

    Signed, before it cuts off, stretches to 0..1 and resizes (by OpenCV, half a pixel alike).
    """
    module, targets = model.network.get_submodule(layer), [lambda logits: target(logits[None])[0]]
    normalised = model.normalise(pixels).clone().requires_grad_()
    hooked = ActivationsAndGradients(model.network, [module], laid)
    targets[0](hooked(normalised)[0]).backward()
    activation, gradient = hooked.activations[0].numpy(), hooked.gradients[0].numpy()
    hooked.release()
    grids = []
    for name in names:
        kind = getattr(pytorch_grad_cam, name) if isinstance(name, str) else name
        with kind(model.network, [module], laid) as oracle:
            grids.append(oracle.get_cam_image(normalised, module, targets, activation, gradient, False)[0])
    return grids


def finer_cam_grid(
    model: models.LoadedModel, layer: str, pixels: Tensor, index: int, alpha: float, laid: Any = None
) -> np.ndarray:
    """Ask the library for Finer-CAM's grid, signed: it takes the authors' weights, each reference's probability."""
    kept: list[np.ndarray] = []
    with pytorch_grad_cam.FinerCAM(model.network, [model.network.get_submodule(layer)], laid) as oracle:
        whole = oracle.base_cam.get_cam_image
        oracle.base_cam.get_cam_image = lambda *given: kept.append(whole(*given)) or kept[-1]
        oracle(model.normalise(pixels).clone().requires_grad_(), alpha=alpha, target_idx=index)
    return kept[0][0]


def torchcam_grid(
    model: models.LoadedModel, name: str, layer: str, pixels: Tensor, index: int, **settings: Any
) -> np.ndarray:
    """The library's grid: after its ReLU, and not stretched."""
    with getattr(torchcam, name)(model.network, layer, **settings) as oracle:
        logits = model.network(model.normalise(pixels).clone().requires_grad_())
        given = () if name == "CAM" else (logits,)
        return oracle(index, *given, normalized=False)[0][0].detach().numpy()


def full_grad(model: models.LoadedModel, pixels: Tensor, target: Target) -> np.ndarray:
    """Ask pytorch-grad-cam's FullGrad, with the normalisation as a layer, since our input part is in pixel space.

    The score is taken ten thousandfold: it adds 1e-7 to each largest value, which would damp faint channels. It brings
    its map to 0..1, which a cosine cannot tell once the smallest value is taken off ours, too.
    """
    with pytorch_grad_cam.FullGrad(OfPixels(model), []) as cam:
        found: np.ndarray = cam(pixels.clone(), targets=[lambda logits: target(logits[None])[0] * 1e4])[0]
    return found


class Zeroing(pytorch_grad_cam.ablation_layer.AblationLayer):
    """Sets a channel to zero, where the library's own takes ten million below the smallest value of the layer."""

    def __init__(self, axes: str) -> None:
        super().__init__()
        self.axis = axes.index("C")

    def set_next_batch(self, input_batch_index: int, activations: Tensor, num_channels_to_ablate: int) -> None:
        self.activations = torch.stack([activations[input_batch_index]] * num_channels_to_ablate)

    def __call__(self, seen: Tensor) -> Tensor:
        output = self.activations.clone()
        for place, channel in zip(output, self.indices, strict=False):
            place.select(self.axis - 1, channel).zero_()
        return output


def channel_weights(
    model: models.LoadedModel, name: str, layer: str, pixels: Tensor, target: Target, activation: Tensor, **more: Any
) -> np.ndarray:
    """Ask pytorch-grad-cam for the weights of these channels of a layer, (1, K, h, w), in pixel space: (K,).

    It multiplies masks in the space of the normalised picture, whose zero is the mean colour, so the network handed to
    it here takes pixels; it brings masks up with corners aligned, which is evened out here.
    """
    network, module = OfPixels(model), model.network.get_submodule(layer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn, "UpsamplingBilinear2d", lambda size: nn.Upsample(size, mode="bilinear"))
        patch.setattr("tqdm.tqdm", lambda items: items)
        with getattr(pytorch_grad_cam, name)(model=network, target_layers=[module], **more) as cam:
            weights = cam.get_cam_weights(
                pixels, module, [lambda logits: target(logits[None])[0]], activation.numpy(), None
            )
    return np.ravel(weights)


# captum


def quietly(oracle: Any, pixels: Tensor, *given: Any, **settings: Any) -> np.ndarray:
    """Ask captum without its warnings about hooks: its map summed over colours."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Setting (forward, )?backward hooks")
        found = oracle.attribute(pixels.clone().requires_grad_(), *given, **settings)
    return found.detach().sum(1)[0].numpy()


# PAIR's saliency


def called(model: models.LoadedModel, target: Target) -> Callable[..., dict[str, np.ndarray]]:
    """Write model and target as PAIR wants them: pictures (N, H, W, 3) -> their gradients."""

    def call(pictures: np.ndarray, call_model_args: Any = None, expected_keys: Any = None) -> dict[str, np.ndarray]:
        pixels = torch.from_numpy(np.asarray(pictures)).float().permute(0, 3, 1, 2).contiguous()
        return {INPUT_OUTPUT_GRADIENTS: input_gradients(model, pixels, target).permute(0, 2, 3, 1).numpy()}

    return call


def picture_of(pixels: Tensor) -> np.ndarray:
    return pixels[0].permute(1, 2, 0).double().numpy()


@contextmanager
def numpy_before_2_4() -> Iterator[None]:
    """Let PAIR's Guided IG name an argument of numpy's as numpy before 2.4 did."""
    quantile = np.quantile

    def older(values: np.ndarray, share: float, interpolation: str) -> Any:
        return quantile(values, share, method=interpolation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "quantile", older)
        yield


# Draws that are the same here and there


def drawn(pixels: Tensor, samples: int, seed: int = 0) -> Tensor:
    """The noise that our methods add, in widths."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(pixels.shape[1:], generator=generator) for _ in range(samples)])


def with_the_same_noise(monkeypatch: pytest.MonkeyPatch, noise: Tensor) -> None:
    """Let captum and PAIR add this noise, in widths, rather than draw their own."""
    rows = itertools.chain(noise)

    def add(pixels: Tensor, width: float, count: int) -> Tensor:
        return pixels + width * torch.stack(list(itertools.islice(rows, count)))

    def normal(mean: float, width: float, shape: tuple[int, ...]) -> np.ndarray:
        return (mean + width * next(rows)).permute(1, 2, 0).numpy()

    monkeypatch.setattr(captum.attr.NoiseTunnel, "_add_noise_to_input", staticmethod(add))
    monkeypatch.setattr(np.random, "normal", normal)


def rise_masks(method: Any, side: int) -> np.ndarray:
    """Draw the masks as RISE's authors' program does, with scikit-image, from the same numbers."""
    generator = torch.Generator().manual_seed(method.seed)
    grids = torch.rand((method.samples, 1, method.cells, method.cells), generator=generator).numpy() < method.keep
    shifts = torch.rand((method.samples, 2), generator=generator).numpy()
    cell = -(-side // method.cells)
    masks = []
    for grid, (down, right) in zip(grids[:, 0], shifts, strict=True):
        large = resize(grid.astype(float), ((method.cells + 1) * cell,) * 2, order=1, mode="edge", anti_aliasing=False)
        top, left = int(down * cell), int(right * cell)
        masks.append(large[top : top + side, left : left + side])
    return np.stack(masks)


