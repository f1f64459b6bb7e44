"""A decoded picture: what the model restores, and all that is kept beside it."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8 | np.uint16]
"""Values in [0, 255] or [0, 65535], by their type."""

Metadata = Literal["keep", "strip", "no-gps"]
"""What becomes of EXIF, XMP and ICC profile; ``no-gps`` keeps all but the place."""


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before it is decoded.

    Attributes:
        format: Pillow's name of the file's format.
        width: Columns as stored, before any turn.
        height: Rows as stored.
        transparent: Whether it has an alpha channel; only known of HEIF.
        lossless: Whether it is a WebP that lost nothing.
        samples: Channels that are stored, those of a palette's colours instead of one.
        bits: Bits of a channel as they are decoded, 8 at least.
        several: Whether the file holds more pictures; only known of PNG and TIFF.
        workspace: Bytes that its decoder holds beside the decoded picture.
    """

    format: str
    width: int
    height: int
    transparent: bool = False
    lossless: bool = False
    samples: int = 3
    bits: int = 8
    several: bool = False
    workspace: int = 0

    @property
    def pixels(self) -> int:
        """Pixels it will have."""
        return self.width * self.height


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    Attributes:
        rgb: What the model takes: shape (H, W, 3), uint8 or uint16, sRGB; the three channels are
            equal if ``grey``.
        alpha: Shape (H, W), of the type of ``rgb``, or None.
        grey: Whether the file has one channel of colour.
        format: Pillow's name of the file's format.
        exif: EXIF block to carry over, orientation reset; empty: none.
        xmp: XMP packet to carry over; empty: none.
        icc: ICC profile to carry over; empty: the pixels are sRGB.
        own: The pixels in the colours of ``icc``, (H, W, 1) if ``grey`` or (H, W, 3), of the type
            of ``rgb``; None where those are sRGB, and ``rgb`` is all there is.
        notices: What the caller should know.
    """

    rgb: Pixels
    alpha: Pixels | None = None
    grey: bool = False
    format: str = ""
    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""
    own: Pixels | None = None
    notices: tuple[str, ...] = ()


def to_eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Round 16 bits to 8; 8 bits pass through."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return cv2.convertScaleAbs(pixels, alpha=1 / 257).reshape(pixels.shape).astype(np.uint8)
