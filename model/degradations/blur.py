"""Motion and defocus blur."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations._picture import (
    Picture,
    light_to_levels,
    smooth_field,
    to_levels,
    to_linear,
)

LENGTH_MAX = 36
"""Pixels: longest way of a point at severity 1, before each picture's own factor."""

_LINEAR_SHARE = 0.5  # else averaged in encoded values, as video benchmarks are


def blur(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Blur as a moving camera, a moving thing or a lens out of focus does.

    Args:
        clean: (H, W, 3) in [0, 1].
        severity: In [0, 1]; drives the length of the motion.
        rng: Source of randomness.

    Returns:
        (H, W, 3), 8-bit levels.
    """
    if severity == 0:
        return clean.copy()
    length = 1 + severity * LENGTH_MAX * rng.uniform(0.7, 1.1)
    linear = rng.random() < _LINEAR_SHARE
    source = to_linear(clean) if linear else clean
    kinds = (_shake, _shake_frames, _move_things, _defocus)
    kind = kinds[rng.choice(len(kinds), p=(0.3, 0.33, 0.3, 0.07))]
    blurred = kind(source, length, rng)
    return light_to_levels(blurred) if linear else to_levels(blurred)


def _filter(source: Picture, kernel: NDArray[np.float32]) -> Picture:
    filtered = cv2.filter2D(source, -1, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(filtered, dtype=np.float32).reshape(source.shape)


def _shake(source: Picture, length: float, rng: np.random.Generator) -> Picture:
    """The whole picture moves along one path."""
    return _filter(source, motion_kernel(walk(32, length, rng)))


def _defocus(source: Picture, length: float, rng: np.random.Generator) -> Picture:
    """A disk of diameter half the length, with a soft rim."""
    radius = 0.6 + length / 4
    reach = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.clip(radius + rng.uniform(0.2, 0.8) - np.hypot(x, y), 0, 1)
    return _filter(source, (disk / disk.sum()).astype(np.float32))


def _move_things(source: Picture, length: float, rng: np.random.Generator) -> Picture:
    """Some things move on their own, before a background that moves less or not at all."""
    height, width = source.shape[:2]
    field = smooth_field(height, width, int(rng.integers(2, 5)), rng)
    mask = np.clip(field * 4 + np.float32(rng.uniform(-1, 3)), 0, 1)
    own = motion_kernel(walk(24, length, rng))
    still = motion_kernel(walk(24, 1 + length * rng.uniform(0, 0.5), rng))
    mask = np.asarray(cv2.filter2D(mask, -1, own), dtype=np.float32)
    blurred = _filter(source, own)
    background = _filter(source, still)
    blurred -= background
    blurred *= mask.reshape(height, width, 1)
    blurred += background
    return blurred


def _shake_frames(source: Picture, length: float, rng: np.random.Generator) -> Picture:
    """Average of frames of a camera that shifts, turns and zooms: every place blurs its own way."""
    height, width = source.shape[:2]
    frames = int(np.clip(np.ceil(length * 0.8), 5, 24))
    path = walk(frames, length * rng.uniform(0.3, 0.9), rng)
    sweep = np.linspace(-0.5, 0.5, frames) * length / (0.5 * max(height, width))
    turns = np.degrees(sweep * rng.normal(0, 0.35))
    zooms = 1 + sweep * rng.normal(0, 0.3)
    centre = float(rng.uniform(0, width)), float(rng.uniform(0, height))
    total = np.zeros_like(source)
    for (x, y), turn, zoom in zip(path, turns, zooms, strict=True):
        matrix = cv2.getRotationMatrix2D(centre, float(turn), float(zoom))
        matrix[:, 2] += x, y
        frame = cv2.warpAffine(
            source, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        total += np.asarray(frame).reshape(source.shape)
    return total * np.float32(1 / frames)


def walk(steps: int, length: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Path of a point during the exposure: from a straight line to a shaky curve.

    Args:
        steps: Points on the path.
        length: Largest distance, in pixels, of the path's ends along x or y from its middle,
            times two.
        rng: Source of randomness.

    Returns:
        (steps, 2) of x, y, around (0, 0).
    """
    direction = rng.uniform(0, 2 * np.pi)
    speed = np.array([np.cos(direction), np.sin(direction)])
    shakiness = rng.choice((0.0, 0.1, 0.3))
    turns = rng.normal(0, 1, (steps, 2)) * shakiness
    points = np.cumsum(speed + np.cumsum(turns, axis=0) * 0.5, axis=0)
    points -= (points.min(axis=0) + points.max(axis=0)) / 2
    reach: float = np.hypot(*np.ptp(points, axis=0))
    return points * ((length - 1) / max(reach, 1e-6))


def motion_kernel(path: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weights of a blur along a path.

    Args:
        path: (N, 2) of x, y in pixels, around (0, 0).

    Returns:
        (K, K) with K odd, sum 1.
    """
    fine = np.linspace(0, len(path) - 1, 8 * len(path))
    index = np.arange(len(path))
    x, y = (np.interp(fine, index, path[:, axis]) for axis in (0, 1))
    reach = int(np.ceil(np.abs(path).max())) + 1
    side = 2 * reach + 1
    kernel = np.zeros(side * side)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = x - left, y - top
    for dx, wide in ((0, 1 - right), (1, right)):
        for dy, high in ((0, 1 - bottom), (1, bottom)):
            place = (top + dy + reach) * side + left + dx + reach
            kernel += np.bincount(place, wide * high, side * side)
    return np.asarray((kernel / kernel.sum()).reshape(side, side), dtype=np.float32)
