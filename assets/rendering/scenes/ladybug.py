"""A ladybug on a green leaf."""

from __future__ import annotations

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, clouds
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.settings import daylight, leaves
from assets.rendering.shapes import capsule, ellipsoid, step, turned, vector

#: Where the spots are: angle from the middle line and share of the length, on one wing case.
SPOTS = ((0.34, 0.34, 0.19), (0.92, 0.02, 0.21), (0.36, -0.42, 0.2))
SHADE = "#0b0a0c"


def _placed(points: Vectors) -> Vectors:
    return turned(points - vector(0, 0.20, 0), 1, 52)


def _shell(points: Vectors) -> Values:
    local = _placed(points)
    dome = ellipsoid(local - vector(-0.12, 0.0, 0), 1.12, 0.86, 0.95)
    return np.maximum(dome, -local[1] + 0.02)


def _shell_relief(points: Vectors) -> Values:
    local = _placed(points)
    return 0.03 * step(0.0, 0.028, np.abs(local[2])) + 0.002 * clouds(local * 14, 2, 3)


def _shell_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points) - vector(-0.12, 0, 0)
    side = np.arctan2(np.abs(local[2]), np.maximum(local[1], 1e-3))
    red = mix(colour("#c4100c"), colour("#e8321a"), clouds(local * 2, 3, 4))
    black = np.zeros(points.shape[1], np.float32)
    for angle, along, size in SPOTS:
        gap = np.hypot((side - angle) * 0.85, local[0] - along)
        black = np.maximum(black, step(size, size - 0.022, gap))
    middle = np.hypot(np.abs(local[2]) * 1.15, (local[0] - 0.86))
    black = np.maximum(black, step(0.26, 0.235, middle))
    white = step(0.20, 0.17, np.hypot((np.abs(local[2]) - 0.32) * 1.1, (local[0] - 0.95) * 1.4)) * (1 - black)
    tone = mix(mix(red, colour(SHADE), black), colour("#f3e6cf"), white * 0.8)
    tone = tone * (0.35 + 0.65 * step(0.0, 0.014, np.abs(local[2])))
    return Surface(tone, rough=0.24, mirror=0.04, through=0.1)


def _neck(points: Vectors) -> Values:
    local = _placed(points) - vector(0.92, 0.06, 0)
    return np.maximum(ellipsoid(local, 0.36, 0.5, 0.66), -local[1] - 0.1)


def _neck_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points) - vector(0.92, 0.06, 0)
    patch = step(0.22, 0.18, np.hypot(local[0] - 0.10, (np.abs(local[2]) - 0.56) * 0.9))
    return Surface(mix(colour(SHADE), colour("#f6efe0"), patch), rough=0.16, mirror=0.05)


def _head(points: Vectors) -> Values:
    local = _placed(points) - vector(1.24, 0.08, 0)
    head = ellipsoid(local, 0.26, 0.25, 0.36)
    mirrored = np.stack([local[0], local[1], np.abs(local[2])])
    feeler = capsule(mirrored, vector(0.12, 0.06, 0.18), vector(0.34, 0.16, 0.36), 0.026, 0.022)
    feeler = np.minimum(feeler, capsule(mirrored, vector(0.34, 0.16, 0.36), vector(0.46, 0.12, 0.42), 0.022, 0.048))
    return np.minimum(head, feeler)


def _head_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points) - vector(1.24, 0.08, 0)
    patch = step(0.085, 0.06, np.hypot(local[0] - 0.12, np.abs(local[2]) - 0.17)) * (local[1] > 0.05)
    return Surface(mix(colour("#121013"), colour("#f6efe0"), patch), rough=0.2, mirror=0.05)


def _legs(points: Vectors) -> Values:
    local = _placed(points)
    mirrored = np.stack([local[0], local[1], np.abs(local[2])])
    result = np.full(points.shape[1], 9, np.float32)
    for root, knee, foot in ((0.62, 0.80, 0.98), (0.1, 0.12, 0.1), (-0.45, -0.66, -0.86)):
        first, second = vector(root, -0.02, 0.6), vector(knee, 0.10, 1.02)
        result = np.minimum(result, capsule(mirrored, first, second, 0.065, 0.05))
        result = np.minimum(result, capsule(mirrored, second, vector(foot, -0.17, 1.18), 0.05, 0.03))
        result = np.minimum(result, capsule(mirrored, vector(foot, -0.17, 1.18), vector(foot + 0.1, -0.18, 1.28), 0.03))
    return result


def _legs_surface(points: Vectors, normals: Vectors) -> Surface:
    return Surface(colour("#161214"), rough=0.3, mirror=0.05)


def _veins(points: Vectors) -> tuple[Values, Values]:
    local = turned(points, 1, 14)
    out = np.abs(local[2] + 1.5)
    side = (local[0] - 0.9 * out + 0.09 * out * out + 0.10 * clouds(points * vector(1, 0, 1) * 1.3, 2, 3)) * 1.1
    to_side = np.abs(side - np.round(side)) / 1.1 + 0.018 * np.clip(out - 1, 0, 3)
    fine = np.abs(clouds(points * vector(1, 0, 1) * 3.2, 2, 6) - 0.5)
    return np.minimum(out * 0.6, to_side), fine


def _leaf(points: Vectors) -> Surface:
    vein, fine = _veins(points)
    flat = points * vector(1, 0, 1)
    tone = mix(colour("#3c7a1a"), colour("#74b030"), clouds(flat * 0.9, 4, 2))
    tone = mix(tone, colour("#a5d05a"), 0.10 * step(0.05, 0.0, fine))
    tone = mix(tone, colour("#bfe07a"), 0.55 * step(0.075, 0.015, vein))
    return Surface(tone, rough=0.36, mirror=0.045, through=0.3)


def _leaf_relief(points: Vectors) -> Values:
    vein, fine = _veins(points)
    return (
        0.05 * step(0.0, 0.16, vein) + 0.006 * step(0, 0.08, fine) + 0.02 * clouds(points * vector(1, 0, 1) * 5, 2, 3)
    )


def scene() -> Scene:
    """Build the scene."""
    things = (
        Thing(_shell, _shell_surface, _shell_relief),
        Thing(_neck, _neck_surface),
        Thing(_head, _head_surface),
        Thing(_legs, _legs_surface),
    )
    return Scene(
        world=World(things, vector(0.1, 0.4, -0.1), 2.1, careful=0.9),
        camera=Camera(vector(0.5, 3.4, 5.0), vector(0.10, 0.24, 0.0), 0.575),
        light=daylight(warm=0.45, ground="#4f8a24"),
        background=leaves("#1c3a10", "#4d8a24", "#dff0a0", seed=8),
        ground=Ground(_leaf, _leaf_relief, edge=4.5, bounce=colour("#b02010")),
        lens=150,
    )
