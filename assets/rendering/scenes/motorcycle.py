"""A red motorcycle on gravel in front of trees."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, clouds
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.settings import leaves, sunlight
from assets.rendering.shapes import box, capsule, cylinder, ellipsoid, melted, sphere, step, torus, turned, vector

#: Where the axles are (in front and behind), and how far above the ground.
FRONT, BACK, HIGH = 0.76, -0.70, 0.335
RED, CREAM = "#a3140c", "#f0e2c0"


def _placed(points: Vectors) -> Vectors:
    """Turn to the machine's own axes: along it, up, and to its right; it leans a little on its stand."""
    return turned(turned(points, 1, 28), 0, 5)


def _both(local: Vectors) -> Vectors:
    """Fold the left half onto the right one."""
    return np.stack([local[0], local[1], np.abs(local[2])])


def _joined(*shapes: Values) -> Values:
    return reduce(np.minimum, shapes)


def _rods(points: Vectors, thick: float, *corners: tuple[float, float, float]) -> Values:
    """A bent tube through these places."""
    ends = [vector(*corner) for corner in corners]
    return _joined(*(capsule(points, start, end, thick) for start, end in pairwise(ends)))


def _tyres(points: Vectors) -> Values:
    local = _placed(points)
    front = torus(local - vector(FRONT, HIGH, 0), 0.272, 0.060, axis=2)
    return np.minimum(front, torus(local - vector(BACK, HIGH, 0), 0.262, 0.073, axis=2))


def _spokes(wheel: Vectors, count: int) -> Values:
    """Rods from the hub to the rim, in pairs that lean left and right."""
    turn = 2 * np.pi / count
    angle = np.mod(np.arctan2(wheel[1], wheel[0]), turn) - turn / 2
    away = np.hypot(wheel[0], wheel[1])
    folded = np.stack([away * np.cos(angle), away * np.sin(angle), np.abs(wheel[2])])
    return capsule(folded, vector(0.05, 0.0, 0.05), vector(0.222, 0.02, 0.01), 0.0055)


def _chrome(points: Vectors) -> Values:
    local = _placed(points)
    arm = _both(local)
    result = _rods(arm, 0.026, (0.60, 0.66, 0.105), (0.405, 1.03, 0.105))
    for axle in (FRONT, BACK):
        wheel = local - vector(axle, HIGH, 0)
        rim = np.maximum(cylinder(wheel, 0.226, 0.030, axis=2, round_by=0.01), -cylinder(wheel, 0.205, 0.2, axis=2))
        hub = cylinder(wheel, 0.055, 0.075, axis=2, round_by=0.015)
        result = _joined(result, rim, hub, _spokes(wheel, 14))
    bars = _rods(arm, 0.013, (0.40, 1.05, 0.0), (0.40, 1.07, 0.12), (0.35, 1.17, 0.30), (0.22, 1.15, 0.38))
    stalks = _rods(arm, 0.008, (0.29, 1.16, 0.34), (0.31, 1.33, 0.42))
    lamp = np.maximum(sphere(local - vector(0.53, 0.93, 0), 0.115), local[0] - 0.585)
    pipe = _rods(arm, 0.026, (0.24, 0.60, 0.10), (0.40, 0.52, 0.13), (0.36, 0.30, 0.16), (0.05, 0.245, 0.18))
    can = capsule(arm, vector(0.0, 0.245, 0.19), vector(-0.86, 0.30, 0.20), 0.034, 0.056)
    can = np.maximum(can, -(local[0] + 0.86))
    shock = _rods(arm, 0.020, (-0.60, 0.42, 0.15), (-0.45, 0.78, 0.14))
    coil = np.mod((local[1] - 0.42) * 26, 1)
    spring = capsule(arm, vector(-0.59, 0.47, 0.15), vector(-0.485, 0.70, 0.14), 0.032) + 0.010 * np.abs(2 * coil - 1)
    return _joined(result, bars, stalks, lamp, pipe, can, shock, spring)


def _chrome_surface(points: Vectors, normals: Vectors) -> Surface:
    # The polished parts mirror a bright sky above a dark horizon, which the light from all round is too even for.
    sky = step(-0.05, 0.12, normals[1]) * (1 - 0.45 * step(0.25, 0.75, normals[1]))
    return Surface(mix(colour("#24221f"), colour("#dfe6ea"), 0.15 + 0.85 * sky), rough=0.12, mirror=0.55)


