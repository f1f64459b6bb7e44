"""Bytes -> picture: header, limits, pixels, what is kept beside them."""

import io
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, features

from service.errors import BrokenImageError, PictureTooLargeError, UnsupportedMediaError

Image.MAX_IMAGE_PIXELS = None  # we check the header against our own limit, before decoding

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP") + (("AVIF",) if features.check("avif") else ())
"""Formats read; nothing else is even tried."""

_MAGIC = (b"\xff\xd8", b"\x89PNG", b"II*\0", b"MM\0*", b"BM", b"RIFF")
_GREY_MODES = ("1", "L", "LA", "La")
_BAND_PIXELS = 2**22
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before it is decoded."""

    format: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Pixels it will have."""
        return self.width * self.height


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    Attributes:
        rgb: Shape (H, W, 3), uint8; the three are equal if ``grey``.
        alpha: Shape (H, W), uint8, or None.
        grey: Whether the file has one channel of colour.
        format: Pillow's name of the file's format.
        exif: EXIF block to carry over, orientation reset; empty: none.
        icc: ICC profile to carry over; empty: none.
        notices: What the caller should know.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    grey: bool
    format: str
    exif: bytes
    icc: bytes
    notices: tuple[str, ...]


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Read format and size without decoding.

    Raises:
        UnsupportedMediaError: If it is no picture of a kind we read.
        BrokenImageError: If it claims to be one but is damaged.
        PictureTooLargeError: If it has more than ``max_pixels`` pixels.
    """
    with _open(data) as image:
        header = Header(image.format or "", *image.size)
    if header.pixels > max_pixels:
        raise PictureTooLargeError(
            f"the picture has {header.width}x{header.height} = {header.pixels} pixels, "
            f"at most {max_pixels} are allowed"
        )
    if header.pixels == 0:
        raise BrokenImageError("the picture has no pixels")
    return header


def decode(data: bytes, *, metadata: Literal["keep", "strip", "no-gps"] = "keep") -> Picture:
    """Decode the first frame.

    Raises:
        UnsupportedMediaError: If it is no picture of a kind we read.
        BrokenImageError: If it is damaged or cut off.
    """
    with _open(data) as image:
        try:
            notices = _frames_notice(image)
            image.load()
            exif, orientation = _exif(image, metadata)
            picture = _normalise(image, data)
        except (UnsupportedMediaError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - a decoder stumbling is the file's fault
            raise BrokenImageError(f"the picture cannot be decoded: {error}") from None
    return replace(
        picture,
        rgb=_upright(picture.rgb, orientation),
        alpha=None if picture.alpha is None else _upright(picture.alpha, orientation),
        exif=exif,
        icc=b"" if metadata == "strip" else picture.icc,
        notices=notices + picture.notices,
    )


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # noqa: BLE001 - a parser stumbling is the file's fault
        if data.startswith(_MAGIC) or data[4:12] in (b"ftypavif", b"ftypavis"):
            raise BrokenImageError(f"the picture's header cannot be read: {error}") from None
        raise UnsupportedMediaError(
            "the bytes are no picture of a kind that is read here", code="unsupported_image"
        ) from None


def _frames_notice(image: Image.Image) -> tuple[str, ...]:
    frames = getattr(image, "n_frames", 1)
    return (f"the file holds {frames} pictures; only the first is used",) if frames > 1 else ()


def _normalise(image: Image.Image, data: bytes) -> Picture:
    """Bring any mode to 8-bit RGB with alpha and greyness kept aside."""
    icc: bytes = image.info.get("icc_profile") or b""
    notices: tuple[str, ...] = ()
    if image.mode in ("I", "F"):
        raise UnsupportedMediaError(
            "pictures of 32 bits a channel are not read",
            code="unsupported_image",
            hint="Convert it to 8 or 16 bits a channel.",
        )
    if _is_deep(image, data):
        notices += ("16 bits a channel were reduced to 8",)
    if image.mode == "CMYK" and icc:
        icc, notices = b"", (*notices, "CMYK was converted to RGB without its profile")
    grey = image.mode in _GREY_MODES or image.mode in _DEEP_MODES
    rgb, alpha = _channels(image, grey=grey)
    return Picture(rgb, alpha, grey, image.format or "", b"", icc, notices)


def _is_deep(image: Image.Image, data: bytes) -> bool:
    if image.format == "PNG":
        return data[24] == 16  # bit depth in IHDR; Pillow reduces RGB to 8 bits silently
    if image.format == "TIFF":
        bits: tuple[int, ...] = getattr(image, "tag_v2", {}).get(258, (8,))
        return max(bits) > 8
    return False


def _channels(
    image: Image.Image, *, grey: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return RGB of shape (H, W, 3) and alpha of shape (H, W) or None."""
    if image.mode in _DEEP_MODES:
        values = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(values[:, :, None], 3, axis=2), None
    if image.mode == "1":
        image = image.convert("L")
    mode = ("L" if grey else "RGB") + ("A" if image.has_transparency_data else "")
    array = _pixels(image if image.mode == mode else image.convert(mode))
    if mode == "RGB":
        return array, None
    if mode == "L":
        return np.repeat(array[:, :, None], 3, axis=2), None
    colour = np.repeat(array[:, :, :1], 3, axis=2) if grey else array[:, :, :3]
    return np.ascontiguousarray(colour), np.ascontiguousarray(array[:, :, -1])


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Copy an 8-bit image into an array of shape (H, W[, C]), a band at a time to save memory."""
    width, height = image.size
    bands = image.getbands()
    array = np.empty((height, width, len(bands))[: 2 + (len(bands) > 1)], np.uint8)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        array[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return array


def _exif(image: Image.Image, metadata: str) -> tuple[bytes, int]:
    """Return the EXIF block to carry over, and the orientation it had."""
    exif = image.getexif()
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    if metadata == "strip" or image.format == "TIFF" or not len(exif):
        return b"", orientation  # a TIFF's tags describe its own layout: not carried over
    exif[ExifTags.Base.Orientation] = 1
    if metadata == "no-gps" and ExifTags.IFD.GPSInfo in exif:
        del exif[ExifTags.IFD.GPSInfo]
    try:
        return exif.tobytes(), orientation
    except Exception:  # noqa: BLE001 - broken metadata must not cost the picture
        return b"", orientation


def _upright(array: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply EXIF ``orientation`` (1 to 8) to an array of shape (H, W, ...)."""
    turned = {
        2: lambda: array[:, ::-1],
        3: lambda: array[::-1, ::-1],
        4: lambda: array[::-1],
        5: lambda: array.swapaxes(0, 1),
        6: lambda: np.rot90(array, -1),
        7: lambda: array[::-1, ::-1].swapaxes(0, 1),
        8: lambda: np.rot90(array),
    }.get(orientation, lambda: array)()
    return np.ascontiguousarray(turned)
