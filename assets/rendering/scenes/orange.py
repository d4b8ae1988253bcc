"""Two oranges on a wooden table, one of them cut in half."""

from __future__ import annotations

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, cells, clouds
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.settings import daylight, leaves, wood
from assets.rendering.shapes import ellipsoid, length, step, turned, vector

WHOLE = vector(-0.34, 0.94, -0.25)
HALF = vector(0.98, 0.62, 0.55)


def _whole_place(points: Vectors) -> Vectors:
    return turned(turned(points - WHOLE, 2, 16), 0, -24)


def _whole(points: Vectors) -> Values:
    local = _whole_place(points)
    body = ellipsoid(local, 1.0, 0.95, 1.0)
    dent = 0.07 * np.exp(-(length(local[[0, 2]]) ** 2) / 0.03) * (local[1] > 0)
    return body + dent


def _peel(points: Vectors) -> Values:
    gap, _ = cells(points * 15, 2)
    return 0.005 * step(0.06, 0.55, gap) + 0.006 * clouds(points * 5, 3, 5)


def _peel_surface(points: Vectors, normals: Vectors) -> Surface:
    tone = mix(colour("#f07a08"), colour("#ff9d1c"), clouds(points * 1.7, 3, 1))
    gap, _ = cells(points * 15, 2)
    tone = mix(tone * 0.86, tone, step(0.05, 0.3, gap))
    local = _whole_place(points)
    away = length(local[[0, 2]])
    tip = step(0.3, 0.05, away) * (local[1] > 0)
    tone = mix(tone, colour("#c8a028"), 0.35 * tip)
    return Surface(tone, rough=0.32, mirror=0.03, through=0.22)


def _stem(points: Vectors) -> Values:
    local = _whole_place(points) - vector(0, 0.885, 0)
    angle = np.arctan2(local[2], local[0])
    star = 0.062 + 0.018 * np.cos(5 * angle)
    return np.maximum(length(local[[0, 2]]) - star, np.abs(local[1]) - 0.034) * 0.7


def _stem_surface(points: Vectors, normals: Vectors) -> Surface:
    return Surface(mix(colour("#5b6b23"), colour("#8b7a3a"), clouds(points * 30, 2, 3)), rough=0.8)


def _open(points: Vectors) -> Vectors:
    return turned(turned(points - HALF, 1, -20), 0, -58)


def _half(points: Vectors) -> Values:
    local = _open(points)
    return np.maximum(ellipsoid(local, 0.86, 0.84, 0.86), local[1])


def _half_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _open(points)
    flat = local[1] > -0.012
    away, angle = length(local[[0, 2]]), np.arctan2(local[2], local[0])
    part = angle * 10 / (2 * np.pi) + 0.15 * np.sin(3 * angle)
    to_wall = np.abs(part - np.round(part)) * 2 * np.pi / 10 * away
    pulp = np.stack([away * 5, part * 2.4 * 3, local[1] * 0])
    juice = clouds(pulp * vector(1, 3, 1), 4, 7)
    flesh = mix(colour("#f26a00"), colour("#ffb340"), step(0.25, 0.8, juice))
    flesh = mix(colour("#ffe3b0"), flesh, step(0.010, 0.030, to_wall))
    flesh = mix(colour("#ffe8c4"), flesh, step(0.05, 0.09, away))
    rim = step(0.735, 0.765, away)
    flesh = mix(flesh, colour("#fbe7bd"), rim)
    flesh = mix(flesh, colour("#f28a10"), step(0.815, 0.835, away))
    skin = _peel_surface(points, normals)
    tone = np.where(flat, flesh, skin.colour)
    return Surface(tone, rough=np.where(flat, 0.22, 0.34).astype(np.float32), mirror=0.045, through=0.35)


def _half_relief(points: Vectors) -> Values:
    local = _open(points)
    away, angle = length(local[[0, 2]]), np.arctan2(local[2], local[0])
    part = angle * 10 / (2 * np.pi) + 0.15 * np.sin(3 * angle)
    to_wall = np.abs(part - np.round(part)) * 2 * np.pi / 10 * away
    juice = clouds(np.stack([away * 5, part * 21, local[1] * 0]), 4, 7)
    inner = (0.014 * juice + 0.02 * step(0, 0.06, to_wall)) * step(0.77, 0.72, away)
    return np.where(local[1] > -0.012, inner, _peel(points))


def scene() -> Scene:
    """Build the scene."""
    things = (
        Thing(_whole, _peel_surface, _peel),
        Thing(_stem, _stem_surface),
        Thing(_half, _half_surface, _half_relief),
    )
    return Scene(
        world=World(things, vector(0.3, 0.8, 0), 1.95),
        camera=Camera(vector(0.35, 2.55, 6.2), vector(0.28, 0.78, 0), 0.56),
        light=daylight(),
        background=leaves("#16240f", "#4f6f2a", "#d8dc8c", seed=6),
        ground=Ground(wood(), edge=4.0, bounce=colour("#e06a10") * 1.2),
        lens=120,
    )
