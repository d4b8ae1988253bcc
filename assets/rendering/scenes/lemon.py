"""Two lemons with a leaf and a slice, on pale stone."""

from __future__ import annotations

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, cells, clouds
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.settings import daylight, leaves
from assets.rendering.shapes import ellipsoid, length, melted, step, turned, vector

FIRST, SECOND, CUT = vector(-0.5, 0.8, -0.35), vector(0.55, 0.78, -1.0), vector(1.0, 0.6, 0.62)


def _lying(points: Vectors) -> Vectors:
    return turned(turned(points - FIRST, 1, 24), 2, -14)


def _behind(points: Vectors) -> Vectors:
    return turned(turned(points - SECOND, 1, 118), 2, 8)


def _lemon(local: Vectors) -> Values:
    body = ellipsoid(local, 1.08, 0.8, 0.8)
    tip = ellipsoid(local - vector(1.08, 0, 0), 0.24, 0.17, 0.17)
    stem = ellipsoid(local + vector(1.03, 0, 0), 0.16, 0.22, 0.22)
    return melted(melted(body, tip, 0.28), stem, 0.16)


def _peel(points: Vectors) -> Values:
    gap, _ = cells(points * 13, 8)
    return 0.006 * step(0.05, 0.6, gap) + 0.016 * clouds(points * 3.2, 3, 4)


def _skin(local: Vectors) -> Vectors:
    tone = mix(colour("#f0b400"), colour("#ffdc28"), clouds(local * 1.5, 3, 2))
    end = step(0.82, 1.25, np.abs(local[0]))
    tone = mix(tone, colour("#b9b52a"), 0.55 * end)
    return mix(tone, colour("#6b5a24"), step(1.12, 1.2, -local[0]) * 0.9)


def _whole_surface(points: Vectors, normals: Vectors) -> Surface:
    first, second = _lying(points), _behind(points)
    nearer = _lemon(first) < _lemon(second)
    return Surface(np.where(nearer, _skin(first), _skin(second)), rough=0.3, mirror=0.035, through=0.25)


def _leaf_place(points: Vectors) -> Vectors:
    root = vector(-0.95, 0.03, 0.62)
    return turned(turned(turned(points - root, 1, -16), 2, -6), 0, -12)


def _leaf(points: Vectors) -> Values:
    local = _leaf_place(points)
    along = np.clip(local[0], -0.1, 1.25)
    width = 0.36 * np.sqrt(np.clip(1 - (2 * along / 1.15 - 1) ** 2, 0, 1)) * (1.12 - 0.35 * along)
    height = 0.05 + 0.16 * np.sin(2.6 * along) - 0.7 * local[2] ** 2 + 0.22 * np.abs(local[2])
    flat = np.hypot(np.maximum(np.abs(local[2]) - width, 0), np.maximum(np.abs(local[0] - 0.575) - 0.575, 0))
    return np.hypot(flat, np.maximum(np.abs(local[1] - height) - 0.008, 0)) * 0.6 - 0.004


def _leaf_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _leaf_place(points)
    middle = step(0.022, 0.006, np.abs(local[2]))
    side = np.abs(local[0] - 0.9 * np.abs(local[2])) * 8
    veins = step(0.09, 0.02, np.abs(side - np.round(side))) * 0.45
    tone = mix(colour("#2f6a1c"), colour("#5d9a30"), clouds(local * 4, 3, 5))
    tone = mix(tone, colour("#a9cf66"), np.maximum(middle, veins))
    return Surface(tone, rough=0.34, mirror=0.05, through=0.5)


def _cut_place(points: Vectors) -> Vectors:
    return turned(turned(points - CUT, 1, -16), 0, -64)


def _cut(points: Vectors) -> Values:
    local = _cut_place(points)
    return np.maximum(ellipsoid(local, 0.72, 1.0, 0.72), local[1])


def _fan(local: Vectors) -> tuple[Values, Values, Values]:
    away, angle = length(local[[0, 2]]), np.arctan2(local[2], local[0])
    part = angle * 9 / (2 * np.pi) + 0.12 * np.sin(2 * angle)
    juice = clouds(np.stack([away * 6, part * 20, local[1] * 0]), 4, 9)
    return away, np.abs(part - np.round(part)) * 2 * np.pi / 9 * away, juice


def _cut_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _cut_place(points)
    away, to_wall, juice = _fan(local)
    flesh = mix(colour("#e8b92a"), colour("#fff0a0"), step(0.2, 0.8, juice))
    flesh = mix(colour("#fffae0"), flesh, step(0.008, 0.03, to_wall) * step(0.04, 0.08, away))
    flesh = mix(flesh, colour("#fffbe8"), step(0.585, 0.61, away))
    flesh = mix(flesh, colour("#f5c518"), step(0.675, 0.695, away))
    flat = local[1] > -0.012
    return Surface(
        np.where(flat, flesh, mix(colour("#f0b400"), colour("#ffdc28"), clouds(local * 1.5, 3, 2))),
        rough=np.where(flat, 0.2, 0.3).astype(np.float32),
        mirror=0.04,
        through=0.4,
    )


def _cut_relief(points: Vectors) -> Values:
    local = _cut_place(points)
    away, to_wall, juice = _fan(local)
    inner = (0.01 * juice + 0.016 * step(0, 0.06, to_wall)) * step(0.62, 0.57, away)
    return np.where(local[1] > -0.012, inner, _peel(points))


def _stone(points: Vectors) -> Surface:
    flat = points * vector(1, 0, 1)
    bent = flat * 0.9 + 1.6 * np.stack([clouds(flat * 0.8, 3, 1), flat[1], clouds(flat * 0.8 + 5, 3, 2)])
    vein = np.abs(clouds(bent, 4, 3) - 0.5)
    tone = mix(colour("#8f97a0"), colour("#dfe3e6"), step(0.0, 0.10, vein) * 0.5 + 0.5)
    tone = tone * (0.82 + 0.25 * clouds(flat * 1.4, 4, 9))
    return Surface(tone, rough=0.16, mirror=0.045)


def scene() -> Scene:
    """Build the scene."""
    things = (
        Thing(lambda points: np.minimum(_lemon(_lying(points)), _lemon(_behind(points))), _whole_surface, _peel),
        Thing(_leaf, _leaf_surface),
        Thing(_cut, _cut_surface, _cut_relief),
    )
    return Scene(
        world=World(things, vector(0.15, 0.75, -0.2), 2.25, careful=0.9),
        camera=Camera(vector(0.1, 2.9, 6.2), vector(0.02, 0.62, -0.1), 0.58),
        light=daylight(warm=0.35, ground="#8a8d90"),
        background=leaves("#1d2a33", "#5b7f93", "#e4ecdf", seed=3),
        ground=Ground(_stone, edge=4.2, gloss=True, bounce=colour("#e8b020")),
        lens=120,
    )
