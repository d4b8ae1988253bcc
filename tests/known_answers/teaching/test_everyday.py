"""The bundled networks in numpy are the bundled networks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import models
from dashboard import samples
from explain.teaching.everyday import everyday
from models.errors import ModelError, PictureError

ROOT = Path(__file__).resolve().parents[3]
KEYS = ("everyday_resnet", "everyday_vgg", "everyday_robust", "everyday_shortcut")


@pytest.mark.parametrize("key", KEYS)
def test_pixels_and_logits_are_those_of_the_network(key: str) -> None:
    network, model = everyday(key), models.load(key)
    for sample in samples.SAMPLES.values():
        image = sample.picture().image
        pixels = network.pixels(image)
        with torch.no_grad():
            wanted = model(model.crop(image))[0].numpy()
        np.testing.assert_array_equal(pixels, model.crop(image)[0].numpy())
        np.testing.assert_allclose(network.logits(pixels), wanted, atol=2e-5)


@pytest.mark.parametrize(("key", "layer"), [("everyday_vgg", "features.1"), ("everyday_resnet", "bn1")])
def test_the_first_maps_are_those_of_the_network(key: str, layer: str) -> None:
    network, model = everyday(key), models.load(key)
    image = samples.SAMPLES["chelsea"].picture().image
    module = model.network.get_submodule(layer)
    convolution = model.network.get_submodule("features.0" if layer == "features.1" else "conv1")
    with torch.no_grad():
        wanted = module(convolution(model.card.pixels.normalise(model.crop(image))))[0].numpy()
    np.testing.assert_allclose(network.first_maps(network.pixels(image)), wanted, atol=1e-5)


@pytest.mark.parametrize("shift", [1, 4])
def test_a_shift_moves_every_pixel_to_the_right(shift: int) -> None:
    network, image = everyday("everyday_vgg"), samples.SAMPLES["chelsea"].picture().image
    before, after = network.pixels(image), network.pixels(image, shift)
    np.testing.assert_array_equal(after[..., shift:], before[..., :-shift])
    assert not np.array_equal(after, before)


def test_a_picture_without_room_beside_its_middle_cannot_be_shifted() -> None:
    with pytest.raises(PictureError, match="no room"):
        everyday("everyday_vgg").pixels(samples.SAMPLES["bus"].picture().image, 1)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ModelError, match="resnet18"):
        everyday("resnet18")


def test_none_of_it_loads_torch() -> None:
    code = (
        "import sys; from dashboard.learn import activations, pooling, real, softmax; "
        "real.logits('everyday_vgg', 'coffee'); sys.exit('torch' in sys.modules or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
