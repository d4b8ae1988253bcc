"""A porcelain teapot with a blue pattern, on a wooden table."""

from __future__ import annotations

import numpy as np

from assets.rendering.colours import colour, mix
from assets.rendering.marching import Surface, Thing, World
from assets.rendering.noise import Values, Vectors, clouds
from assets.rendering.picture import Camera, Ground, Scene
from assets.rendering.rope import Rope
from assets.rendering.settings import daylight, leaves, wood
from assets.rendering.shapes import cylinder, ellipsoid, length, melted, sphere, step, torus, turned, vector

SPOUT = ((0.72, 0.62, 0.30), (1.12, 0.72, 0.22), (1.36, 1.02, 0.16), (1.50, 1.32, 0.12), (1.68, 1.46, 0.115))
HANDLE = ((-0.78, 1.22), (-1.15, 1.42), (-1.48, 1.30), (-1.58, 0.98), (-1.42, 0.66), (-1.10, 0.46), (-0.84, 0.44))


SPOUT_ROPE = Rope(np.array([(x, y, 0, thick) for x, y, thick in SPOUT], np.float32))
HANDLE_ROPE = Rope(np.array([(x, y, 0, 0.095) for x, y in HANDLE], np.float32))


def _placed(points: Vectors) -> Vectors:
    return turned(points, 1, 20)


def _pot(points: Vectors) -> Values:
    local = _placed(points)
    body = ellipsoid(local - vector(0, 0.86, 0), 1.08, 0.82, 1.08)
    foot = cylinder(local - vector(0, 0.07, 0), 0.62, 0.07, round_by=0.03)
    body = melted(body, foot, 0.12)
    mouth = sphere(local - vector(1.76, 1.56, 0), 0.125)
    body = np.maximum(melted(body, SPOUT_ROPE.nearest(local)[0], 0.16), -mouth)
    body = melted(body, HANDLE_ROPE.nearest(local)[0], 0.10)
    rim = torus(local - vector(0, 1.565, 0), 0.60, 0.045)
    lid = np.maximum(ellipsoid(local - vector(0, 1.54, 0), 0.585, 0.30, 0.585), 1.54 - local[1])
    knob = melted(cylinder(local - vector(0, 1.86, 0), 0.07, 0.08), sphere(local - vector(0, 2.0, 0), 0.14), 0.08)
    return np.minimum(melted(body, rim, 0.05), melted(lid, knob, 0.08))


def _glaze(points: Vectors, normals: Vectors) -> Surface:
    local = _placed(points)
    away, height = length(local[[0, 2]]), local[1]
    angle = np.arctan2(local[2], local[0])
    blue = np.zeros(points.shape[1], np.float32)
    on_body = (ellipsoid(local - vector(0, 0.86, 0), 1.08, 0.82, 1.08) < 0.03) & (height < 1.53)
    for level, wide in ((1.33, 0.016), (1.40, 0.03), (0.40, 0.03), (0.33, 0.012)):
        blue = np.maximum(blue, step(wide, wide - 0.012, np.abs(height - level)) * on_body)
    turns = angle * 9 / (2 * np.pi)
    across, up = (turns - np.round(turns)) * 2 * np.pi / 9 * 1.08, height - 0.88
    far, petal = np.hypot(across, up), np.arctan2(up, across)
    flower = step(0.03, 0.0, far - 0.20 * (0.62 + 0.38 * np.cos(6 * petal))) * step(0.035, 0.055, far)
    ring = step(0.014, 0.004, np.abs(far - 0.265))
    pattern = np.maximum(flower, ring) * on_body * (np.abs(up) < 0.385)
    lid = (away < 0.6) & (height > 1.6)
    lines = step(0.02, 0.008, np.abs(away - 0.46)) + step(0.2, 0.19, length(local - vector(0, 2.0, 0)))
    share = np.clip(np.maximum(blue, pattern) + lines * lid, 0, 1) * (0.8 + 0.2 * clouds(local * 9, 2, 4))
    tone = mix(colour("#e4e1d9"), colour("#1d3f94"), share)
    return Surface(tone, rough=0.06, mirror=0.05, through=0.08)


def scene() -> Scene:
    """Build the scene."""
    return Scene(
        world=World((Thing(_pot, _glaze),), vector(0.02, 1.0, 0), 2.0, careful=0.85),
        camera=Camera(vector(0.1, 2.6, 6.2), vector(0.04, 0.92, 0), 0.60),
        light=daylight(warm=0.4, ground="#7a5230"),
        background=leaves("#2b2320", "#7a6a58", "#f2dcb4", seed=5, dots=50),
        ground=Ground(wood("#9c6a3e", "#552f18", seed=6), edge=4.2, bounce=colour("#d8d0c4") * 0.5),
        lens=120,
    )
