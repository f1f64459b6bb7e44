"""Pixels that Pillow does not give: of more than 8 bits, and transparency that it misses."""

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from model.pictures.errors import BrokenPictureError
from model.pictures.inspection import bmp, png
from model.pictures.picture import Header, Pixels

_BAND_PIXELS = 2**18
_AVIF_THREADS = 2


def _deep_png(data: bytes, header: Header) -> Pixels:
    """Decode a PNG of 16 bits a channel, of which Pillow holds but grey."""
    return _deep(imagecodecs.png_decode(data), header)


def _deep_avif(data: bytes, header: Header) -> Pixels:
    """Decode an AVIF of 10 or 12 bits, of which Pillow gives 8; its values reach 65535."""
    array = imagecodecs.avif_decode(data, 0, numthreads=_AVIF_THREADS)
    return stretched(_deep(array, header), header.depth)


def _deep_heif(data: bytes, header: Header) -> Pixels:
    """Decode a HEIC of 10 or 12 bits; its values reach 65535."""
    import pillow_heif

    array = np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=False))
    if array.dtype != np.uint16 or array.ndim != 3:
        raise BrokenPictureError("the picture's header contradicts its pixels")
    unused = np.uint16(16 - header.depth)  # the high bits are used
    return stretched(np.right_shift(array, unused, dtype=np.uint16), header.depth)


DECODERS: dict[str, Callable[[bytes, Header], Pixels]] = {
    "PNG": _deep_png,
    "AVIF": _deep_avif,
    "HEIF": _deep_heif,
}
"""What decodes the pictures of each format that have more than 8 bits."""


def _deep(decoded: NDArray[Any], header: Header) -> NDArray[np.uint16]:
    array = np.atleast_3d(decoded)
    if array.dtype != np.uint16 or array.shape[:2] != (header.height, header.width):
        raise BrokenPictureError("the picture's header contradicts its pixels")
    return array


def stretched(array: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """Scale values of ``bits`` bits to those of 16, in place."""
    full = 2**bits - 1
    if bits == 16:
        return array
    for top in range(0, array.shape[0], max(1, _BAND_PIXELS // array.shape[1])):
        rows = slice(top, top + max(1, _BAND_PIXELS // array.shape[1]))
        array[rows] = (array[rows].astype(np.uint32) * 65_535 + full // 2) // full
    return array


def add_png_transparency(array: Pixels, data: bytes, header: Header) -> Pixels:
    """Add the transparency of a PNG in which one grey or one colour stands for *clear*."""
    sample = png.clear(data) if header.format == "PNG" else ()
    if len(sample) != array.shape[2]:
        return array
    depth, full = data[24], int(np.iinfo(array.dtype).max)
    levels = np.array(sample) * (full // (2**depth - 1))
    clear = (array == levels.astype(array.dtype)).all(axis=2)
    return np.dstack([array, np.where(clear, 0, full).astype(array.dtype)])


def add_bmp_alpha(pixels: Pixels, data: bytes, header: Header) -> Pixels:
    """Add the fourth bytes of the pixels of a BMP, which no header declares to be transparency.

    Programs write it there all the same. If all of them are 0, or all 255, they mean nothing.
    """
    start = bmp.fourth_bytes(data)
    count = 4 * header.pixels
    if start is None or pixels.shape[2] != 3 or start + count > len(data):
        return pixels
    stored = np.frombuffer(data, np.uint8, count, start).reshape(header.height, header.width, 4)
    fourth = stored[:, :, 3] if bmp.is_top_down(data) else stored[::-1, :, 3]
    if not fourth.any() or fourth.min() == 255:
        return pixels
    return np.dstack([pixels, fourth])
