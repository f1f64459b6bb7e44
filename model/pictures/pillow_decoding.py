"""What a file holds before colours and turns are settled, read by Pillow."""

import io
import logging
import struct
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError, features

from model.pictures import high_bit_depth
from model.pictures.colour import Space
from model.pictures.errors import BrokenPictureError, UnsupportedPictureError
from model.pictures.file_metadata.parts import SEVERAL
from model.pictures.inspection import bmp, jpeg, png
from model.pictures.picture import Header, Pixels

try:
    import pillow_heif
except ImportError:
    HEIF = False
else:
    HEIF = True
    pillow_heif.register_heif_opener(thumbnails=False)

logging.getLogger("PIL").addHandler(logging.NullHandler())  # damage is told by exceptions

_GREY_MODES = ("1", "L", "LA", "La")
_COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr", "HSV")
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_BAND_PIXELS = 2**18


@dataclass(frozen=True)
class StoredPixels:
    """A file's pixels as they are stored.

    Attributes:
        values: Shape (H, W, C), uint8 or uint16; C is 1 of grey, 3 of RGB, 4 of CMYK.
        space: What the channels are.
        alpha: Shape (H, W), of the type of ``values``, or None.
        format: Pillow's name of the file's format.
        beyond: What lay below 0 or above 1 of values of floats, (H, W, C), or None.
        upright: Whether the decoder turned it upright already.
        notices: What the caller should know.
    """

    values: Pixels
    space: Space
    alpha: Pixels | None = None
    format: str = "TIFF"
    beyond: NDArray[np.float32] | None = None
    upright: bool = False
    notices: tuple[str, ...] = ()


def check_codec(header: Header) -> None:
    """Check that the codec of a file's format is installed.

    Raises:
        UnsupportedPictureError: If it isn't.
    """
    if header.format == "HEIF" and not HEIF:
        raise UnsupportedPictureError(
            "HEIC pictures are not read here: the optional codec is not installed",
            hint="Send JPEG, PNG, WebP, TIFF, BMP or AVIF; whoever runs this can "
            "install the codec with: pip install '.[heic]'",
        )
    if header.format == "AVIF" and not features.check("avif"):
        raise UnsupportedPictureError(
            "AVIF pictures are not read here: Pillow was built without them",
            hint="Send JPEG, PNG, WebP, TIFF or BMP.",
        )


def read(data: bytes, header: Header) -> StoredPixels:
    """Decode the first frame.

    Args:
        data: The file.
        header: What inspecting it told.

    Raises:
        UnsupportedPictureError: If its pixels are of a kind that isn't read.
        BrokenPictureError: If it is of another size than its header says.
        Exception: Whatever a decoder raises of a damaged file.
    """
    data = _for_decoder(data, header)
    with _opened(data, header.format) as image:
        _check_size(image, header)
        several = header.several or (header.format != "TIFF" and getattr(image, "n_frames", 1) > 1)
        if _read_by_pillow(data, header):
            image.load()
            _check_size(image, header)
        values, space, alpha = _channels(image, data, header)
    notices = ((SEVERAL,) if several else ()) + ((CUT,) if header.cut else ())
    turned = header.format == "TIFF"  # Pillow turns no other one
    return StoredPixels(values, space, alpha, format=header.format, upright=turned, notices=notices)


CUT = "the JPEG is cut off: what is missing at its end came back grey or blurred"


def _opened(data: bytes, kind: str) -> Image.Image:
    """Open a file of a known format as ``Image.open`` does, but without Pillow's limit of pixels.

    The file is inspected already. The limit is a setting of the whole process, which is the
    caller's to choose, so it is not changed here. The decoders of WebP and of a few TIFF files
    apply it themselves: such a file of more than 179 megapixels is only read where the caller
    has raised ``Image.MAX_IMAGE_PIXELS``, as the commands and the service do.

    Raises:
        UnidentifiedImageError: If the decoder doesn't know the file.
    """
    if kind not in Image.OPEN:
        Image.init()
    factory, accept = Image.OPEN[kind]
    try:
        accepted = True if accept is None else accept(data[:16])
        if accepted and not isinstance(accepted, str):  # text says why it isn't accepted
            return factory(io.BytesIO(data), "")
    except (SyntaxError, IndexError, TypeError, struct.error):
        pass
    raise UnidentifiedImageError


