"""Signed distances: how far a point (3, N) is from the surface of a shape, negative inside."""

from __future__ import annotations

import numpy as np

from assets.rendering.noise import Values, Vectors


def vector(*edges: float) -> Vectors:
    """Write three numbers as a column."""
    return np.array(edges, np.float32).reshape(3, 1)


def length(points: Vectors) -> Values:
    """Measure each vector of (D, N)."""
    return np.sqrt(np.einsum("ij,ij->j", points, points))


def unit(points: Vectors) -> Vectors:
    """Scale each vector to length one."""
    return points / np.maximum(length(points), np.float32(1e-9))


def turned(points: Vectors, axis: int, degrees: float) -> Vectors:
    """Turn points about one of the axes 0, 1, 2, right-handed."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cosine, sine = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
    result = points.copy()
    result[first] = cosine * points[first] - sine * points[second]
    result[second] = sine * points[first] + cosine * points[second]
    return result


def sphere(points: Vectors, radius: float) -> Values:
    """A ball round the origin."""
    return length(points) - np.float32(radius)


def ellipsoid(points: Vectors, *radii: float) -> Values:
    """A ball that is stretched along the axes; near the surface the distance is right to first order."""
    size = vector(*radii)
    inner, slope = length(points / size), length(points / (size * size))
    return inner * (inner - 1) / np.maximum(slope, np.float32(1e-6))


def box(points: Vectors, *half: float, round_by: float = 0.0) -> Values:
    """A block of these half edges, its corners rounded."""
    beyond = np.abs(points) - (vector(*half) - np.float32(round_by))
    outside = length(np.maximum(beyond, 0))
    return outside + np.minimum(beyond.max(axis=0), 0) - np.float32(round_by)


def cylinder(points: Vectors, radius: float, half: float, axis: int = 1, round_by: float = 0.0) -> Values:
    """A cylinder along an axis."""
    others = [number for number in range(3) if number != axis]
    beyond = np.stack(
        [length(points[others]) - np.float32(radius - round_by), np.abs(points[axis]) - np.float32(half - round_by)]
    )
    return np.minimum(beyond.max(axis=0), 0) + length(np.maximum(beyond, 0)) - np.float32(round_by)


def torus(points: Vectors, radius: float, thickness: float, axis: int = 1) -> Values:
    """A ring round an axis."""
    others = [number for number in range(3) if number != axis]
    across = length(points[others]) - np.float32(radius)
    return np.hypot(across, points[axis]) - np.float32(thickness)


def capsule(points: Vectors, start: Vectors, end: Vectors, thick: float, thick_end: float | None = None) -> Values:
    """A rod with round ends, which may grow thinner or thicker from start to end."""
    along = end - start
    share = np.clip(((points - start) * along).sum(axis=0) / (along * along).sum(), 0, 1)
    other = thick if thick_end is None else thick_end
    return length(points - start - along * share) - (np.float32(thick) + np.float32(other - thick) * share)


def melted(first: Values, second: Values, by: float) -> Values:
    """Join two shapes with a fillet (polynomial smooth minimum)."""
    share = np.maximum(np.float32(by) - np.abs(first - second), 0) / np.float32(by)
    return np.minimum(first, second) - share * share * np.float32(by / 4)


def step(edge: Values | float, other: Values | float, values: Values) -> Values:
    """Rise smoothly from 0 at `edge` to 1 at `other`."""
    share = np.clip((values - edge) / (other - edge), 0, 1)
    result: Values = share * share * (3 - 2 * share)
    return result
