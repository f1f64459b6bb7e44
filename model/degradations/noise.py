"""Sensor and transmission noise."""

import cv2
import numpy as np

from model.degradations._picture import Picture, draw_normal, to_gamma, to_levels, to_linear
from model.degradations.camera import camera_noise, store_as_camera

SIGMA_MAX = 60 / 255
"""Standard deviation of white noise at severity 1."""
CAMERA_SIGMA_MAX = 24 / 255
"""Standard deviation of a camera's noise at severity 1. This noise is coarser than a pixel, so that
it is seen as much as white noise of more than twice the deviation; photographs at ISO 1600 to 6400
have about 4 to 8 / 255."""

_WHITE_SHARE, _CAMERA_SHARE = 0.55, 0.3
_LEVEL = 0.18  # light of mid grey: signal-dependent noise has the asked deviation there
_SLOPE = 1.195  # d(gamma-encoded) / d(light) at that level


def add_noise(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Add noise of standard deviation ``severity * SIGMA_MAX``.

    The noise is mostly white and Gaussian in 8-bit values, as in the benchmarks; or it is a
    camera's, of deviation ``severity * CAMERA_SIGMA_MAX``. In the other pictures it depends on the
    signal in linear light, or is correlated between channels or between neighbours.

    Args:
        clean: (H, W, 3) in [0, 1].
        severity: In [0, 1].
        rng: Source of randomness.

    Returns:
        (H, W, 3), 8-bit levels.
    """
    if severity == 0:
        return clean.copy()
    sigma = severity * SIGMA_MAX
    draw = rng.random()
    if draw < _WHITE_SHARE:
        return to_levels(add_white(clean, sigma, rng))
    if draw < _WHITE_SHARE + _CAMERA_SHARE:
        noise = camera_noise(clean, severity * CAMERA_SIGMA_MAX, rng)
        return to_levels(store_as_camera(clean + noise, rng))
    kinds = (_add_shot, _add_coloured, _add_demosaiced)
    return to_levels(kinds[rng.integers(len(kinds))](clean, sigma, rng))


def add_white(clean: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """``clean + N(0, sigma)``, independent for each value, neither clipped nor rounded."""
    noise = draw_normal(clean.shape, rng)
    noise *= np.float32(sigma)
    noise += clean
    return noise


def _add_shot(clean: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """Poisson-Gaussian: variance ``a * light + b``, in linear light."""
    light = to_linear(clean)
    variance = np.float32((sigma / _SLOPE) ** 2)
    shot = np.float32(rng.uniform(0.5, 1.0))
    deviation = np.sqrt(variance * (shot / np.float32(_LEVEL) * light + (1 - shot)))
    deviation *= draw_normal(clean.shape, rng)
    deviation += light
    return to_gamma(deviation)


def _add_coloured(clean: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """White in space, with unequal strengths and correlation between the channels."""
    mixing = np.eye(3) + rng.uniform(0, 1) * np.ones((3, 3)) / 3
    mixing *= rng.uniform(0.5, 1.5, (3, 1))
    mixing /= np.sqrt((mixing**2).sum(axis=1).mean())
    noise = draw_normal(clean.shape, rng).reshape(-1, 3)
    noise = noise @ (mixing.T * sigma).astype(np.float32)
    return clean + noise.reshape(clean.shape)


def _add_demosaiced(clean: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """Slightly blurred noise of the asked deviation, as interpolated sensor values have."""
    tap = np.exp(-0.5 * (np.arange(-2, 3) / rng.uniform(0.35, 0.8)) ** 2)
    tap /= np.sqrt((tap**2).sum())  # keeps the deviation, not the mean
    noise = draw_normal(clean.shape, rng)
    noise = np.asarray(cv2.sepFilter2D(noise, -1, tap, tap, borderType=cv2.BORDER_REFLECT))
    return clean + noise.reshape(clean.shape).astype(np.float32) * np.float32(sigma)
