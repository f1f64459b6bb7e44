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
        depth: Bits of a channel as they are stored; only known of AVIF and HEIF.
        several: Whether the file holds more pictures; only known of PNG and TIFF.
        workspace: Bytes that its decoder holds beside the decoded picture.
        cut: Whether it is a JPEG whose end is missing.
    """

    format: str
    width: int
    height: int
    transparent: bool = False
    lossless: bool = False
    samples: int = 3
    bits: int = 8
    depth: int = 8
    several: bool = False
    workspace: int = 0
    cut: bool = False

    @property
    def pixels(self) -> int:
        """Pixels it will have."""
        return self.width * self.height


@dataclass(frozen=True)
class FileMetadata:
    """What lies beside the pixels of a file, as it stands there; empty: nothing.

    Attributes:
        exif: EXIF block, from its byte order on.
        xmp: XMP packet.
        more_xmp: The extension of that packet.
        icc: ICC profile.
        iptc: IPTC records.
        texts: Texts of a PNG or a JPEG's comment, each with its keyword.
        density: Dots per inch, across and down; None: the file does not say.
        cicp: Numbers of primaries and of the transfer function (ITU-T H.273); None: none.
        gamma: Exponent that encoded the values (PNG's gAMA), 0: none.
        corners: White, red, green and blue as x and y (PNG's cHRM); empty: none.
        orientation: How the picture lies by the file's own boxes, 1 to 8; 0: EXIF tells.
        notices: What was left out.
    """

    exif: bytes = b""
    xmp: bytes = b""
    more_xmp: bytes = b""
    icc: bytes = b""
    iptc: bytes = b""
    texts: tuple[tuple[str, str], ...] = ()
    density: tuple[float, float] | None = None
    cicp: tuple[int, int] | None = None
    gamma: float = 0.0
    corners: tuple[float, ...] = ()
    orientation: int = 0
    notices: tuple[str, ...] = ()


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
        hdr: Numbers of primaries and of the transfer function (ITU-T H.273) of a picture that is
            brighter than paper white; ``icc`` then only leads to ``own`` and is not written.
            None: it is no such picture.
        iptc: IPTC records to carry over; empty: none.
        texts: Texts to carry over, each with its keyword.
        density: Dots per inch to carry over, across and down; None: none.
        beyond: What values of floats lay below 0 or above 1, (H, W, 1 or 3) float32, in units of
            white; None: nothing did, or nobody asked for it.
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
    hdr: tuple[int, int] | None = None
    iptc: bytes = b""
    texts: tuple[tuple[str, str], ...] = ()
    density: tuple[float, float] | None = None
    beyond: NDArray[np.float32] | None = None
    notices: tuple[str, ...] = ()


def to_eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Round 16 bits to 8; 8 bits pass through."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return cv2.convertScaleAbs(pixels, alpha=1 / 257).reshape(pixels.shape).astype(np.uint8)