def _engine(points: Vectors) -> Values:
    local = _placed(points)
    case = box(local - vector(0.08, 0.375, 0), 0.27, 0.115, 0.145, round_by=0.06)
    gear = cylinder(local - vector(-0.08, 0.39, 0), 0.125, 0.16, axis=2, round_by=0.03)
    clutch = cylinder(local - vector(0.16, 0.37, 0), 0.105, 0.175, axis=2, round_by=0.03)
    barrel = turned(local - vector(0.135, 0.60, 0), 2, 12)
    fins = 0.012 * step(0.2, 0.5, np.abs(2 * np.mod(barrel[1] * 28, 1) - 1))
    cooled = box(barrel, 0.125, 0.135, 0.165, round_by=0.03) + fins
    head = box(barrel - vector(0, 0.145, 0), 0.085, 0.035, 0.13, round_by=0.03)
    legs = _rods(_both(local), 0.037, (FRONT, HIGH, 0.105), (0.585, 0.68, 0.105))
    peg = _rods(_both(local), 0.016, (-0.02, 0.29, 0.12), (-0.02, 0.29, 0.27))
    stand = _rods(local, 0.015, (-0.10, 0.28, 0.12), (-0.16, 0.02, 0.27))
    return _joined(melted(melted(case, gear, 0.03), clutch, 0.02), cooled, head, legs, peg, stand)


def _engine_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points)
    stained = clouds(local * 14, 3, 5)
    fins = step(0.47, 0.53, local[1]) * (np.abs(local[0] - 0.13) < 0.18)
    tone = mix(colour("#8d8f92"), colour("#5b5c5e"), np.clip(stained * 0.7 + fins * 0.35, 0, 1))
    return Surface(tone, rough=0.32, mirror=0.22)


def _frame(points: Vectors) -> Values:
    local = _placed(points)
    arm = _both(local)
    cradle = _rods(arm, 0.021, (0.40, 0.98, 0.02), (0.33, 0.30, 0.09), (-0.22, 0.26, 0.11), (-0.30, 0.72, 0.11))
    swing = _rods(arm, 0.024, (-0.20, 0.37, 0.11), (BACK, HIGH, 0.115))
    rail = _rods(arm, 0.016, (-0.10, 0.74, 0.10), (-0.86, 0.78, 0.10))
    head = capsule(local, vector(0.40, 1.03, 0), vector(0.46, 0.88, 0), 0.045)
    clamp = box(turned(local - vector(0.445, 0.97, 0), 2, 28), 0.03, 0.018, 0.135, round_by=0.015)
    box_of_air = box(local - vector(-0.14, 0.62, 0), 0.10, 0.09, 0.12, round_by=0.03)
    grips = _rods(arm, 0.021, (0.27, 1.158, 0.352), (0.19, 1.146, 0.397))
    glass = turned(arm - vector(0.31, 1.345, 0.43), 1, -10)
    mirrors = cylinder(glass, 0.058, 0.012, axis=0, round_by=0.01)
    plate = box(local - vector(-0.97, 0.60, 0), 0.006, 0.07, 0.09)
    return _joined(cradle, swing, rail, head, clamp, box_of_air, grips, mirrors, plate)


def _seat(points: Vectors) -> Values:
    local = _placed(points)
    dip = local - vector(-0.48, 0.845, 0)
    lifted = dip - vector(0, 1, 0) * (0.06 * step(0.0, 0.35, np.abs(dip[0] + 0.02)))
    return box(lifted, 0.37, 0.052, 0.135, round_by=0.05) * 0.8


def _seat_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points)
    seam = step(0.06, 0.02, np.abs(2 * np.mod(local[0] * 9, 1) - 1)) * (local[0] < -0.3)
    tone = mix(colour("#3a2113"), colour("#150b06"), np.clip(0.35 * clouds(local * 20, 3, 3) + 0.7 * seam, 0, 1))
    return Surface(tone, rough=0.45, mirror=0.05)


def _dark_surface(points: Vectors, normals: Vectors) -> Surface:
    return Surface(colour("#161617"), rough=0.3, mirror=0.06)


def _rubber(points: Vectors, normals: Vectors) -> Surface:
    dusty = clouds(_placed(points) * 9, 3, 4)
    return Surface(mix(colour("#17171a"), colour("#4a443c"), 0.35 * dusty), rough=0.8, mirror=0.03)


def _fender(local: Vectors, axle: float, width: float, first: float, last: float) -> Values:
    """A guard over a wheel, from one angle to another (degrees, forwards 0, up 90)."""
    wheel = local - vector(axle, HIGH + 0.012, 0)
    away, angle = np.hypot(wheel[0], wheel[1]), np.degrees(np.arctan2(wheel[1], wheel[0]))
    shell = np.abs(np.hypot(away - 0.262, wheel[2]) - np.float32(width)) - 0.006
    middle, half = (first + last) / 2, (last - first) / 2
    beyond = (np.abs(np.mod(angle - middle + 180, 360) - 180) - half) * np.float32(np.pi / 180) * away
    return np.maximum(np.maximum(shell, 0.285 - away), beyond) * 0.9


