"""Falling snow: flakes of many sizes between the lens and the scene, and the veil of far ones."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations._picture import Picture, smooth_field, to_levels

RADIUS_MAX = 9.0
"""Pixels: radius of a near flake at severity 1, before its own factor."""

_VEIL_SHARE = 0.5


def add_snow(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """``I = J (1 - z) + a z``: flakes of opacity z over a picture that a veil has paled.

    Severity drives how many flakes there are, how large the near ones get and how opaque they
    are. Snow100K's small, medium and large sets (about 25, 23 and 19 dB) lie at 0.5, 0.6 and 0.95.

    Args:
        clean: (H, W, 3) in [0, 1]; J.
        severity: In [0, 1].
        rng: Source of randomness.

    Returns:
        (H, W, 3), 8-bit levels.
    """
    if severity == 0:
        return clean.copy()
    light = _light(clean, rng)
    opacity = draw_flakes(clean.shape[0], clean.shape[1], severity, rng)[..., None]
    picture = clean
    if rng.random() < _VEIL_SHARE:
        veil = np.float32(severity * rng.uniform(0.02, 0.25))
        picture = clean * (1 - veil) + light * veil
    return to_levels(picture + (light - picture) * opacity)


def _light(clean: Picture, rng: np.random.Generator) -> NDArray[np.float32]:
    """Colour of the flakes (3,): almost white by day, greyer in a dark picture, hardly tinted."""
    brightness = float(np.quantile(clean[::4, ::4], 0.9))
    level = rng.uniform(0.85, 1.0) * (0.7 + 0.3 * min(1.0, 1.4 * brightness))
    return np.clip(level + rng.normal(0, 0.012, 3), 0, 1).astype(np.float32)


def draw_flakes(
    height: int, width: int, severity: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Opacity of the snow: two to four layers, each nearer, sparser, larger and faster.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        severity: In (0, 1].
        rng: Source of randomness.

    Returns:
        (height, width) in [0, 1).
    """
    layers = int(rng.integers(2, 5))
    largest = (1.2 + (RADIUS_MAX - 1.2) * severity) * rng.uniform(0.5, 1.1)
    radii = np.geomspace(rng.uniform(0.45, 0.8), max(largest, 0.9), layers)
    cover = severity * rng.uniform(0.12, 0.32)
    wind = rng.normal(np.pi / 2, 0.5)  # mostly downwards
    speed = rng.uniform(0, 2.2) if rng.random() < 0.7 else rng.uniform(2, 6)
    through = np.ones((height, width), dtype=np.float32)
    drift = smooth_field(height, width, int(rng.integers(2, 6)), rng)
    density = np.clip(1 + rng.uniform(0.1, 0.5) * drift, 0.1, 2)
    for index, radius in enumerate(radii):
        near = index / (layers - 1)
        opaque = (0.45 + 0.5 * severity) * rng.uniform(0.7, 1.1) * (1 - 0.35 * near)
        shapes = 2 + round(4 * near)  # that two flakes are alike shows in near ones alone
        flakes = _scatter(density, float(radius), cover / (1 + near), shapes, (wind, speed), rng)
        through *= 1 - np.clip(flakes * np.float32(opaque), 0, 0.97)
    return 1 - through


def _scatter(
    density: NDArray[np.float32],
    radius: float,
    cover: float,
    shapes: int,
    motion: tuple[float, float],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """One layer: flakes of about ``radius`` pixels that cover about ``cover`` of the picture."""
    height, width = density.shape
    wind, speed = motion
    total = np.zeros((height, width), dtype=np.float32)
    for _ in range(shapes):
        own = radius * rng.uniform(0.7, 1.4)
        count = rng.poisson(cover / shapes * height * width / (np.pi * own**2 + 1))
        rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
        kept = rng.random(count) < density[rows, columns]  # fewer where the drift is thin
        dots = np.zeros_like(total)
        dots[rows[kept], columns[kept]] = rng.beta(2, 1, int(kept.sum()))
        flake = _flake(own, wind + rng.normal(0, 0.15), own * speed, rng)
        spread = cv2.filter2D(dots, -1, flake, borderType=cv2.BORDER_CONSTANT)
        np.maximum(total, np.asarray(spread, dtype=np.float32).reshape(total.shape), out=total)
    return total


def _flake(
    radius: float, direction: float, way: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A ragged, soft blob smeared along its way, (K, K) with K odd, peak at most 1.

    Args:
        radius: Pixels; below one the flake is a faint dot.
        direction: Of its motion, radians.
        way: Pixels it moves during the exposure.
        rng: Source of randomness.
    """
    reach = int(np.ceil(1.6 * radius + way / 2)) + 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    along = x * np.cos(direction) + y * np.sin(direction)
    across = y * np.cos(direction) - x * np.sin(direction)
    rest = np.maximum(np.abs(along) - way / 2, 0)  # distance from the way of the centre
    angle = np.arctan2(across, along)
    outline = np.ones_like(angle)
    for lobes in range(2, 6):
        outline += rng.normal(0, 0.22 / lobes**0.5) * np.cos(lobes * angle + rng.uniform(0, 6.3))
    distance = np.hypot(rest, across) / (radius * np.clip(outline, 0.4, 1.6))
    soft = rng.uniform(0.25, 0.9)  # from crisp to out of focus
    blob = np.clip((1 + soft / 2 - distance) / (soft + 0.5 / radius), 0, 1)
    faded = blob * blob * (3 - 2 * blob) * min(1.0, radius / 0.8)
    return np.asarray(faded / (1 + 0.25 * way / radius), dtype=np.float32)
