"""Lights a surface: one lamp with soft shadows, light from all round, and what the surface mirrors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assets.rendering.colours import mix
from assets.rendering.marching import Surface, World
from assets.rendering.noise import Values, Vectors
from assets.rendering.shapes import step, unit


@dataclass(frozen=True)
class Light:
    """The light of a scene. lamp: the direction to the lamp; sharp: how hard its shadows are.

    above, around, below: light from the zenith, the horizon and the ground; `window` is what gloss mirrors
    besides, as a function of direction and roughness.
    """

    lamp: Vectors
    lamp_colour: Vectors
    above: Vectors
    around: Vectors
    below: Vectors
    sharp: float = 9.0
    reach: float = 0.6
    window: Callable[[Vectors, Values | float], Values] | None = None
    window_colour: Vectors | None = None

    def around_from(self, way: Vectors, blur: Values | float = 1.0) -> Vectors:
        """Give the light that comes from a direction, blurred by the surface's roughness."""
        height = way[1]
        edge = 0.25 + 0.75 * np.asarray(blur, np.float32)
        sky = mix(self.around, self.above, step(0, 1, height))
        result = mix(sky, self.below, np.clip(0.5 - height / (2 * edge), 0, 1))
        if self.window is not None and self.window_colour is not None:
            result = result + self.window_colour * self.window(way, blur)
        return result


def shaded(
    world: World, light: Light, points: Vectors, normals: Vectors, back: Vectors, surface: Surface, open_sky: Values
) -> Vectors:
    """Give the light that leaves points towards the eye; `back` points from the surface to the eye."""
    facing = (normals * light.lamp).sum(axis=0)
    through = np.asarray(surface.through, np.float32)
    reached = np.clip((facing + through) / (1 + through), 0, 1)
    seen = np.zeros_like(reached)
    bright = np.flatnonzero(reached > 0)
    lifted = points[:, bright] + normals[:, bright] * np.float32(0.004)
    seen[bright] = world.lit(lifted, light.lamp, light.sharp)
    seen = np.maximum(seen, through * 0.25)
    tint = mix(
        np.ones_like(surface.colour), surface.colour / np.maximum(surface.colour.max(axis=0), 1e-3), through * 0.5
    )
    soft = light.lamp_colour * reached * seen * tint
    ambient = mix(
        mix(light.around, light.above, np.clip(normals[1], 0, 1)), light.below, np.clip(0.5 - normals[1] * 0.5, 0, 1)
    )
    occlusion = open_sky ** (1 - 0.45 * surface.colour.clip(0, 1))
    result = surface.colour * (soft + ambient * occlusion) + surface.glow
    return result + _mirrored(light, normals, back, surface, reached * seen, open_sky)


def _mirrored(
    light: Light, normals: Vectors, back: Vectors, surface: Surface, lamp: Values, open_sky: Values
) -> Vectors:
    rough = np.asarray(surface.rough, np.float32)
    mirror = np.asarray(surface.mirror, np.float32)
    cosine = np.clip((normals * back).sum(axis=0), 0.02, 1)
    head_on = mirror + (np.maximum(1 - rough, mirror) - mirror) * (1 - cosine) ** 5
    way = 2 * cosine * normals - back
    result = light.around_from(way, rough) * head_on * open_sky * (1 - 0.6 * rough)
    half = unit(light.lamp + back)
    alpha = np.maximum(rough * rough, 0.02) ** 2
    spread = np.clip((normals * half).sum(axis=0), 0, 1) ** 2 * (alpha - 1) + 1
    shine = np.minimum(alpha / (np.pi * spread * spread), 40) * 0.25
    grazing = mirror + (1 - mirror) * (1 - np.clip((half * back).sum(axis=0), 0, 1)) ** 5
    return result + light.lamp_colour * (shine * grazing * lamp)
