"""Low light: too short an exposure, with the sensor's noise in it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations._picture import (
    Picture,
    apply_curve,
    draw_normal,
    light_to_levels,
    smooth_field,
    to_bytes,
    to_gamma,
    to_levels,
    to_linear,
)

DARKEST = 1 / 150
"""Exposure at severity 1."""

_SHOT = np.array([3.2, 1.0, 1.9], dtype=np.float32)  # red and blue are amplified most
_LAMPS_SHARE = 0.3  # pictures in which bright things stay bright: lamps, windows, skies
_CAMERA_SHARE = 0.65  # pictures as noisy as a hand-held camera's; the rest can be almost clean


def lower_light(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Expose for less light: ``DARKEST ** severity`` times the light.

    In linear light: undo part of the finished picture's tone curve, expose, tint, add shot and
    read noise; then encode. Light before and deviation of the noise depend on nothing but the
    value at hand, so both are tables of 256 entries a channel. In some pictures bright things
    stay as they are: lamps, windows and skies are not lit by what is too dark.

    Args:
        clean: (H, W, 3) in [0, 1].
        severity: In [0, 1].
        rng: Source of randomness.

    Returns:
        (H, W, 3), 8-bit levels.
    """
    if severity == 0:
        return clean.copy()
    light = expose(severity, rng)
    deviation = _sensor_noise(light, severity, rng)
    levels = to_bytes(clean)
    noise = draw_normal(clean.shape, rng)
    noise *= apply_curve(deviation, levels)
    noise += apply_curve(light, levels)
    dark = light_to_levels(noise)
    return _keep_lamps(dark, clean, rng) if rng.random() < _LAMPS_SHARE else dark


def _keep_lamps(dark: Picture, clean: Picture, rng: np.random.Generator) -> Picture:
    """Let the brightest things of a dark picture, or some of them, stay as they were.

    A lamp gives far more light than the street below it. The brighter a thing is, the less of its
    exposure is lost, in proportion on a logarithmic scale: its light fades without an edge.
    """
    height, width = clean.shape[:2]
    luma = cv2.GaussianBlur(clean.mean(axis=2), (0, 0), rng.uniform(0.6, 3)).reshape(height, width)
    low, top = np.quantile(luma[::4, ::4], (rng.uniform(0.7, 0.97), 0.999))
    lit = np.clip((luma - low) / max(top - low, 0.02), 0, 1) ** rng.uniform(1, 3)
    if rng.random() < 0.5:
        lit *= np.clip(smooth_field(height, width, int(rng.integers(2, 8)), rng) * 4, 0, 1)
    share = lit[..., None].astype(np.float32)
    least = np.float32(1e-4)  # of light, whose logarithm is finite
    logarithms = (np.log(to_linear(picture) + least) for picture in (dark, clean))
    dark_log, clean_log = logarithms
    light = np.exp(dark_log + share * (clean_log - dark_log)) - least
    mixed = np.where(share > 0, to_gamma(np.maximum(light, 0).astype(np.float32)), dark)
    return to_levels(np.asarray(mixed, dtype=np.float32))


def expose(severity: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Light that reaches the sensor, for each 8-bit level of the finished picture.

    Exposure brackets show a finished picture's curve to compress highlights and, mostly, to
    deepen shadows; both are undone here by a random amount that grows with severity.

    Args:
        severity: In (0, 1].
        rng: Source of randomness.

    Returns:
        (256, 3), rising.
    """
    scale = to_linear(np.linspace(0, 1, 256, dtype=np.float32))[:, None]
    power = np.exp(rng.normal(-0.1, 0.18) * severity)
    highlights = rng.uniform(0, 2) * severity
    tint = np.exp(rng.normal(0, 0.12 * severity, 3))
    bent = scale**power * (1 + highlights * scale**2)
    return np.asarray(bent * tint * DARKEST**severity, dtype=np.float32)


def _sensor_noise(
    light: NDArray[np.float32], severity: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Deviation of variance ``shot * light + read ** 2``, larger in red and blue."""
    if rng.random() < _CAMERA_SHARE:
        strength = rng.lognormal(np.log(1.2), 0.4)
    else:
        strength = np.exp(rng.uniform(np.log(0.05), np.log(3)))
    strength *= min(1.0, 1.5 * severity)
    channels = 1 + (_SHOT - 1) * rng.uniform(0.3, 1.2)
    shot = 5e-5 * strength * channels
    read = 2.5e-4 * strength * np.sqrt(channels)
    return np.asarray(np.sqrt(light * shot + read**2), dtype=np.float32)
