"""Non-negative matrix factorization: a table of numbers as a few patterns, each with its strength in every row."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: What a division by nothing is kept from; the table is scaled to a largest value of 1 before.
_TINY = 1e-12


def factorize(
    table: Tensor, parts: int, iterations: int, seed: int, after: Callable[[int, Tensor, Tensor], None]
) -> tuple[Tensor, Tensor]:
    """Write a table (rows, columns), nothing below zero, as strengths (rows, parts) times patterns (parts, columns).

    Both are never negative, and each pattern has length 1 (or is empty). Hierarchical alternating least squares
    (Cichocki & Phan, 2009): one pattern after another gets its best values while the others stand; from a random start,
    on the CPU in double precision, so that every device gives the same. `after` is called after each iteration.
    """
    top = float(table.max().clamp(min=0)) or 1.0
    scaled = table.detach().cpu().double() / top
    generator = torch.Generator().manual_seed(seed)
    size = (scaled.mean() / parts).sqrt()
    strengths, patterns = (
        torch.rand(shape, generator=generator, dtype=torch.float64) * size
        for shape in ((len(scaled), parts), (parts, scaled.shape[1]))
    )
    for done in range(1, iterations + 1):
        strengths = _improved(strengths.T, patterns @ scaled.T, patterns @ patterns.T).T
        patterns = _improved(patterns, strengths.T @ scaled, strengths.T @ strengths)
        after(done, *_unit_patterns(strengths * top, patterns))
    return _unit_patterns(strengths * top, patterns)


def missed(table: Tensor, strengths: Tensor, patterns: Tensor) -> float:
    """Return what the parts miss of a table, as a share of its norm; nothing of an empty one."""
    whole = table.detach().cpu().double()
    return float((whole - strengths @ patterns).norm() / whole.norm().clamp(min=1e-300))


def _improved(factor: Tensor, products: Tensor, overlaps: Tensor) -> Tensor:
    """Give each row its best values, never negative: products (parts, n) of the other factor with the table, and
    overlaps (parts, parts) of the other factor with itself."""
    factor = factor.clone()
    for row in range(len(factor)):
        step = (products[row] - overlaps[row] @ factor) / overlaps[row, row].clamp(min=_TINY)
        factor[row] = (factor[row] + step).clamp(min=0)
    return factor


def _unit_patterns(strengths: Tensor, patterns: Tensor) -> tuple[Tensor, Tensor]:
    lengths = patterns.norm(dim=1)
    return strengths * lengths, patterns / lengths.clamp(min=_TINY)[:, None]
