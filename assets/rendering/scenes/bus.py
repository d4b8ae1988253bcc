"""A yellow school bus on a road between meadows."""

from __future__ import annotations

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, clouds
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.settings import sky, sunlight
from assets.rendering.shapes import box, capsule, cylinder, melted, sphere, step, torus, turned, vector

#: Half the width; the long body's middle and half length; the bonnet's.
WIDE, BODY, BODY_LONG, BONNET, BONNET_LONG = 0.62, -0.35, 1.75, 1.72, 0.42
AXLES = (1.62, -1.25)
YELLOW, BLACK = "#f5a800", "#15140f"


def _placed(points: Vectors) -> Vectors:
    return turned(points, 1, 52)


def _hull(local: Vectors) -> Values:
    body = box(local - vector(BODY, 1.02, 0), BODY_LONG, 0.70, WIDE, round_by=0.15)
    bonnet = box(local - vector(BONNET, 0.70, 0), BONNET_LONG, 0.36, WIDE - 0.06, round_by=0.13)
    hull = melted(body, bonnet, 0.12)
    for axle in AXLES:
        arch = cylinder(local - vector(axle, 0.36, 0), 0.40, 2.0, axis=2)
        hull = np.maximum(hull, -arch)
    return hull


def _body(points: Vectors) -> Values:
    return _hull(_placed(points))


def _inside(values: Values, low: float, high: float, soft: float = 0.012) -> Values:
    return step(low - soft, low + soft, values) * step(high + soft, high - soft, values)


def _side_windows(local: Vectors) -> Values:
    spacing = 0.40
    cell = np.mod(local[0] + 2.02, spacing)
    return _inside(cell, 0.045, spacing - 0.045) * _inside(local[1], 1.12, 1.50) * _inside(local[0], -2.0, 1.16)


def _front_windows(local: Vectors) -> Values:
    half = _inside(np.abs(local[2]), 0.02, 0.50)
    return half * _inside(local[1], 1.10, 1.48) * step(1.15, 1.22, local[0])


def _relief(points: Vectors) -> Values:
    local = _placed(points)
    ribs = sum(_inside(local[1], level - 0.025, level + 0.025, 0.008) for level in (0.62, 0.82, 1.04))
    return 0.02 * ribs - 0.02 * (_side_windows(local) + _front_windows(local))


def _paint(points: Vectors, normals: Vectors) -> Surface:
    local, facing = _placed(points), _placed(normals)
    tone = np.broadcast_to(colour(YELLOW), points.shape) * (0.94 + 0.08 * clouds(points * 1.2, 3, 2))
    side, front = np.abs(facing[2]) > 0.6, facing[0] > 0.55
    bands = sum(_inside(local[1], level - 0.022, level + 0.022, 0.008) for level in (0.62, 0.82, 1.04))
    tone = mix(tone, colour(BLACK), bands * side * (local[0] < 1.3))
    tone = mix(tone, colour("#f6d9a0"), step(1.66, 1.70, local[1]) * 0.55)
    glass = np.maximum(_side_windows(local) * side, _front_windows(local) * front)
    frame_side = _inside(local[1], 1.07, 1.55) * _inside(local[0], -2.05, 1.2) * side
    frame_front = _inside(np.abs(local[2]), -1, 0.54) * _inside(local[1], 1.06, 1.52) * front * (local[0] > 1.1)
    tone = mix(tone, colour("#1c1c1a"), np.maximum(frame_side * 0.75, frame_front * 0.9))
    sign = _inside(np.abs(local[2]), -1, 0.36) * _inside(local[1], 1.56, 1.68) * front
    letters = _inside(np.mod(local[2] * 11, 1), 0.15, 0.7, 0.1) * _inside(local[1], 1.59, 1.65, 0.008)
    tone = mix(tone, mix(colour("#ffc21a"), colour(BLACK), letters), sign)
    grille = _inside(np.abs(local[2]), -1, 0.26) * _inside(local[1], 0.50, 0.90) * (local[0] > 2.0) * front
    slats = _inside(np.mod(local[1] * 16, 1), 0.2, 0.75, 0.1)
    tone = mix(tone, mix(colour("#2a2a28"), colour("#9a9a94"), slats), grille)
    dark = mix(colour("#0d1418"), colour("#2b3a40"), clouds(local * 3, 2, 4))
    rough = np.where(glass > 0.5, 0.03, 0.22).astype(np.float32)
    return Surface(mix(tone, dark, glass), rough, np.where(glass > 0.5, 0.10, 0.045).astype(np.float32))


