"""Two fly agarics on the mossy floor of a wood."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.rendering.colours import colour, mix
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, cells, clouds, hashed
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.settings import daylight, leaves
from assets.rendering.shapes import capsule, ellipsoid, length, melted, step, torus, turned, unit, vector

#: Foot, size, and tilt of each mushroom.
GROWN = ((vector(0.36, 0, 0), 1.0, -4.0), (vector(-0.98, 0, 0.5), 0.52, 9.0))


def _local(points: Vectors, number: int) -> Vectors:
    foot, size, tilt = GROWN[number]
    return turned(points - foot, 2, tilt) / np.float32(size)


def _cap_of(local: Vectors) -> Values:
    at = local - vector(0, 1.52, 0)
    outer = ellipsoid(at, 1.12, 0.66, 1.12)
    hollow = ellipsoid(at + vector(0, 0.30, 0), 1.02, 0.34, 1.02)
    under = -(at[1] + 0.16)
    bowl = np.maximum(outer, under) - 0.02
    return np.maximum(bowl, -hollow)


def _cap(points: Vectors) -> Values:
    return np.minimum(*(_cap_of(_local(points, number)) * GROWN[number][1] for number in (0, 1)))


def _nearer(points: Vectors) -> Vectors:
    gaps = [_cap_of(_local(points, number)) * GROWN[number][1] for number in (0, 1)]
    return np.where(gaps[0] < gaps[1], _local(points, 0), _local(points, 1))


def _warts(local: Vectors) -> Values:
    at = local - vector(0, 1.52, 0)
    way = unit(at * vector(1 / 1.12, 1 / 0.66, 1 / 1.12)) * 4.3
    way = way + 0.16 * (clouds(local * 7, 2, 9) - 0.5)
    gap, _ = cells(way, 21)
    size = 0.18 + 0.22 * clouds(way * 0.9, 2, 4)
    return step(size + 0.04, size - 0.10, gap) * (at[1] > -0.12)


def _cap_relief(points: Vectors) -> Values:
    return 0.018 * _warts(_nearer(points)) + 0.004 * clouds(points * 9, 2, 2)


def _cap_surface(points: Vectors, normals: Vectors) -> Surface:
    local = _nearer(points)
    away = length(local[[0, 2]])
    red = mix(colour("#c01408"), colour("#e83a12"), clouds(local * 2.2, 3, 3))
    red = mix(red, colour("#f06a20"), 0.6 * step(0.9, 1.14, away))
    tone = mix(red, colour("#f7efdc"), _warts(local))
    angle = np.arctan2(local[2], local[0])
    gills = 0.72 + 0.28 * np.cos(angle * 90)
    below = step(-0.15, -0.4, normals[1])
    tone = mix(tone, colour("#efe3c4") * gills, below)
    return Surface(tone, rough=0.24 + 0.4 * _warts(local), mirror=0.04, through=0.15)


def _stem_of(local: Vectors) -> Values:
    sway = 0.05 * np.sin(local[1] * 2.2)
    bent = np.stack([local[0] - sway, local[1], local[2]])
    stalk = capsule(bent, vector(0, 0.05, 0), vector(0, 1.6, 0), 0.27, 0.18)
    bulb = ellipsoid(bent - vector(0, 0.1, 0), 0.36, 0.32, 0.36)
    angle = np.arctan2(local[2], local[0])
    skirt = torus((bent - vector(0, 1.14, 0)) * vector(1, 0.6, 1), 0.235, 0.05) + 0.012 * np.cos(9 * angle)
    return melted(melted(stalk, bulb, 0.25), skirt, 0.06)


def _stems(points: Vectors) -> Values:
    stems = np.minimum(*(_stem_of(_local(points, number)) * GROWN[number][1] for number in (0, 1)))
    return np.maximum(stems * np.float32(0.9), -points[1])


def _stem_surface(points: Vectors, normals: Vectors) -> Surface:
    fibres = clouds(points * vector(16, 2, 16), 3, 4)
    tone = mix(colour("#d9c9a2"), colour("#f8f0dc"), fibres)
    return Surface(mix(colour("#8a7a4c"), tone, step(0.0, 0.35, points[1])), rough=0.8, mirror=0.03, through=0.2)


def _blade_list() -> list[NDArray[np.float32]]:
    """Bend each blade of grass through five points, from its foot to its tip."""
    number = np.arange(26, dtype=np.int32)
    x, z, lean, high, side = (hashed(np.stack([number, number * 0 + axis, number * 0]), 12) for axis in range(5))
    share = np.linspace(0, 1, 5, dtype=np.float32)
    blades = []
    for index in range(number.size):
        tall = 0.36 + 0.46 * high[index]
        across = 5.0 * x[index] - 2.5 + 0.75 * (lean[index] - 0.5) * share**2
        depth = 2.3 * z[index] - 1.2 + 0.4 * (side[index] - 0.5) * share**2
        blades.append(np.stack([across, tall * share * (1 - 0.18 * share) - 0.02, depth], axis=1)[..., None])
    return blades


BLADES = _blade_list()
THICK = (0.021, 0.022, 0.019, 0.013, 0.003)


def _grass(points: Vectors) -> Values:
    result = np.maximum(points[1] - 0.85, 0.1)
    low = np.flatnonzero(points[1] < 0.95)
    near, gap = points[:, low], np.full(low.size, 9, np.float32)
    for blade in BLADES:
        for start, end, thick, thin in zip(blade[:-1], blade[1:], THICK[:-1], THICK[1:], strict=True):
            gap = np.minimum(gap, capsule(near, start, end, thick, thin))
    result[low] = np.maximum(gap, -near[1])
    return result


def _grass_surface(points: Vectors, normals: Vectors) -> Surface:
    tone = mix(colour("#2f5a14"), colour("#8fb83c"), step(-0.1, 0.6, points[1]) * 0.8 + 0.2 * clouds(points * 3, 2, 5))
    return Surface(tone, rough=0.5, mirror=0.04, through=0.6)


def _moss(points: Vectors) -> Surface:
    flat = points * vector(1, 0, 1)
    tone = mix(colour("#243a10"), colour("#6d8f2c"), clouds(flat * 2.2, 5, 2))
    litter = step(0.60, 0.68, clouds(flat * 3.4 + 20, 3, 8))
    tone = mix(tone, mix(colour("#5a3b1e"), colour("#a5743a"), clouds(flat * 9, 2, 3)), litter * 0.75)
    return Surface(tone, rough=0.95, mirror=0.02, through=0.3)


def _bumps(points: Vectors) -> Values:
    flat = points * vector(1, 0, 1)
    return 0.20 * clouds(flat * 2.2, 3, 2) + 0.10 * clouds(flat * 11, 3, 6)


def scene() -> Scene:
    """Build the scene."""
    things = (
        Thing(_cap, _cap_surface, _cap_relief),
        Thing(_stems, _stem_surface),
        Thing(_grass, _grass_surface, counted=False),
    )
    return Scene(
        world=World(things, vector(0, 0.9, 0.05), 2.75, careful=0.85),
        camera=Camera(vector(0.0, 1.7, 6.3), vector(0.06, 0.98, 0), 0.55),
        light=daylight(warm=0.55, strength=1.9, ground="#3d5a1c", reach=0.8),
        background=leaves("#0f1c0c", "#36561f", "#d7e08a", seed=11, dots=120),
        ground=Ground(_moss, _bumps, edge=6.0, bounce=colour("#803020") * 0.4),
        lens=130,
    )
