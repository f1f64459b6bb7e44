"""What a file holds before colours and turns are settled, read by Pillow."""

import io
import logging
from dataclasses import dataclass, field

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, features

from model.pictures.colour import MAX_PROFILE_BYTES, Space
from model.pictures.errors import BrokenPictureError, UnsupportedPictureError
from model.pictures.metadata import loaded_exif
from model.pictures.picture import Header, Pixels

try:
    import pillow_heif
except ImportError:
    HEIF = False
else:
    HEIF = True
    pillow_heif.register_heif_opener(thumbnails=False)

logging.getLogger("PIL").addHandler(logging.NullHandler())  # damage is told by exceptions
Image.MAX_IMAGE_PIXELS = None  # the header is checked against the caller's limit, before decoding
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES

FORMATS = (
    *("JPEG", "PNG", "WEBP", "TIFF", "BMP"),
    *(("AVIF",) if features.check("avif") else ()),
    *(("HEIF",) if HEIF else ()),
)
"""Formats read; nothing else is even tried."""

_MAGIC = (b"\xff\xd8", b"\x89PNG", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM", b"RIFF")
_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_GREY_MODES = ("1", "L", "LA", "La")
_COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr", "HSV")
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_BAND_PIXELS = 2**22
_WEBP_CHUNKS = 16


@dataclass(frozen=True)
class Raw:
    """A file's pixels as they are stored, and what lies beside them.

    Attributes:
        values: Shape (H, W, C), uint8 or uint16; C is 1 of grey, 3 of RGB, 4 of CMYK.
        space: What the channels are.
        alpha: Shape (H, W), of the type of ``values``, or None.
        format: Pillow's name of the file's format.
        exif: EXIF tags.
        xmp: XMP packet; empty: none.
        icc: ICC profile; empty: none.
        notices: What the caller should know.
    """

    values: Pixels
    space: Space
    alpha: Pixels | None = None
    format: str = "TIFF"
    exif: Image.Exif = field(default_factory=Image.Exif)
    xmp: bytes = b""
    icc: bytes = b""
    notices: tuple[str, ...] = ()


def opened(data: bytes) -> Image.Image:
    """Read a file's header.

    Raises:
        UnsupportedPictureError: If it is no picture of a kind that is read.
        BrokenPictureError: If it claims to be one.
    """
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # noqa: BLE001 - a parser stumbling is the file's fault
        brand = data[8:12] if data[4:8] == b"ftyp" else b""
        if brand in _HEIF_BRANDS and not HEIF:
            raise UnsupportedPictureError(
                "HEIC pictures are not read here: the optional codec is not installed",
                hint="Send JPEG, PNG, WebP, TIFF, BMP or AVIF; whoever runs this can "
                "install the codec with: pip install '.[heic]'",
            ) from None
        if data.startswith(_MAGIC) or brand in _AVIF_BRANDS + _HEIF_BRANDS:
            raise BrokenPictureError(f"the picture's header cannot be read: {error}") from None
        raise UnsupportedPictureError("the bytes are no picture of a kind that is read") from None


def header_of(data: bytes) -> Header:
    """Read format and size; errors as of ``opened``."""
    with opened(data) as image:
        return Header(
            image.format or "",
            *image.size,
            transparent=image.mode in ("RGBA", "LA"),
            lossless=image.format == "WEBP" and _is_lossless(data),
        )


def read(data: bytes) -> Raw:
    """Decode the first frame.

    Raises:
        UnsupportedPictureError: If its pixels are of a kind that isn't read.
        Exception: Whatever a decoder raises of a damaged file.
    """
    with opened(data) as image:
        several = getattr(image, "n_frames", 1) > 1
        image.load()
        values, space, alpha = _channels(image, data)
        exif, notices = loaded_exif(image.getexif)
        return Raw(
            values,
            space,
            alpha,
            format=image.format or "",
            exif=exif,
            xmp=bytes(image.info.get("xmp") or b""),
            icc=bytes(image.info.get("icc_profile") or b""),
            notices=((SEVERAL,) if several else ()) + notices,
        )


def _is_lossless(webp: bytes) -> bool:
    """Whether the first picture of a WebP is a lossless one; it is among the first chunks."""
    at = 12
    for _ in range(_WEBP_CHUNKS):
        kind, size = webp[at : at + 4], int.from_bytes(webp[at + 4 : at + 8], "little")
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8L"
        at += 8 + (16 if kind == b"ANMF" else size + size % 2)  # a frame holds chunks
    return False


SEVERAL = "the file holds several pictures; only the first is used"


def _channels(image: Image.Image, data: bytes) -> tuple[Pixels, Space, Pixels | None]:
    """Return values of shape (H, W, C), what they are, and alpha of shape (H, W) or None."""
    if image.format == "PNG" and data[24] == 16:  # Pillow holds 16 bits in grey alone
        return _split(_deep_png(image, data))
    if image.mode in _DEEP_MODES:
        return np.asarray(image).astype(np.uint16)[:, :, None], "gray", None
    if image.mode == "CMYK":
        return _pixels(image), "cmyk", None
    if image.mode not in _GREY_MODES + _COLOUR_MODES:
        raise UnsupportedPictureError(f"pictures of mode {image.mode} are not read")
    if image.mode == "1":
        image = image.convert("L")
    mode = ("L" if image.mode in _GREY_MODES else "RGB") + (
        "A" if image.has_transparency_data else ""
    )
    return _split(_pixels(image if image.mode == mode else image.convert(mode)))


def _split(array: Pixels) -> tuple[Pixels, Space, Pixels | None]:
    """Part (H, W, 1 to 4) into colour and alpha."""
    channels = array.shape[2]
    space: Space = "gray" if channels < 3 else "rgb"
    if channels in (1, 3):
        return array, space, None
    colour = np.ascontiguousarray(array[:, :, : channels - 1])
    return colour, space, np.ascontiguousarray(array[:, :, -1])


def _deep_png(image: Image.Image, data: bytes) -> NDArray[np.uint16]:
    """Decode 16 bits a channel, shape (H, W, C); a colour that stands for *clear* becomes alpha."""
    array: NDArray[np.uint16] = np.atleast_3d(imagecodecs.png_decode(data))
    if array.dtype != np.uint16 or array.shape[:2] != image.size[::-1]:
        raise BrokenPictureError("the picture's header contradicts its pixels")
    clear = image.info.get("transparency")
    if clear is None or array.shape[2] not in (1, 3):
        return array
    alpha = np.where((array == np.uint16(clear)).all(axis=2), np.uint16(0), np.uint16(65535))
    return np.dstack([array, alpha])


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Copy an 8-bit image into an array of shape (H, W, C), a band at a time to save memory."""
    width, height = image.size
    bands = len(image.getbands())
    array = np.empty((height, width, bands), np.uint8)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        band = np.asarray(image.crop((0, top, width, bottom)))
        array[top:bottom] = band.reshape(bottom - top, width, bands)
    return array
