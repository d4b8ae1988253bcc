"""Colours: linear light inside, sRGB at the end."""

from __future__ import annotations

import numpy as np

from assets.rendering.noise import Values, Vectors


def colour(text: str) -> Vectors:
    """Read "#rrggbb" as a column of linear light."""
    parts = np.array([int(text[start : start + 2], 16) for start in (1, 3, 5)], np.float32) / 255
    return linear(parts).reshape(3, 1)


def linear(srgb: Vectors) -> Vectors:
    """Turn sRGB in [0, 1] into linear light."""
    result: Vectors = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return result


def mix(first: Vectors, second: Vectors, share: Values | float) -> Vectors:
    """Go from the first colour (0) to the second (1)."""
    result: Vectors = first + (second - first) * np.asarray(share, np.float32)
    return result


def developed(light: Vectors, exposure: float = 1.0) -> Vectors:
    """Turn linear light into sRGB in [0, 1], as film does: highlights roll off and keep most of their hue."""
    scaled = np.maximum(light, 0) * np.float32(exposure)
    peak = scaled.max(axis=0, keepdims=True)
    rolled = np.where(peak > 0.6, 0.6 + 0.4 * (1 - np.exp(-(peak - 0.6) / 0.55)), peak)
    kept = scaled * (rolled / np.maximum(peak, 1e-6))
    white = np.clip((peak - 1.8) / 6, 0, 0.8)
    final = np.clip(kept + (rolled - kept) * white, 0, 1)
    result: Vectors = np.where(final <= 0.0031308, final * 12.92, 1.055 * final ** (1 / 2.4) - 0.055).astype(np.float32)
    return result
