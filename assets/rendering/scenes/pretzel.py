"""A salted pretzel on a wooden board."""

from __future__ import annotations

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, cells, clouds
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.rope import Rope
from assets.rendering.settings import daylight, leaves, wood
from assets.rendering.shapes import step, turned, vector

#: The right half of the rope from the bottom of the belly to the end of the arm: across, up, height, thickness.
HALF = (
    (0.00, -1.02, 0.24, 0.29),
    (0.55, -0.98, 0.24, 0.285),
    (1.05, -0.70, 0.23, 0.275),
    (1.34, -0.15, 0.22, 0.26),
    (1.36, 0.42, 0.21, 0.24),
    (1.10, 0.86, 0.20, 0.225),
    (0.68, 0.98, 0.20, 0.205),
    (0.28, 0.72, 0.21, 0.185),
    (0.06, 0.36, 0.24, 0.17),
    (-0.10, 0.10, 0.26, 0.16),
    (-0.30, -0.28, 0.30, 0.155),
    (-0.48, -0.62, 0.38, 0.15),
    (-0.60, -0.92, 0.46, 0.13),
)


def _rope() -> Rope:
    """Lay both halves end to end."""
    right = np.array(HALF, np.float32)
    left = right[1:][::-1] * np.array([-1, 1, 1, 1], np.float32)
    left[:4, 2] += np.array([0.0, 0.03, 0.10, 0.12], np.float32)
    return Rope(np.concatenate([left, right]))


ROPE = _rope()


def _placed(points: Vectors) -> Vectors:
    return turned(points, 1, -10)


def _nearest(points: Vectors) -> tuple[Values, Values]:
    local = _placed(points)
    return ROPE.nearest(np.stack([local[0], -local[2], local[1]]))


def _dough(points: Vectors) -> Values:
    return _nearest(points)[0] * np.float32(0.85)


def _salt(points: Vectors) -> Values:
    gap, _ = cells(points * 6.4, 5)
    patch = clouds(points * 1.3, 2, 8)
    return step(0.32, 0.17, gap) * step(0.30, 0.50, patch) * step(0.30, 0.40, points[1])


def _relief(points: Vectors) -> Values:
    return 0.022 * _salt(points) + 0.010 * clouds(points * 6, 3, 2)


def _crust(points: Vectors, normals: Vectors) -> Surface:
    _, where = _nearest(points)
    baked = np.clip(0.25 + 0.6 * normals[1] + 0.5 * (clouds(points * 2.4, 4, 3) - 0.5), 0, 1)
    tone = mix(colour("#c98238"), colour("#6b2b0b"), baked)
    tone = mix(tone, colour("#a4551a"), 0.4 * clouds(points * 11, 3, 7))
    belly = np.abs(where - 0.5)
    local = _placed(points)
    split = step(0.10, 0.03, np.abs(-local[2] + 0.93 + 0.08 * np.sin(5 * local[0]))) * step(0.10, 0.05, belly)
    split = split * step(0.40, 0.46, points[1])
    tone = mix(tone, mix(colour("#f0d9a2"), colour("#d9ae66"), clouds(points * 9, 3, 1)), split)
    salt = _salt(points)
    return Surface(mix(tone, colour("#fbf8f2"), salt), rough=0.30 + 0.3 * salt + 0.4 * split, mirror=0.04, through=0.1)


def scene() -> Scene:
    """Build the scene."""
    return Scene(
        world=World((Thing(_dough, _crust, _relief),), vector(0, 0.3, 0), 2.0),
        camera=Camera(vector(0.15, 5.0, 4.1), vector(0.0, 0.12, 0.02), 0.55),
        light=daylight(warm=0.35, ground="#8a7a66"),
        background=leaves("#20180f", "#6b5232", "#e8c88c", seed=7),
        ground=Ground(
            wood("#d9c3a0", "#a58a66", plank=1.4, seed=5, shine=0.02), edge=9.0, bounce=colour("#a06020") * 0.8
        ),
        lens=60,
    )
