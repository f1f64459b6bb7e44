"""How the pictures of the adapter `$name` are damaged: by the degradation that abair has built in.

Take other severities, or write a `degrade` of your own: all randomness comes from `rng`, severity 0
changes nothing, and `clean` isn't written to.
"""

import numpy as np

from model import degradations
from model.degradations import Picture


def degrade(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Damage a picture, (H, W, 3) RGB in [0, 1], by a severity in [0, 1]."""
    return degradations.degrade(clean, "$name", severity, rng)


def sample_severity(rng: np.random.Generator) -> float:
    """Draw the severity of one training picture, in (0, 1]."""
    return degradations.sample_severity("$name", rng)