def _dark_parts(points: Vectors) -> Values:
    local = _placed(points)
    bumper = box(local - vector(2.18, 0.36, 0), 0.06, 0.09, WIDE, round_by=0.04)
    back = box(local - vector(-2.13, 0.38, 0), 0.06, 0.09, WIDE, round_by=0.04)
    floor = box(local - vector(0, 0.38, 0), 2.05, 0.06, WIDE - 0.08)
    result = np.minimum(np.minimum(bumper, back), floor)
    arm = np.stack([local[0], local[1], np.abs(local[2])])
    for axle in AXLES:
        wheel = torus(arm - vector(axle, 0.32, WIDE - 0.14), 0.22, 0.105, axis=2)
        result = np.minimum(result, wheel)
    stalk = capsule(arm, vector(1.30, 1.42, WIDE - 0.05), vector(1.42, 1.34, WIDE + 0.17), 0.014)
    mirror = box(arm - vector(1.42, 1.20, WIDE + 0.16), 0.03, 0.14, 0.07, round_by=0.03)
    return np.minimum(result, np.minimum(stalk, mirror))


def _dark_surface(points: Vectors, normals: Vectors) -> Surface:
    return Surface(colour("#1a1a1b"), rough=0.6, mirror=0.04)


def _bright_parts(points: Vectors) -> Values:
    local = _placed(points)
    arm = np.stack([local[0], local[1], np.abs(local[2])])
    lamps = cylinder(arm - vector(2.11, 0.66, 0.42), 0.095, 0.04, axis=0, round_by=0.02)
    warning = sphere(arm - vector(1.36, 1.62, 0.46), 0.055)
    hubs = [cylinder(arm - vector(axle, 0.32, WIDE - 0.10), 0.125, 0.05, axis=2, round_by=0.02) for axle in AXLES]
    return np.minimum(np.minimum(lamps, warning), np.minimum(*hubs))


def _bright_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points)
    high, lamp = local[1] > 1.4, local[0] > 2.0
    tone = np.where(high, colour("#d01808"), np.where(lamp, colour("#f4f2ea"), colour("#e8b030")))
    return Surface(tone, rough=0.15, mirror=0.08, glow=np.where(high, colour("#500800"), colour("#000000")))


def _road(points: Vectors) -> Surface:
    local = _placed(points)
    flat = points * vector(1, 0, 1)
    asphalt = colour("#57565a") * (0.72 + 0.5 * clouds(flat * 9, 4, 2)) * (0.9 + 0.25 * clouds(flat * 0.8, 2, 4))
    dash = _inside(np.abs(local[2] - 1.55), -1, 0.05, 0.01) * _inside(np.mod(local[0] * 0.4, 1), 0.1, 0.7, 0.01)
    edge = _inside(np.abs(local[2] + 1.25), -1, 0.05, 0.01)
    asphalt = mix(asphalt, colour("#e8e4d4"), np.maximum(dash, edge) * 0.85)
    grass = mix(colour("#3c5f1c"), colour("#86a83c"), clouds(flat * vector(2.5, 1, 2.5), 5, 7))
    return Surface(
        mix(asphalt, grass, step(1.55, 1.70, -local[2] + 0.1 * clouds(flat * 3, 2, 9))), rough=0.9, mirror=0.02
    )


def _view(across: Values, up: Values, rays: Vectors) -> Vectors:
    light = sky("#2f70c4", "#cfe2f2", cover=0.52, seed=5)(across, up, rays)
    angle = np.arctan2(rays[0], -rays[2])
    for number, (height, tone) in enumerate(((0.10, "#86a0a8"), (0.13, "#3f5f2c"), (0.075, "#55782f"))):
        bumpy = clouds(np.stack([angle * (5 + 9 * number) + 3 * number, angle * 0, angle * 0]), 5, number + 2)
        crowns = clouds(np.stack([angle * 40, rays[1] * 60, angle * 0]), 3, 6)
        light = mix(light, colour(tone) * (0.6 + 0.8 * crowns), step(0.004, -0.004, rays[1] - height * (0.3 + bumpy)))
    return light


def scene() -> Scene:
    """Build the scene."""
    things = (
        Thing(_body, _paint, _relief),
        Thing(_dark_parts, _dark_surface),
        Thing(_bright_parts, _bright_surface),
    )
    return Scene(
        world=World(things, vector(0, 0.85, 0), 2.6, careful=0.9),
        camera=Camera(vector(0.5, 1.75, 6.9), vector(0.22, 0.86, 0), 0.58),
        light=sunlight(ground="#6b6a60", strength=2.4),
        background=_view,
        ground=Ground(_road, edge=300.0, bounce=colour("#e0a010") * 0.4),
        haze=0.006,
        lens=40,
    )
