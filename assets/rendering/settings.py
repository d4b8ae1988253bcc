"""What several scenes share: a wooden table, a window, leaves out of focus, a sky."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.lighting import Light
from assets.rendering.marching import Surface
from assets.rendering.noise import Values, Vectors, clouds, hashed, smooth
from assets.rendering.shapes import step, unit, vector

Paint = Callable[[Vectors], Surface]
Far = Callable[[Values, Values, Vectors], Vectors]


def wood(
    light: str = "#b98552", dark: str = "#6b3f20", plank: float = 0.9, seed: int = 3, shine: float = 0.04
) -> Paint:
    """Make the surface of a table of planks that run from left to right."""

    def surface(points: Vectors) -> Surface:
        row = np.floor(points[2] / plank)
        number = hashed(np.stack([row, row * 0, row * 0]).astype(np.int32), seed)
        along = points[0] + 7 * number
        bent = 0.35 * smooth(np.stack([along * 0.35, row, points[2] * 0.8]), seed)
        rings = smooth(np.stack([along * 0.25, row * 3, (points[2] + bent) * 9]), seed + 1)
        fibres = clouds(np.stack([along * 2.2, row, points[2] * 55]), 3, seed + 2)
        share = np.clip(0.15 + 0.45 * rings + 0.55 * (fibres - 0.3) + 0.35 * (number - 0.5), 0, 1)
        gap = np.abs(points[2] / plank - row - 0.5)
        seam = step(0.488, 0.498, gap)
        tone = mix(colour(light), colour(dark), share) * (1 - 0.75 * seam)
        return Surface(tone, rough=0.42 + 0.25 * fibres, mirror=shine)

    return surface


def window(way: Vectors, blur: Values | float) -> Values:
    """A tall window with a cross bar, to the left of the scene and in front of it."""
    left = unit(vector(-0.75, 0.62, 0.55))
    right = unit(np.cross(left, vector(0, 1, 0), axis=0))
    top = np.cross(right, left, axis=0)
    depth = (way * left).sum(axis=0)
    across, up = (way * right).sum(axis=0) / np.maximum(depth, 1e-3), (way * top).sum(axis=0) / np.maximum(depth, 1e-3)
    soft = 0.015 + 0.45 * np.asarray(blur, np.float32) ** 1.6
    pane = _between(across, 0.36, soft) * _between(up, 0.48, soft) * (depth > 0.05)
    bars = 1 - 0.9 * np.clip(_between(across, 0.02, soft) + _between(up - 0.06, 0.02, soft), 0, 1) * np.exp(-soft * 9)
    return pane * bars / (1 + 6 * soft * soft)


def _between(values: Values, half: float, soft: Values | float) -> Values:
    return np.clip((half - np.abs(values)) / soft + 0.5, 0, 1)


def daylight(*, warm: float = 0.5, strength: float = 1.6, ground: str = "#6b4a2c", reach: float = 0.6) -> Light:
    """Light of a room with a window on the left: soft shadows to the right."""
    lamp = mix(colour("#ffffff"), colour("#ffd9a8"), warm) * strength
    return Light(
        lamp=unit(vector(-0.75, 0.95, 0.55)),
        lamp_colour=lamp,
        above=colour("#aab8c9") * 0.9,
        around=colour("#cfc4b4") * 0.62,
        below=colour(ground) * 0.9,
        sharp=5.0,
        reach=reach,
        window=window,
        window_colour=colour("#fff6e8") * 3.2,
    )


def sunlight(*, height: float = 0.8, side: float = -0.6, strength: float = 3.4, ground: str = "#5a6a3a") -> Light:
    """Light out of doors: a sun with fairly hard shadows and a blue sky."""
    return Light(
        lamp=unit(vector(side, height, 0.55)),
        lamp_colour=colour("#fff0d8") * strength,
        above=colour("#7fb0e8") * 0.95,
        around=colour("#cfe0f0") * 0.7,
        below=colour(ground) * 0.8,
        sharp=24.0,
        reach=0.6,
    )


def leaves(dark: str, middle: str, bright: str, *, seed: int = 1, dots: int = 90, horizon: float = 0.0) -> Far:
    """Make a background of leaves and sparkles for the lens to blur."""
    number = np.arange(dots, dtype=np.int32)
    place = [hashed(np.stack([number, number * 0 + axis, number * 0]), seed) for axis in range(4)]

    def background(across: Values, up: Values, rays: Vectors) -> Vectors:
        flat = np.stack([across * 2.2, up * 2.2, np.zeros_like(up)])
        share = clouds(flat + 40 * seed, 4, seed)
        light = mix(colour(dark), colour(middle), step(0.3, 0.68, share))
        light = mix(
            light, colour(bright), step(0.52, 0.85, clouds(flat * 1.6 + 9, 3, seed + 8)) * step(-0.4, 1, up) * 0.8
        )
        for x, y, size, shine in zip(*place, strict=True):
            gap = np.hypot(across - (2.4 * x - 1.2), up - (horizon + (1.3 - horizon) * y))
            light = light + colour(bright) * (2.4 * shine**3) * step(0.02 + 0.03 * size, 0.012, gap)
        return light

    return background


def sky(top: str = "#2f6fc0", low: str = "#c3daf0", *, cover: float = 0.5, seed: int = 4, size: float = 1.0) -> Far:
    """Make a blue sky with fair-weather clouds."""

    def background(across: Values, up: Values, rays: Vectors) -> Vectors:
        height = np.maximum(rays[1], 0)
        blue = mix(colour(low), colour(top), 1 - np.exp(-3.2 * height))
        flat = np.stack([rays[0], rays[2], np.zeros_like(height)]) / (height + 0.16) * size
        thick = clouds(flat * 1.3 + 11, 6, seed)
        lit = clouds((flat + vector(-0.08, 0.06, 0)) * 1.3 + 11, 5, seed)
        share = step(1 - cover, 1.32 - cover, thick) * step(0.0, 0.12, rays[1])
        white = mix(colour("#ffffff") * 1.15, colour("#b9c4d3"), np.clip(0.4 + 3.2 * (lit - thick + 0.02), 0, 1))
        return mix(blue, white, share * 0.92)

    return background
