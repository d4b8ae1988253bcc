"""Renders sample pictures: signed distances, soft light, noise for textures; numpy only, the same on every run.

python -m assets.rendering orange --side 300 --fine 1 --out orange.png
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from assets.rendering.picture import Rendered, Scene

SIDE, FINE = 600, 2


def scene_of(name: str) -> Scene:
    """Build the scene of this name, a module in assets/rendering/scenes."""
    scene: Scene = import_module(f"assets.rendering.scenes.{name}").scene()
    return scene


def rendered(name: str, side: int = SIDE, fine: int = FINE) -> Rendered:
    """Render a scene."""
    from assets.rendering.picture import render

    return render(scene_of(name), side, fine)


def picture_of(name: str) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Render a scene at full size; also return the box of its object."""
    result = rendered(name)
    return result.image, result.box()
