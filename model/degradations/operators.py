"""One door to all degradations, by name."""

from collections.abc import Callable, Iterable, Mapping
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
        Degradation.HAZE.value: add_haze,
        Degradation.RAIN.value: add_rain,
        "snow": add_snow,
        Degradation.BLUR.value: blur,
        Degradation.LOWLIGHT.value: lower_light,
        Degradation.NOISE.value: add_noise,
        "bitdepth": lower_bit_depth,
        "jpeg": compress_jpeg,
    }
)
"""Operators ``(clean, severity, rng) -> picture`` by name, in the order in which they come about:
in the air, in the lens, on the sensor, in the file."""


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names of degradations as they come about; those that aren't built in come last."""
    order = list(DEGRADATIONS)
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


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