def _for_decoder(data: bytes, header: Header) -> bytes:
    """Return the parts of a file that a decoder has to see."""
    if header.format == "PNG":
        return png.without_metadata(data)
    if header.format == "JPEG":
        return jpeg.without_excess_metadata(jpeg.with_end_marker(data) if header.cut else data)
    return data


def _read_by_pillow(data: bytes, header: Header) -> bool:
    """Whether Pillow decodes the pixels; else it only tells what they are."""
    wide = header.bits == 16 and header.format in high_bit_depth.DECODERS
    return not wide and not _is_runs(data, header)


def _check_size(image: Image.Image, header: Header) -> None:
    """Hold a decoder to the inspected size; that of TIFF turns, that of HEIF crops and turns."""
    width, height = image.size
    held = {
        "TIFF": sorted((width, height)) == sorted((header.width, header.height)),
        "HEIF": width * height <= header.pixels,
    }
    if not held.get(header.format, (width, height) == (header.width, header.height)):
        raise BrokenPictureError("the picture's header contradicts its pixels")


def _is_runs(data: bytes, header: Header) -> bool:
    """Whether it is a BMP of runs of equal pixels, which Pillow takes minutes to decode."""
    return header.format == "BMP" and bmp.compression(data) in bmp.RUNS


def _runs(data: bytes, header: Header) -> Pixels:
    """Decode a BMP of runs of equal pixels, shape (H, W, 3)."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # errors are raised
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if found is None or found.shape != (header.height, header.width, 3):
        raise BrokenPictureError("the runs of pixels of the BMP are damaged or cut off")
    return found.astype(np.uint8, copy=False)


def _channels(
    image: Image.Image, data: bytes, header: Header
) -> tuple[Pixels, Space, Pixels | None]:
    """Return values of shape (H, W, C), what they are, and alpha of shape (H, W) or None."""
    if header.bits == 16 and header.format in high_bit_depth.DECODERS:
        return split(
            high_bit_depth.add_png_transparency(
                high_bit_depth.DECODERS[header.format](data, header), data, header
            )
        )
    if _is_runs(data, header):
        colours = _runs(data, header)
        return split(colours[:, :, :1] if image.mode in _GREY_MODES else colours)
    if image.mode in _DEEP_MODES:
        return np.asarray(image).astype(np.uint16)[:, :, None], "gray", None
    if image.mode == "CMYK":
        return _pixels(image), "cmyk", None
    if image.mode not in _GREY_MODES + _COLOUR_MODES:
        raise UnsupportedPictureError(
            f"{header.format} pictures with channels of the kind {image.mode} are not read"
        )
    if image.mode == "1":
        image = image.convert("L")
    by_colour = header.format == "PNG" and image.mode in ("L", "RGB")
    mode = ("L" if image.mode in _GREY_MODES else "RGB") + (
        "A" if image.has_transparency_data and not by_colour else ""
    )
    pixels: Pixels = _pixels(image if image.mode == mode else image.convert(mode))
    if header.format == "BMP":
        pixels = high_bit_depth.add_bmp_alpha(pixels, data, header)
    return split(high_bit_depth.add_png_transparency(pixels, data, header) if by_colour else pixels)


def split(array: Pixels) -> tuple[Pixels, Space, Pixels | None]:
    """Part (H, W, 1 to 4) into colour and alpha."""
    channels = array.shape[2]
    space: Space = "gray" if channels < 3 else "rgb"
    if channels in (1, 3):
        return array, space, None
    colour = np.ascontiguousarray(array[:, :, : channels - 1])
    return colour, space, np.ascontiguousarray(array[:, :, -1])


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
