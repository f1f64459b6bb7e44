"""One door to all degradations, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from model.config import Degradation
from model.degradations._picture import Picture, check_picture, check_severity
from model.degradations.blur import blur
from model.degradations.compression import compress_jpeg, lower_bit_depth
from model.degradations.haze import add_haze
from model.degradations.lowlight import lower_light
from model.degradations.noise import add_noise
from model.degradations.rain import add_rain
from model.degradations.snow import add_snow

DEGRADATIONS: Mapping[str, Callable[..., Picture]] = MappingProxyType(
    {
        Degradation.NOISE.value: add_noise,
        Degradation.BLUR.value: blur,
        Degradation.RAIN.value: add_rain,
        Degradation.HAZE.value: add_haze,
        Degradation.LOWLIGHT.value: lower_light,
        "jpeg": compress_jpeg,
        "bitdepth": lower_bit_depth,
        "snow": add_snow,
    }
)
"""Operators ``(clean, severity, rng) -> picture`` by name."""


def degrade(
    clean: Picture,
    degradation: Degradation | str,
    severity: float,
    rng: np.random.Generator,
    *,
    depth: NDArray[np.float32] | None = None,
) -> Picture:
    """Damage a picture.

    Pure: the input stays as it is, and the same generator state gives the same picture.

    Args:
        clean: (H, W, 3) RGB in [0, 1], float32, gamma-encoded.
        degradation: One of ``DEGRADATIONS``.
        severity: In [0, 1]; 0 gives an exact copy.
        rng: Source of all randomness.
        depth: (H, W), nonnegative, larger is farther; used by haze alone.

    Returns:
        (H, W, 3) in [0, 1], multiples of 1/255 (unless severity is 0).

    Raises:
        TypeError: When the picture is not float32.
        ValueError: When a name, a shape or the severity is not as above.
    """
    check_picture(clean)
    check_severity(severity)
    if degradation not in DEGRADATIONS:
        raise ValueError(
            f"degradation must be one of {', '.join(DEGRADATIONS)}; got {degradation!r}"
        )
    if degradation == Degradation.HAZE:
        return add_haze(clean, severity, rng, depth=depth)
    return DEGRADATIONS[degradation](clean, severity, rng)
