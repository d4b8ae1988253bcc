"""A rope laid through knots: a smooth curve with a thickness that changes along it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.rendering.noise import Values, Vectors


class Rope:
    """A curve through knots (Catmull-Rom), each with three places and a thickness."""

    def __init__(self, knots: NDArray[np.float32]) -> None:
        ends = [2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]]
        self.knots = np.concatenate(ends).astype(np.float32)
        self.pieces = len(knots) - 1

    def at(self, where: Values) -> tuple[Vectors, Vectors]:
        """Give middle and thickness (4, N) at places in 0..pieces, and how they change."""
        piece = np.clip(where.astype(np.int32), 0, self.pieces - 1)
        share = where - piece
        first, second, third, fourth = (self.knots[piece + number].T for number in range(4))
        one, two = third - first, 2 * first - 5 * second + 4 * third - fourth
        three = 3 * (second - third) + fourth - first
        place = second + 0.5 * (one * share + two * share**2 + three * share**3)
        return place, 0.5 * (one + 2 * two * share + 3 * three * share**2)

    def nearest(self, points: Vectors) -> tuple[Values, Values]:
        """Give the distance to the rope's skin and the place along it in 0..1.

        The nearest straight piece between two knots is the first guess, which two steps of Newton's improve.
        """
        best: Values = np.full(points.shape[1], np.inf, np.float32)
        where: Values = np.zeros(points.shape[1], np.float32)
        for number in range(self.pieces):
            first, second = self.knots[number + 1, :, None], self.knots[number + 2, :, None]
            along, offset = (second - first)[:3], points - first[:3]
            share = np.clip((offset * along).sum(axis=0) / (along * along).sum(), 0, 1)
            gap = offset - along * share
            away = np.sqrt((gap * gap).sum(axis=0)) - (first[3] + (second[3] - first[3]) * share)
            closer = away < best
            best, where = np.where(closer, away, best), np.where(closer, number + share, where)
        for _ in range(2):
            place, slope = self.at(where)
            pull = ((points - place[:3]) * slope[:3]).sum(axis=0) / np.maximum((slope[:3] ** 2).sum(axis=0), 1e-6)
            where = np.clip(where + np.clip(pull, -0.3, 0.3), 0, self.pieces)
        place, _ = self.at(where)
        return np.sqrt(((points - place[:3]) ** 2).sum(axis=0)) - place[3], where / self.pieces
