"""Networks and a picture that several files of known answers ask about."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from PIL import Image

import architectures
import models
import toy


@pytest.fixture(scope="module")
def pooled() -> models.LoadedModel:
    """Convolutions, averaging and one linear layer, on pixels that are normalised."""
    return toy.loaded(toy.seeded(toy.Pooled()), 4, side=32, plain=False)


@pytest.fixture(scope="module")
def everyday() -> models.LoadedModel:
    """The bundled network with trained weights."""
    return models.load("everyday_resnet", device="cpu")


@pytest.fixture(scope="module")
def photograph(request: pytest.FixtureRequest) -> Image.Image:
    return Image.open(request.config.rootpath / "assets" / "samples" / "astronaut.jpg").convert("RGB")


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest) -> Iterator[architectures.Case]:
    """One of the large networks, by its key; only one is in memory at a time."""
    trained = request.param in architectures.TRAINED
    yield architectures.load(request.param, request.getfixturevalue("test_data") / "weights" if trained else None)
    gc.collect()
