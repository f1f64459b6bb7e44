"""What every operator shares: the picture type, its checks, 8-bit rounding, sRGB curves."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.float32]
"""(H, W, 3) RGB in [0, 1], gamma-encoded sRGB."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
"""Weights of R, G, B in luminance (Rec. 709)."""

_LEVELS = (np.arange(256) / 255).astype(np.float32)
_FINE = 65535  # a multiple of 255, so 8-bit levels hit table entries exactly
_CODES = np.arange(_FINE + 1) / _FINE
_TO_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)
_TO_GAMMA = np.where(
    _CODES <= 0.0031308, _CODES * 12.92, 1.055 * _CODES ** (1 / 2.4) - 0.055
).astype(np.float32)

_TO_BYTE = np.rint(_TO_GAMMA * 255).astype(np.uint8)


def _tabulate_normal() -> NDArray[np.float32]:
    """Quantiles of the standard normal at (i + 1/2) / 65536, scaled to deviation 1."""
    z = np.linspace(-5, 5, 20001)
    cumulated = np.cumsum(np.exp(-0.5 * z**2))
    quantiles = np.interp((np.arange(2**16) + 0.5) / 2**16, cumulated / cumulated[-1], z)
    quantiles -= quantiles.mean()
    return np.asarray(quantiles / quantiles.std(), dtype=np.float32)


_NORMAL = _tabulate_normal()


def check_picture(picture: object) -> None:
    """Reject what is not a picture.

    Args:
        picture: Expected shape (H, W, 3), float32.

    Raises:
        TypeError: When it is no float32 array.
        ValueError: When its shape is not (H, W, 3) with H, W >= 1.
    """
    if not isinstance(picture, np.ndarray) or picture.dtype != np.float32:
        got = getattr(picture, "dtype", type(picture).__name__)
        raise TypeError(f"picture must be a float32 array, got {got}")
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"picture must have shape (H, W, 3), got {picture.shape}")


def check_severity(severity: float) -> None:
    """Reject a severity outside [0, 1].

    Raises:
        ValueError: When it is outside, or not a number.
    """
    if not 0 <= severity <= 1:
        raise ValueError(f"severity must be in [0, 1], got {severity}")


def to_levels(picture: Picture) -> Picture:
    """Clip to [0, 1] and round to multiples of 1/255, as a file does.

    Args:
        picture: (H, W, 3), any range.

    Returns:
        (H, W, 3) of exact 8-bit levels.
    """
    return from_bytes(to_bytes(picture))


def to_bytes(picture: Picture) -> NDArray[np.uint8]:
    """Clip (H, W, 3) to [0, 1] and round to (H, W, 3) bytes."""
    scaled = picture * np.float32(255)
    scaled += np.float32(0.5)
    np.clip(scaled, 0, 255, out=scaled)
    return scaled.astype(np.uint8)


def from_bytes(levels: NDArray[np.uint8]) -> Picture:
    """Bytes (H, W, 3) as floats in [0, 1]."""
    return apply_curve(_LEVELS, levels)


def apply_curve(table: NDArray[np.float32], levels: NDArray[np.uint8]) -> Picture:
    """Map bytes through a curve.

    Args:
        table: (256,) for all channels, or (256, 3) for each.
        levels: (H, W, 3) bytes.

    Returns:
        (H, W, 3) float32.
    """
    curve = table if table.ndim == 1 else table[None]
    return np.asarray(cv2.LUT(levels, curve), dtype=np.float32)


def draw_normal(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Standard normal noise by table: three times as fast, no value beyond 4.3."""
    codes = np.frombuffer(rng.bytes(2 * int(np.prod(shape))), dtype=np.uint16)
    return np.take(_NORMAL, codes).reshape(shape)


def to_linear(picture: Picture) -> Picture:
    """Light of gamma-encoded values in [0, 1]; finer than 16 bits is rounded away."""
    return np.take(_TO_LINEAR, _to_fine(picture))


def to_gamma(light: Picture) -> Picture:
    """Gamma-encoded values of light, clipped to [0, 1]."""
    return np.take(_TO_GAMMA, _to_fine(light))


def light_to_levels(light: Picture) -> Picture:
    """``to_levels(to_gamma(light))`` in one go."""
    return from_bytes(np.take(_TO_BYTE, _to_fine(light)))


def _to_fine(values: Picture) -> NDArray[np.uint16]:
    scaled = values * np.float32(_FINE)
    scaled += np.float32(0.5)
    np.clip(scaled, 0, _FINE, out=scaled)
    return scaled.astype(np.uint16)


def smooth_field(
    height: int, width: int, cells: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Low-frequency noise of mean about 0 and deviation about 1.

    Args:
        height: Rows of the result.
        width: Columns of the result.
        cells: Bumps along the longer side.
        rng: Source of randomness.

    Returns:
        (height, width) float32.
    """
    unit = max(height, width) / cells
    rows, columns = (max(2, round(side / unit) + 1) for side in (height, width))
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field, dtype=np.float32)
