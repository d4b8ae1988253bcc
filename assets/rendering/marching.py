"""Finds where rays meet shapes: sphere tracing (Hart, 1996), soft shadows and ambient occlusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from assets.rendering.noise import Values, Vectors
from assets.rendering.shapes import step, unit, vector

Distance = Callable[[Vectors], Values]
NEAR = np.float32(6e-4)


@dataclass(frozen=True)
class Surface:
    """What a surface is made of: colour (3, N) or (3, 1), and numbers that may differ from point to point.

    rough: 0 a mirror, 1 chalk. mirror: the share of light reflected head-on. through: how far light seeps
    round the edge of the shadow, as in fruit and leaves. glow: light of its own.
    """

    colour: Vectors
    rough: Values | float = 0.5
    mirror: Values | float = 0.04
    through: Values | float = 0.0
    glow: Vectors = field(default_factory=lambda: vector(0, 0, 0))


@dataclass(frozen=True)
class Thing:
    """A shape and its surface; `relief` are heights too small to be marched, which only tilt the surface.

    A thing that is not `counted` is scenery: it is no part of the object that the sample's box surrounds.
    """

    distance: Distance
    surface: Callable[[Vectors, Vectors], Surface]
    relief: Callable[[Vectors], Values] | None = None
    counted: bool = True


@dataclass(frozen=True)
class World:
    """All things of a scene, within a ball outside which no ray needs to be followed.

    careful: the share of each distance that a ray dares to go, below 1 where shapes give too large ones.
    """

    things: tuple[Thing, ...]
    centre: Vectors
    radius: float
    careful: float = 1.0

    def distance(self, points: Vectors) -> Values:
        """Measure the distance to the nearest thing."""
        result = self.things[0].distance(points)
        for thing in self.things[1:]:
            result = np.minimum(result, thing.distance(points))
        return result

    def span(self, start: Vectors, along: Vectors) -> tuple[Values, Values]:
        """Say between which lengths each ray is within the ball; (1, 0) where it is not at all."""
        offset = start - self.centre
        half = -(offset * along).sum(axis=0)
        root = half * half - (offset * offset).sum(axis=0) + np.float32(self.radius**2)
        reach = np.sqrt(np.maximum(root, 0))
        hit = (root > 0) & (half + reach > 0)
        return np.where(hit, np.maximum(half - reach, 0), 1), np.where(hit, half + reach, 0)

    def meet(self, start: Vectors, along: Vectors, steps: int = 140) -> Values:
        """Follow rays to the first thing; return the lengths, infinity where there is none."""
        near, far = self.span(start, along)
        found: Values = np.full(near.shape, np.inf, np.float32)
        index = np.flatnonzero(near < far)
        place, start, along, far = (
            near[index],
            np.broadcast_to(start, along.shape)[:, index],
            along[:, index],
            far[index],
        )
        for _ in range(steps):
            if not index.size:
                break
            gap = self.distance(start + along * place)
            arrived = gap < NEAR * np.maximum(place, 1)
            found[index[arrived]] = place[arrived]
            place = place + gap * np.float32(self.careful)
            keep = ~arrived & (place < far)
            index, place, far = index[keep], place[keep], far[keep]
            start, along = start[:, keep], along[:, keep]
        return found

    def lit(self, start: Vectors, along: Vectors, sharp: float, steps: int = 48) -> Values:
        """Say which share of a lamp in this direction is seen: 0 in the shadow, 1 in the light."""
        near, far = self.span(start, np.broadcast_to(along, start.shape))
        share: Values = np.ones(start.shape[1], np.float32)
        index = np.flatnonzero(near < far)
        place = np.maximum(near[index], np.float32(0.006))
        for _ in range(steps):
            if not index.size:
                break
            gap = self.distance(start[:, index] + along * place)
            share[index] = np.minimum(share[index], 0.5 + 0.5 * np.float32(sharp) * gap / place)
            place = place + np.clip(gap, 0.008, 0.25) * np.float32(self.careful)
            keep = (share[index] > 0) & (place < far[index])
            index, place = index[keep], place[keep]
        share = np.clip(share, 0, 1)
        share = share * share * (3 - 2 * share)
        offset = self.centre - start
        beside = np.sqrt(np.maximum((offset * offset).sum(axis=0) - (offset * along).sum(axis=0) ** 2, 0))
        # Outside the ball nothing is asked, so what half shadow there is must have faded by its edge.
        return 1 - (1 - share) * step(1, 0.75, beside / np.float32(self.radius))

    def open(self, points: Vectors, normals: Vectors, reach: float = 0.5) -> Values:
        """Say how much of the sky above a surface is open: 1 all, 0 none (ambient occlusion)."""
        hidden: Values = np.zeros(points.shape[1], np.float32)
        weight = np.float32(1)
        for number in range(1, 7):
            height = np.float32(reach * (number / 6) ** 1.6 + 0.004)
            gap = self.distance(points + normals * height)
            hidden += weight * np.clip((height - gap) / height, 0, 1)
            weight *= np.float32(0.86)
        return np.clip(1 - hidden * np.float32(0.24), 0, 1)


def normals_of(thing: Thing, points: Vectors, fine: float = 1e-3) -> Vectors:
    """Measure which way the surface faces; its relief tilts it by how it rises along the surface."""
    smooth, rise = np.zeros_like(points), np.zeros_like(points)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        way = vector(*corner)
        there = points + way * np.float32(fine)
        smooth += way * thing.distance(there)
        if thing.relief is not None:
            rise += way * thing.relief(there)
    outward = unit(smooth)
    along = rise - outward * (rise * outward).sum(axis=0)
    return unit(outward - along / np.float32(4 * fine))
