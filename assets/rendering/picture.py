"""From a scene to a picture: rays through every pixel, the backdrop out of focus, the film's colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from assets.rendering.colours import developed
from assets.rendering.lighting import Light, shaded
from assets.rendering.marching import Surface, World, normals_of
from assets.rendering.noise import Values, Vectors, hashed
from assets.rendering.shapes import unit, vector

#: Rays that are followed together: few enough for the processor's cache.
TOGETHER = 1 << 16
BLURS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class Camera:
    """Where the eye is, what it looks at, and how wide (the height of the picture at distance one)."""

    place: Vectors
    towards: Vectors
    wide: float = 0.6

    def rays(self, across: Values, up: Values) -> Vectors:
        """Give the direction of the ray through each place of the picture, both in -1..1."""
        ahead = unit(self.towards - self.place)
        right = unit(np.cross(ahead, vector(0, 1, 0), axis=0))
        top = np.cross(right, ahead, axis=0)
        return unit(ahead + (right * across + top * up) * np.float32(self.wide / 2))


@dataclass(frozen=True)
class Ground:
    """The plane y = 0 as far as `edge` (a distance behind the origin); `gloss` mirrors things."""

    surface: Callable[[Vectors], Surface]
    relief: Callable[[Vectors], Values] | None = None
    edge: float = np.inf
    gloss: bool = False
    bounce: Vectors = field(default_factory=lambda: vector(0, 0, 0))


@dataclass(frozen=True)
class Scene:
    """All that is rendered. background: (across, up, direction) -> light; lens: how strongly depth blurs."""

    world: World
    camera: Camera
    light: Light
    background: Callable[[Values, Values, Vectors], Vectors]
    ground: Ground | None = None
    lens: float = 0.0
    exposure: float = 1.0
    haze: float = 0.0


@dataclass(frozen=True)
class Rendered:
    """A picture and, in 0..1, how much of each pixel the counted things cover."""

    image: Image.Image
    mask: NDArray[np.float32]

    def box(self) -> tuple[int, int, int, int]:
        """Surround the counted things: left, upper, right, lower in pixels."""
        rows, columns = (np.flatnonzero((self.mask > 0.5).any(axis=axis)) for axis in (1, 0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def render(scene: Scene, side: int = 600, fine: int = 3) -> Rendered:
    """Render a square picture of `side` pixels, each the mean of `fine` x `fine` rays."""
    size = side * fine
    place = ((np.arange(size, dtype=np.float32) + 0.5) / size) * 2 - 1
    across, up = np.tile(place, size), np.repeat(-place, size)
    front = np.zeros((4, size * size), np.float32)
    back = np.zeros((4, size * size), np.float32)
    counted = np.zeros(size * size, np.float32)
    for start in range(0, size * size, TOGETHER):
        part = slice(start, start + TOGETHER)
        rays = scene.camera.rays(across[part], up[part])
        front[:, part], counted[part] = _things(scene, scene.camera.place, rays)
        back[:, part] = _backdrop(scene, across[part], up[part], rays)
    front, back, cover = (_averaged(layer, size, fine) for layer in (front, back, counted[None]))
    light = front[:3] + _out_of_focus(back, scene, side) * (1 - front[3])
    return Rendered(_film(light, scene.exposure), cover[0])


def _averaged(layer: Vectors, size: int, fine: int) -> Vectors:
    side = size // fine
    result: Vectors = layer.reshape(-1, side, fine, side, fine).mean(axis=(2, 4))
    return result


def _things(scene: Scene, start: Vectors, rays: Vectors) -> tuple[Vectors, Values]:
    """Give light and cover (4, N) of the things that rays meet, and whether these are counted."""
    world = scene.world
    reach = world.meet(start, rays)
    result = np.zeros((4, rays.shape[1]), np.float32)
    counted = np.zeros(rays.shape[1], np.float32)
    hit = np.flatnonzero(np.isfinite(reach))
    if not hit.size:
        return result, counted
    along = rays[:, hit]
    points = np.broadcast_to(start, rays.shape)[:, hit] + along * reach[hit]
    owner = np.argmin(np.stack([thing.distance(points) for thing in world.things]), axis=0)
    for number, thing in enumerate(world.things):
        own = np.flatnonzero(owner == number)
        if own.size:
            at = points[:, own]
            normals = normals_of(thing, at)
            open_sky = world.open(at, normals, scene.light.reach)
            if scene.ground is not None:
                open_sky = open_sky * _above_ground(at, normals, scene.light.reach)
            light = shaded(world, scene.light, at, normals, -along[:, own], thing.surface(at, normals), open_sky)
            result[:3, hit[own]] = _hazy(scene, light, reach[hit[own]], along[:, own])
            counted[hit[own]] = float(thing.counted)
    result[3, hit] = 1
    return result, counted


def _above_ground(points: Vectors, normals: Vectors, reach: float) -> Values:
    """Darken what faces a ground close by."""
    near = np.exp(-np.maximum(points[1], 0) / np.float32(reach * 0.35))
    return 1 - 0.75 * near * np.clip(0.5 - 0.6 * normals[1], 0, 1)


def _hazy(scene: Scene, light: Vectors, reach: Values, rays: Vectors) -> Vectors:
    if not scene.haze:
        return light
    clear = np.exp(-reach * np.float32(scene.haze))
    return light * clear + scene.light.around_from(rays * vector(1, 0, 1), 0.5) * (1 - clear)


def _backdrop(scene: Scene, across: Values, up: Values, rays: Vectors) -> Vectors:
    """Give light and nearness (one over the depth) of ground and background, as if there were no things."""
    result = np.zeros((4, rays.shape[1]), np.float32)
    result[:3] = scene.background(across, up, rays)
    ground, eye = scene.ground, scene.camera.place
    if ground is None:
        return result
    reach = np.where(rays[1] < -1e-4, -eye[1] / np.minimum(rays[1], -1e-4), np.inf)
    points = eye + rays * np.where(np.isfinite(reach), reach, 0)
    below = np.flatnonzero(np.isfinite(reach) & (points[2] > -ground.edge))
    if below.size:
        points, along = points[:, below], rays[:, below]
        result[:3, below] = _hazy(scene, _on_ground(scene, ground, points, along), reach[below], along)
        result[3, below] = 1 / reach[below]
    return result


def _on_ground(scene: Scene, ground: Ground, points: Vectors, along: Vectors) -> Vectors:
    surface = ground.surface(points)
    normals = np.tile(vector(0, 1, 0), points.shape[1])
    if ground.relief is not None:
        normals = unit(normals - _slope(ground.relief, points))
    open_sky = np.ones(points.shape[1], np.float32)
    away = (points - scene.world.centre)[[0, 2]]
    close = np.flatnonzero((away * away).sum(axis=0) < (scene.world.radius * 1.6) ** 2)
    open_sky[close] = scene.world.open(points[:, close], np.tile(vector(0, 1, 0), close.size), scene.light.reach)
    light = shaded(scene.world, scene.light, points, normals, -along, surface, open_sky)
    light = light + surface.colour * ground.bounce * (1 - open_sky) * open_sky
    if ground.gloss:
        way = along - 2 * (along * normals).sum(axis=0) * normals
        seen, _ = _things(scene, points + vector(0, 0.003, 0), way)
        mirror = np.asarray(surface.mirror, np.float32)
        share = mirror + (1 - mirror) * np.clip(1 + (along * normals).sum(axis=0), 0, 1) ** 5
        light = light + (seen[:3] - seen[3] * scene.light.around_from(way, surface.rough)) * share * seen[3]
    return np.maximum(light, 0)


def _slope(relief: Callable[[Vectors], Values], points: Vectors) -> Vectors:
    here, small = relief(points), np.float32(2e-3)
    right, ahead = relief(points + vector(2e-3, 0, 0)), relief(points + vector(0, 0, 2e-3))
    return np.stack([(right - here) / small, np.zeros_like(here), (ahead - here) / small])


def _out_of_focus(back: Vectors, scene: Scene, side: int) -> Vectors:
    """Blur each place of the backdrop by how far its depth is from the depth looked at."""
    if not scene.lens:
        return back[:3]
    focus = 1 / np.linalg.norm(scene.camera.towards - scene.camera.place)
    radius = np.abs(back[3] - focus) * np.float32(scene.lens * side / 600)
    result = back[:3].copy()
    for small, large in pairwise(BLURS):
        blurred = _disc(back[:3], large * side / 600)
        share = np.clip((radius * 600 / side - small) / (large - small), 0, 1)
        result = result + (blurred - result) * share
    return result


def _disc(layer: Vectors, radius: float) -> Vectors:
    """Blur by a disc, as a lens does, with the picture mirrored at its edges."""
    pad = int(radius) + 2
    wide = np.pad(layer, ((0, 0), (pad, pad), (pad, pad)), mode="reflect")
    rows, columns = (np.fft.fftfreq(length) * length for length in wide.shape[1:])
    disc = np.clip(radius + 0.5 - np.hypot(rows[:, None], columns[None]), 0, 1)
    spectrum = np.fft.rfft2(wide) * np.fft.rfft2(disc / disc.sum())
    result: Vectors = np.fft.irfft2(spectrum, s=wide.shape[1:])[:, pad:-pad, pad:-pad].astype(np.float32)
    return result


def _film(light: Vectors, exposure: float) -> Image.Image:
    side = light.shape[-1]
    rows, columns = np.mgrid[0:side, 0:side].astype(np.int32)
    away = np.hypot(rows / side - 0.5, columns / side - 0.5).astype(np.float32)
    tones = developed(light * (1 - 0.35 * away**2), exposure)
    grain = hashed(np.stack([rows.ravel(), columns.ravel(), rows.ravel() * 0]), 5).reshape(side, side) - 0.5
    pixels = np.clip(tones + grain * 0.012, 0, 1)
    return Image.fromarray(np.rint(pixels * 255).astype(np.uint8).transpose(1, 2, 0))
