"""How the pictures of the adapter `$name` are damaged. Change it to your kind of damage.

`abair adapter preview` shows what it makes, `abair adapter train` learns to undo it. This one draws
soft dark specks, as dust on a sensor does. Rules: all randomness comes from `rng`; severity 0
changes nothing; `clean` isn't written to.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]


def degrade(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Damage a picture.

    Args:
        clean: (H, W, 3) RGB in [0, 1], gamma-encoded.
        severity: From 0, which changes nothing, to 1.
        rng: Source of all randomness.

    Returns:
        (H, W, 3); it is clipped to [0, 1] and rounded to 8 bits afterwards.
    """
    height, width = clean.shape[:2]
    specks = np.zeros((height, width), dtype=np.float32)
    for _ in range(1 + round(severity * height * width / 500)):
        place = int(rng.integers(width)), int(rng.integers(height))
        cv2.circle(specks, place, int(rng.integers(1, 5)), float(rng.uniform(0.4, 1)), -1)
    softness = float(rng.uniform(0.5, 2))
    opacity = np.asarray(cv2.GaussianBlur(specks, (0, 0), softness)).reshape(height, width, 1)
    darkness = np.float32(severity * rng.uniform(0.6, 1))
    return np.asarray(clean * (1 - darkness * opacity), dtype=np.float32)


def sample_severity(rng: np.random.Generator) -> float:
    """Draw the severity of one training picture, in (0, 1]."""
    return float(rng.uniform(0.2, 1))
