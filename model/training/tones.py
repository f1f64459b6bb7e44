"""Tones of a photograph: as another camera, or another taste, would have rendered it."""

import numpy as np

from model.training.windows import Picture


def retone(picture: Picture, rng: np.random.Generator) -> Picture:
    """Draw other tones: black and white points nearer to the ends, and a gamma that mostly darkens.

    What a scene looked like without its haze is a guess at its blacks and its contrast. RGB-D sets
    are duller than photographs (docs/experiments.md), and from them alone a restorer learns to
    leave haze over what is really black.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: Source of all randomness.

    Returns:
        (H, W, 3) in [0, 1], multiples of 1/255.
    """
    black, white = np.percentile(picture, (0.5, 99.5))
    black, white = black * rng.uniform(0, 1.3), 1 - (1 - white) * rng.uniform(0, 1)
    gamma = np.exp(rng.uniform(-0.25, 0.5))
    levels = np.arange(256) / 255
    curve = np.clip((levels - black) / max(white - black, 0.2), 0, 1) ** gamma
    codes = np.rint(picture * 255).astype(np.uint8)
    return np.take((np.rint(curve * 255) / 255).astype(np.float32), codes)
