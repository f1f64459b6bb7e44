"""How severe training's degradations are: samplers, apart from the operators."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from model.config import Degradation
from model.degradations.noise import SIGMA_MAX


def _sample_noise(rng: np.random.Generator) -> float:
    low, high = (3, 55) if rng.random() < 0.5 else (15, 50)
    return float(rng.uniform(low, high)) / 255 / SIGMA_MAX


def _sample_blur(rng: np.random.Generator) -> float:
    return float(0.04 + 0.96 * rng.beta(1.3, 2))


def _sample_rain(rng: np.random.Generator) -> float:
    return float(0.15 + 0.85 * rng.beta(2, 2.6))


def _sample_haze(rng: np.random.Generator) -> float:
    return float(0.15 + 0.85 * rng.beta(1.3, 2.4))


def _sample_lowlight(rng: np.random.Generator) -> float:
    mild = rng.random() < 0.4  # at most 3.6 stops too dark: not to be lit as a night is
    return float(rng.uniform(0.04, 0.5) if mild else 0.2 + 0.8 * rng.beta(3, 1.6))


def _sample_jpeg(rng: np.random.Generator) -> float:
    low, high = (15, 60) if rng.random() < 0.3 else (60, 90)  # quality 85 to 40, or 40 to 10
    return float(rng.uniform(low, high)) / 90


def _sample_bit_depth(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.25, 1))  # 7 to 4 bits


def _sample_snow(rng: np.random.Generator) -> float:
    return float(0.15 + 0.85 * rng.beta(1.8, 1.1))


_SAMPLERS: Mapping[str, Callable[[np.random.Generator], float]] = MappingProxyType(
    {
        Degradation.NOISE: _sample_noise,
        Degradation.BLUR: _sample_blur,
        Degradation.RAIN: _sample_rain,
        Degradation.HAZE: _sample_haze,
        Degradation.LOWLIGHT: _sample_lowlight,
        "jpeg": _sample_jpeg,
        "bitdepth": _sample_bit_depth,
        "snow": _sample_snow,
    }
)


def sample_severity(degradation: Degradation | str, rng: np.random.Generator) -> float:
    """Draw a severity for one training picture.

    Args:
        degradation: Name of a degradation.
        rng: Source of randomness.

    Returns:
        Severity in (0, 1].

    Raises:
        ValueError: When the name is unknown.
    """
    if degradation not in _SAMPLERS:
        known = ", ".join(str(name) for name in _SAMPLERS)
        raise ValueError(f"degradation must be one of {known}; got {degradation!r}")
    return _SAMPLERS[degradation](rng)
