"""How clean photographs are varied before they are degraded, as named settings of a training.

They are parts of ``Mix``, so that the ``args.json`` of a run records them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StorageTrace:
    """What storing a photograph did to it.

    Attributes:
        degradation: Name of the degradation, ``jpeg`` or ``bitdepth``.
        odds: Relative odds of this trace.
        severities: Least and largest severity, drawn evenly.
    """

    degradation: str
    odds: float
    severities: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class ToneSettings:
    """How the tones of a photograph are varied.

    Attributes:
        clipped: Mean of the exponential distribution of the share of pixels that is clipped at
            each end, per cent.
        most_clipped: Largest such share, per cent.
        white: Least and largest share of the distance from the white point to 1 that is left.
        black: Least and largest factor of the black point.
        least_range: Smallest distance between black and white point.
        log_gamma: Least and largest logarithm of the gamma that all channels share.
        channel_gamma: Mean and standard deviation of the difference of the logarithms of gamma
            between neighbouring channels.
        contrast: Least and largest weight of an S-shaped curve.
        dimmed: Least and largest factor of the levels of a photograph that was meant dark.
        softness: Least and largest standard deviation of the softness of sharp photographs of many
            pixels, pixels.
    """

    clipped: float = 0.7
    most_clipped: float = 4.0
    white: tuple[float, float] = (0.0, 1.0)
    black: tuple[float, float] = (0.0, 1.15)
    least_range: float = 0.2
    log_gamma: tuple[float, float] = (-0.3, 0.4)
    channel_gamma: tuple[float, float] = (0.08, 0.15)
    contrast: tuple[float, float] = (-0.1, 1.0)
    dimmed: tuple[float, float] = (0.6, 1.0)
    softness: tuple[float, float] = (0.4, 1.3)


@dataclass(frozen=True, kw_only=True)
class WindowSettings:
    """How the part of a photograph that counts as a whole picture is scaled and turned.

    Attributes:
        enlarged: Probability that the part is enlarged.
        most_enlarged: Largest factor of enlarging.
        most_reduced: Largest factor of reducing.
        reduction_power: Power of the evenly drawn factor of reducing; below 1 it favours small
            factors.
        turned: Probability that the part is turned by a random number of quarter turns.
    """

    enlarged: float = 0.3
    most_enlarged: float = 1.8
    most_reduced: float = 2.5
    reduction_power: float = 0.7
    turned: float = 0.3
