"""Damage of storage: JPEG, and too few levels."""

import cv2
import numpy as np

from model.degradations._picture import Picture, from_bytes, to_bytes, to_levels

QUALITY_MIN = 10
"""JPEG quality at severity 1; severity 0 would be quality 100."""

BITS_MIN = 4
"""Bits a channel at severity 1; severity 0 would be 8."""

_SAMPLING = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)

_TRUNCATED_SHARE = 0.4


def quality_of(severity: float) -> int:
    """Return the JPEG quality of a severity: 100 at 0, ``QUALITY_MIN`` at 1."""
    return round(100 - severity * (100 - QUALITY_MIN))


def levels_of(severity: float) -> int:
    """Return how many levels a severity leaves: 256 at 0, those of ``BITS_MIN`` bits at 1."""
    return round(2 ** (8 - severity * (8 - BITS_MIN)))


def compress_jpeg(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Write and read a JPEG of quality ``quality_of(severity)``.

    Args:
        clean: (H, W, 3) in [0, 1].
        severity: In [0, 1].
        rng: Decides on chroma subsampling (4:2:0, at times 4:4:4).

    Returns:
        (H, W, 3), 8-bit levels.

    Raises:
        ValueError: When the picture is larger than a JPEG can be.
    """
    if severity == 0:
        return clean.copy()
    quality = quality_of(severity)
    sampling = _SAMPLING[int(rng.random() < 0.25)]
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    swapped = np.ascontiguousarray(to_bytes(clean)[..., ::-1])
    written, data = cv2.imencode(".jpg", swapped, options)
    if not written:
        raise ValueError(f"picture of shape {clean.shape} cannot be written as a JPEG")
    read = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    return from_bytes(np.asarray(read, dtype=np.uint8))


def lower_bit_depth(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Leave ``levels_of(severity)`` levels a channel.

    Rounded, from black to white, at times with dithering; or, where the lower bits are cut off,
    truncated, which darkens.

    Args:
        clean: (H, W, 3) in [0, 1].
        severity: In [0, 1].
        rng: Decides on truncating and dithering, and draws it.

    Returns:
        (H, W, 3), 8-bit levels.
    """
    if severity == 0:
        return clean.copy()
    levels = np.float32(levels_of(severity))
    if rng.random() < _TRUNCATED_SHARE:
        width = 256 / levels
        return to_levels(np.floor(np.rint(clean * 255) / width) * width / np.float32(255))
    steps = levels - 1
    scaled = clean * steps
    if rng.random() < 0.2:
        scaled += rng.random(clean.shape, dtype=np.float32) - np.float32(0.5)
    return to_levels(np.rint(scaled) / steps)
