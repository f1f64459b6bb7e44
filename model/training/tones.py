"""Vary the tones and the sharpness of a photograph, as other cameras and tastes would."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations import Picture, apply_curve, to_bytes
from model.training.recipe import ToneSettings

_DEFAULT = ToneSettings()


def retone(
    picture: Picture, rng: np.random.Generator, settings: ToneSettings = _DEFAULT
) -> Picture:
    """Draw other tones: black and white point, gamma of each channel, and contrast.

    To remove haze, the restorer must guess the black point and the contrast of the scene. RGB-D
    sets have less contrast and colour than the benchmark's rooms (docs/lessons.md#tones). A
    restorer trained on them alone leaves haze over surfaces that are black.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: Source of all randomness.
        settings: What is drawn from.

    Returns:
        (H, W, 3) in [0, 1], multiples of 1/255.
    """
    clipped = np.minimum(rng.exponential(settings.clipped, 2), settings.most_clipped)
    black, white = np.percentile(picture[::2, ::2], (clipped[0], 100 - clipped[1]))
    white = 1 - (1 - white) * rng.uniform(*settings.white)
    black = min(black * rng.uniform(*settings.black), white / 2)
    log_gamma = rng.uniform(*settings.log_gamma)
    gamma = np.exp(log_gamma + np.array([-1, 0, 1]) * rng.normal(*settings.channel_gamma))
    span = max(white - black, settings.least_range)
    curve = np.clip((np.arange(256)[:, None] / 255 - black) / span, 0, 1) ** gamma
    curve += rng.uniform(*settings.contrast) * (curve * curve * (3 - 2 * curve) - curve)
    return _through(curve, picture)


def dim(picture: Picture, rng: np.random.Generator, settings: ToneSettings = _DEFAULT) -> Picture:
    """Lower all levels alike, by up to two fifths: a photograph that was meant dark.

    Nothing distinguishes such a picture from low light, so its frequency sets how often dark
    photographs are left alone (docs/lessons.md#dim-photographs). It is not used under haze, because
    darker targets would lower the brightness that the restorer must guess there.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: Source of all randomness.
        settings: What is drawn from.

    Returns:
        (H, W, 3) in [0, 1], multiples of 1/255.
    """
    return _through(np.arange(256) / 255 * rng.uniform(*settings.dimmed), picture)


def soften(
    picture: Picture, rng: np.random.Generator, settings: ToneSettings = _DEFAULT
) -> Picture:
    """Make a photograph softer: cameras of many pixels, lenses and denoising leave it so.

    Such a photograph has nothing that must be removed. Without them the estimator takes every
    photograph that is less sharp than a reduced one for blurred.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: Source of all randomness.
        settings: What is drawn from.

    Returns:
        (H, W, 3) in [0, 1], multiples of 1/255.
    """
    softer = cv2.GaussianBlur(picture, (0, 0), rng.uniform(*settings.softness))
    return (np.rint(softer * 255) / 255).astype(np.float32).reshape(picture.shape)


def _through(curve: NDArray[np.floating], picture: Picture) -> Picture:
    """Map levels through a curve, (256,) or (256, 3), rounded to levels."""
    return apply_curve((np.rint(curve * 255) / 255).astype(np.float32), to_bytes(picture))
