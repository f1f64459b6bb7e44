"""Tones and sharpness of a photograph: as another camera, or another taste, would have it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations import look_up, to_bytes
from model.training.windows import Picture

_SOFT_RADIUS = (0.4, 1.3)
"""Standard deviation in pixels of the softness of sharp photographs of many pixels."""


def retone(picture: Picture, rng: np.random.Generator) -> Picture:
    """Draw other tones: black and white points, a gamma a channel, and contrast.

    To remove haze, the restorer must guess the black point and the contrast of the scene. RGB-D
    sets have less contrast and colour than the benchmark's rooms (docs/lessons.md#tones). A
    restorer trained on them alone leaves haze over surfaces that are black.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: Source of all randomness.

    Returns:
        (H, W, 3) in [0, 1], multiples of 1/255.
    """
    clipped = np.minimum(rng.exponential(0.7, 2), 4)  # per cent
    black, white = np.percentile(picture[::2, ::2], (clipped[0], 100 - clipped[1]))
    white = 1 - (1 - white) * rng.uniform(0, 1)
    black = min(black * rng.uniform(0, 1.15), white / 2)
    gamma = np.exp(rng.uniform(-0.3, 0.4) + np.array([-1, 0, 1]) * rng.normal(0.08, 0.15))
    levels = (np.arange(256)[:, None] / 255 - black) / max(white - black, 0.2)
    curve = np.clip(levels, 0, 1) ** gamma
    curve += rng.uniform(-0.1, 1) * (curve * curve * (3 - 2 * curve) - curve)
    return _through(curve, picture)


def dim(picture: Picture, rng: np.random.Generator) -> Picture:
    """Lower all levels alike, by up to two fifths: a photograph that was meant dark.

    Nothing distinguishes such a picture from low light, so its frequency sets how often dark
    photographs are left alone (docs/lessons.md#dim-photographs). It is not used under haze, because
    darker targets would lower the brightness that the restorer must guess there.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: Source of all randomness.

    Returns:
        (H, W, 3) in [0, 1], multiples of 1/255.
    """
    return _through(np.arange(256) / 255 * rng.uniform(0.6, 1), picture)


def soften(picture: Picture, rng: np.random.Generator) -> Picture:
    """Make a photograph softer: cameras of many pixels, lenses and denoising leave it so.

    Such a photograph has nothing that must be removed. Without them the estimator takes every
    photograph that is less sharp than a reduced one for blurred.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: Source of all randomness.

    Returns:
        (H, W, 3) in [0, 1], multiples of 1/255.
    """
    softer = cv2.GaussianBlur(picture, (0, 0), rng.uniform(*_SOFT_RADIUS))
    return (np.rint(softer * 255) / 255).astype(np.float32).reshape(picture.shape)


def _through(curve: NDArray[np.floating], picture: Picture) -> Picture:
    """Map levels through a curve, (256,) or (256, 3), rounded to levels."""
    return look_up((np.rint(curve * 255) / 255).astype(np.float32), to_bytes(picture))
