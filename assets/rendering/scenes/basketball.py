"""A basketball on the boards of a court, the lights of the hall far behind it."""

from __future__ import annotations

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.lighting import Light
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, cells, clouds, hashed
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.settings import window, wood
from assets.rendering.shapes import sphere, step, turned, unit, vector

MIDDLE = vector(0, 1.0, 0)


def _placed(points: Vectors) -> Vectors:
    return turned(turned(turned(points - MIDDLE, 1, 34), 2, 24), 0, 12)


def _to_seam(points: Vectors) -> Values:
    way = unit(_placed(points))
    ring = np.hypot(way[1] / 0.88, way[2] / 0.60)
    slope = np.hypot(way[1] / 0.88**2, way[2] / 0.60**2) / np.maximum(ring, 1e-3)
    oval = np.abs(ring - 1) / np.maximum(slope, 0.2)
    return np.minimum(np.minimum(np.abs(way[0]), np.abs(way[1])), oval)


def _pebbles(points: Vectors) -> Values:
    gap, _ = cells(points * 40, 3)
    seam = step(0.026, 0.046, _to_seam(points))
    return 0.006 * step(0.62, 0.14, gap) * seam + 0.045 * step(0.010, 0.046, _to_seam(points))


def _leather(points: Vectors, normals: Vectors) -> Surface:
    gap, _ = cells(points * 40, 3)
    tone = mix(colour("#b4480f"), colour("#d96a1e"), clouds(points * 2.0, 3, 2))
    tone = mix(tone * 0.72, tone, step(0.66, 0.36, gap))
    seam = step(0.036, 0.026, _to_seam(points))
    return Surface(mix(tone, colour("#17120f"), seam), rough=0.42, mirror=0.035)


def _boards(points: Vectors) -> Surface:
    base = wood("#dcae74", "#b07c42", plank=0.34, seed=9, shine=0.05)(points)
    turned_by = turned(points, 1, -28)
    line = step(0.16, 0.15, np.abs(turned_by[2] + 1.75))
    paint = step(-1.6, -1.62, turned_by[2]) * (1 - line)
    tone = mix(base.colour, colour("#8c2a22") * (0.8 + 0.4 * base.colour[1]), paint * 0.88)
    return Surface(mix(tone, colour("#f3efe6"), line * 0.92), rough=0.10, mirror=0.05)


def _hall(across: Values, up: Values, rays: Vectors) -> Vectors:
    light = mix(colour("#2a2420"), colour("#0c0d12"), step(-0.1, 0.9, up))
    rows = clouds(np.stack([across * 5, up * 16, up * 0]), 3, 2)
    light = light + colour("#5d6a88") * 0.55 * step(0.42, 0.7, rows) * step(0.95, 0.2, up)
    light = light + colour("#a8452c") * 0.5 * step(0.55, 0.75, clouds(np.stack([across * 7, up * 9, up * 0]), 2, 5))
    number = np.arange(46, dtype=np.int32)
    x, y, size, shine = (hashed(np.stack([number, number * 0 + axis, number * 0]), 4) for axis in range(4))
    for at, high, wide, bright in zip(x * 2.6 - 1.3, 0.15 + y * 1.1, size, shine, strict=True):
        gap = np.hypot(across - at, up - high)
        light = light + mix(colour("#ffd9a0"), colour("#dfe8ff"), wide) * 5 * bright**2 * step(0.03, 0.015, gap)
    return light


def scene() -> Scene:
    """Build the scene."""
    light = Light(
        lamp=unit(vector(-0.55, 1.05, 0.6)),
        lamp_colour=colour("#fff1dc") * 1.9,
        above=colour("#c9cfdc") * 0.6,
        around=colour("#8f8478") * 0.55,
        below=colour("#a9773f") * 0.7,
        sharp=6.0,
        reach=0.7,
        window=window,
        window_colour=colour("#fff6e8") * 2.6,
    )
    return Scene(
        world=World((Thing(lambda points: sphere(points - MIDDLE, 1.0), _leather, _pebbles),), MIDDLE, 1.05),
        camera=Camera(vector(0.2, 1.75, 5.4), vector(0.05, 0.98, 0), 0.5),
        light=light,
        background=_hall,
        ground=Ground(_boards, edge=9.0, gloss=True, bounce=colour("#c05a18")),
        lens=110,
    )
