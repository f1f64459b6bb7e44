"""Haze: light scattered in by the air, more of it the farther a thing is."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations._picture import Picture, smooth_field, to_levels

BETA_MAX = 2.0
"""Scattering coefficient at severity 1, for depths whose farthest point is at 1."""


def add_haze(
    clean: Picture,
    severity: float,
    rng: np.random.Generator,
    *,
    depth: NDArray[np.float32] | None = None,
) -> Picture:
    """``I = J t + A (1 - t)`` with ``t = exp(-beta d)``, beta ``severity * BETA_MAX``.

    Args:
        clean: (H, W, 3) in [0, 1]; J.
        severity: In [0, 1].
        rng: Source of randomness.
        depth: (H, W), nonnegative, larger is farther; divided by its largest value to give d.
            Without it one is invented whose edges follow the picture's.

    Returns:
        (H, W, 3), 8-bit levels.

    Raises:
        ValueError: When the depth's size is not the picture's, or some depth is negative.
    """
    if severity == 0:
        return clean.copy()
    air = _sample_air(rng)
    distance = invent_depth(clean, rng) if depth is None else _normalise(depth, clean)
    through = np.exp(distance * np.float32(-severity * BETA_MAX))[..., None]
    return to_levels((clean - air) * through + air)


def _sample_air(rng: np.random.Generator) -> NDArray[np.float32]:
    """Airlight (3,): mostly white, as an exposed sky is, else 0.7 to 1 with a slight cast."""
    if rng.random() < 0.6:
        return np.ones(3, dtype=np.float32)
    return np.clip(rng.uniform(0.7, 1.0) + rng.normal(0, 0.015, 3), 0, 1).astype(np.float32)


def _normalise(depth: NDArray[np.float32], clean: Picture) -> NDArray[np.float32]:
    if depth.shape != clean.shape[:2]:
        raise ValueError(f"depth must have shape {clean.shape[:2]}, got {depth.shape}")
    if depth.min() < 0:
        raise ValueError(f"depth must not be negative, got {depth.min()}")
    farthest = depth.max()
    return depth if farthest == 0 else (depth / farthest).astype(np.float32)


def invent_depth(clean: Picture, rng: np.random.Generator) -> NDArray[np.float32]:
    """A plausible depth map for a picture without one.

    Sum of a sloping plane (mostly: farther upwards), low-frequency noise and a random
    combination of the colours (so things of one colour share a depth), drawn to the picture's
    edges by a guided filter. Worked out small, applied at full size.

    Args:
        clean: (H, W, 3) in [0, 1].
        rng: Source of randomness.

    Returns:
        (H, W) in [0, 1], the farthest at 1, the nearest well above 0.
    """
    height, width = clean.shape[:2]
    shrunk = max(1, round(height / 4)), max(1, round(width / 4))
    small = np.asarray(
        cv2.resize(clean, shrunk[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32
    ).reshape(*shrunk, 3)
    rough = _slope(*shrunk, rng)
    rough += np.float32(rng.uniform(0.1, 0.4)) * smooth_field(*shrunk, int(rng.integers(2, 7)), rng)
    rough += small @ rng.normal(0, rng.uniform(0.1, 0.8), 3).astype(np.float32)
    refined = _guide(clean, small, rough, radius=max(2, max(shrunk) // 12))
    low, high = np.percentile(refined[:: max(1, height // 64), :: max(1, width // 64)], (1, 99))
    unit = np.clip((refined - low) / max(high - low, 1e-6), 0, 1)
    near = np.float32(rng.uniform(0.05, 0.35))
    bent = np.asarray(cv2.pow(unit, rng.uniform(0.8, 2)), dtype=np.float32)
    return near + (1 - near) * bent.reshape(height, width)


def _slope(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A plane that rises by about 1 over the picture, mostly upwards."""
    turn = rng.normal(0, 0.7)
    y = np.linspace(0.5, -0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    return np.float32(np.cos(turn)) * y + np.float32(np.sin(turn)) * x


def _guide(
    clean: Picture, small: Picture, rough: NDArray[np.float32], *, radius: int
) -> NDArray[np.float32]:
    """Fast guided filter (He and Sun, 2015): rough (h, w) -> (H, W) with the picture's edges."""

    def mean(values: NDArray[np.floating]) -> NDArray[np.float32]:
        side = (2 * radius + 1,) * 2
        smoothed = cv2.blur(values, side, borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(smoothed, dtype=np.float32).reshape(values.shape)

    def enlarge(values: NDArray[np.float32]) -> NDArray[np.float32]:
        size = clean.shape[1], clean.shape[0]
        return np.asarray(cv2.resize(values, size), dtype=np.float32).reshape(clean.shape[:2])

    grey = np.ascontiguousarray(small[..., 1])
    grey_mean, rough_mean = mean(grey), mean(rough)
    variance = mean(grey * grey) - grey_mean * grey_mean
    covariance = mean(grey * rough) - grey_mean * rough_mean
    gain = covariance / (variance + np.float32(2e-3))
    offset = rough_mean - gain * grey_mean
    aligned = enlarge(mean(gain)) * clean[..., 1] + enlarge(mean(offset))
    return np.asarray(aligned, dtype=np.float32)