def _body(points: Vectors) -> Values:
    local = _placed(points)
    tank = local - vector(0.11, 0.865, 0)
    slim = tank * vector(1, 1, 1) / np.stack([np.ones_like(tank[0])] * 2 + [0.78 + 0.30 * step(-0.30, 0.15, tank[0])])
    shape = ellipsoid(slim, 0.335, 0.150, 0.165)
    shape = melted(shape, ellipsoid(slim - vector(-0.12, -0.03, 0), 0.24, 0.10, 0.14), 0.06)
    shape = np.maximum(shape, -(tank[1] + 0.095)) * 0.75
    panel = ellipsoid(_both(local) - vector(-0.20, 0.625, 0.115), 0.125, 0.095, 0.04)
    guards = np.minimum(_fender(local, FRONT, 0.080, 38, 150), _fender(local, BACK, 0.093, 62, 196))
    return _joined(shape, panel, guards)


def _paint(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points)
    on_tank = (local[1] > 0.74) & (local[0] > -0.24) & (local[0] < 0.48)
    height = local[1] - 0.875 + 0.05 * (local[0] - 0.1)
    flash = step(0.034, 0.026, np.abs(height)) * step(0.43, 0.41, local[0]) * step(-0.2, -0.17, local[0])
    edge = step(0.010, 0.006, np.abs(np.abs(height) - 0.044)) * on_tank
    cap = (np.hypot(local[0] - 0.17, local[2]) < 0.05) & (local[1] > 0.99)
    tone = mix(colour(RED), colour(CREAM), np.maximum(flash * on_tank, edge * 0.8))
    tone = np.where(cap, colour("#c8ced2"), tone)
    return Surface(tone, rough=0.10, mirror=0.07)


def _lights(points: Vectors) -> Values:
    local = _placed(points)
    glass = ellipsoid(local - vector(0.575, 0.93, 0), 0.045, 0.098, 0.098)
    tail = box(local - vector(-0.975, 0.73, 0), 0.03, 0.035, 0.06, round_by=0.025)
    arm = _both(local)
    winkers = np.minimum(
        sphere(arm - vector(0.50, 0.92, 0.20), 0.034), sphere(arm - vector(-0.93, 0.74, 0.16), 0.032)
    )
    stems = np.minimum(
        _rods(arm, 0.009, (0.50, 0.92, 0.09), (0.50, 0.92, 0.19)),
        _rods(arm, 0.009, (-0.93, 0.74, 0.0), (-0.93, 0.74, 0.15)),
    )
    return _joined(glass, tail, winkers, stems)


def _lights_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points)
    front, aside = local[0] > 0.53, np.abs(local[2]) > 0.125
    tone = np.where(front, colour("#f2f4f0"), np.where(local[0] > -0.95, colour("#e07a10"), colour("#c01008")))
    tone = np.where(aside | front | (local[0] < -0.94), tone, colour("#2a2a2c"))
    return Surface(tone, rough=0.08, mirror=0.10)


def _gravel(points: Vectors) -> Surface:
    flat = points * vector(1, 0, 1)
    grains, patches = clouds(flat * 34, 3, 6), clouds(flat * 1.1, 3, 8)
    tone = mix(colour("#6f665a"), colour("#b9ad9a"), grains) * (0.75 + 0.45 * patches)
    tufts = step(0.62, 0.72, clouds(flat * 2.6, 4, 12)) * step(0.4, -1.2, points[2])
    return Surface(mix(tone, colour("#5d7a2c") * (0.5 + grains), tufts), rough=0.95, mirror=0.02)


def _bumps(points: Vectors) -> Values:
    return 0.012 * clouds(points * vector(26, 0, 26), 2, 6)


def scene() -> Scene:
    """Build the scene."""
    things = (
        Thing(_tyres, _rubber),
        Thing(_chrome, _chrome_surface),
        Thing(_engine, _engine_surface),
        Thing(_frame, _dark_surface),
        Thing(_seat, _seat_surface),
        Thing(_body, _paint),
        Thing(_lights, _lights_surface),
    )
    return Scene(
        world=World(things, vector(-0.02, 0.66, 0), 1.35, careful=0.9),
        camera=Camera(vector(0.35, 1.15, 4.6), vector(0.03, 0.66, 0), 0.50),
        light=sunlight(ground="#7a7264", strength=2.5, side=-0.5),
        background=leaves("#1c2a12", "#4c6a2a", "#b6cc7a", seed=3, dots=60, horizon=0.1),
        ground=Ground(_gravel, _bumps, edge=4.0),
        lens=34,
    )
