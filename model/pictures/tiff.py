"""TIFF: of many kinds, of which Pillow reads those of 8 bits; the others are read here."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from model.pictures import raw
from model.pictures.colour import CHANNELS, Space
from model.pictures.errors import BrokenPictureError, UnsupportedPictureError
from model.pictures.metadata import loaded_exif
from model.pictures.picture import Header, Pixels
from model.pictures.raw import SEVERAL, Raw

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # exceptions tell it

_COMPRESSIONS = (1, 5, 8, 32773, 32946, 34925, 50000)  # none, LZW, deflate, PackBits, LZMA, Zstd
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _SEPARATED = 0, 1, 2, 5
_SPACES: dict[int, Space] = {
    _WHITE_IS_ZERO: "gray",
    _BLACK_IS_ZERO: "gray",
    _RGB: "rgb",
    _SEPARATED: "cmyk",
}
_PREMULTIPLIED, _STRAIGHT = 1, 2
_BAND_PIXELS = 2**18


def read(data: bytes, header: Header) -> Raw:
    """Decode the first page.

    Args:
        data: The file.
        header: What inspecting it told.

    Raises:
        UnsupportedPictureError: If its pixels are of a kind that isn't read.
        Exception: Whatever a decoder raises of a damaged file.
    """
    with _first_page(data) as page:
        if (page.imagewidth, page.imagelength) != (header.width, header.height):
            raise BrokenPictureError("the picture's header contradicts its pixels")
        if page.bitspersample <= 8:
            try:
                return raw.read(data, header)
            except BrokenPictureError as error:
                if not isinstance(error.__context__, UnidentifiedImageError):
                    raise
        found = _decoded(page)
        exif, notices = loaded_exif(lambda: _exif(data))
        return replace(
            found,
            exif=exif,
            xmp=_bytes_of(page, 700),
            icc=_bytes_of(page, 34675),
            notices=((SEVERAL,) if header.several else ()) + found.notices + notices,
        )


@contextmanager
def _first_page(data: bytes) -> Iterator[tifffile.TiffPage]:
    """Give the first page; the others are not looked at, of microscopes' files neither."""
    try:
        file = tifffile.TiffFile(io.BytesIO(data), is_lsm=False, is_scanimage=False, is_ndpi=False)
        page = file.pages[0]
    except Exception as error:  # noqa: BLE001 - a parser stumbling is the file's fault
        raise BrokenPictureError(f"the picture's header cannot be read: {error}") from None
    with file:
        if not isinstance(page, tifffile.TiffPage):
            raise BrokenPictureError("the picture has no pixels")
        yield page


def _decoded(page: tifffile.TiffPage) -> Raw:
    space, samples = _SPACES.get(page.photometric), page.samplesperpixel
    colours = CHANNELS[space] if space else 0
    if space is None or samples < colours:
        raise UnsupportedPictureError(
            f"TIFFs of this kind are not read: {page.photometric!s}, {samples} channels"
        )
    if page.compression not in _COMPRESSIONS:
        raise UnsupportedPictureError(
            f"TIFFs of {page.bitspersample} bits are not read with this compression",
            hint="Save it with LZW, ZIP or no compression.",
        )
    extra = (*page.extrasamples, 0)[0] if samples > colours else 0
    transparent = extra in (_PREMULTIPLIED, _STRAIGHT) and colours < 4
    values = _filled(page, colours + transparent)
    if page.photometric == _WHITE_IS_ZERO:
        np.subtract(np.iinfo(values.dtype).max, values[:, :, 0], out=values[:, :, 0])
    if not transparent:
        left_out = ("channels that are neither colour nor transparency were left out",)
        return Raw(values, space, notices=left_out if samples > colours else ())
    colour = np.ascontiguousarray(values[:, :, :colours])
    alpha = np.ascontiguousarray(values[:, :, colours])
    if extra == _PREMULTIPLIED:
        _divide(colour, alpha)
    return Raw(colour, space, alpha)


def _filled(page: tifffile.TiffPage, kept: int) -> Pixels:
    """Decode the first ``kept`` channels, a strip or tile at a time, as (H, W, kept)."""
    deep = np.uint8 if page.bitspersample <= 8 else np.uint16
    values: Pixels = np.zeros((page.imagelength, page.imagewidth, kept), deep)
    for block, plane, top, left in _blocks(page):
        if plane >= kept:
            continue
        step = max(1, _BAND_PIXELS // block.shape[1])
        for first in range(0, block.shape[0], step):
            band = _integers(block[first : first + step, :, :kept], page.bitspersample)
            height, width, channels = band.shape
            rows = slice(top + first, top + first + height)
            values[rows, left : left + width, plane : plane + channels] = band
    return values


def _blocks(page: tifffile.TiffPage) -> Iterator[tuple[NDArray[Any], int, int, int]]:
    """Give strips or tiles (h, w, C), each with its plane, its first row and its first column."""
    if page.is_contiguous:
        whole = page.asarray(maxworkers=1, squeeze=False)
        yield from ((plane[0], index, 0, 0) for index, plane in enumerate(whole))
        return
    for segment, (plane, _, top, left, _), _ in page.segments(maxworkers=1, _fullsize=False):
        if segment is None:
            raise BrokenPictureError("the file lacks some of the picture's strips or tiles")
        yield segment[0, : page.imagelength - top, : page.imagewidth - left], plane, top, left


def _integers(array: NDArray[Any], bits: int) -> Pixels:
    """Bring values to all of uint8 or uint16."""
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # false of NaN too
            raise UnsupportedPictureError(
                f"floats must lie in [0, 1], these reach from {low:g} to {high:g}",
                hint="Scale the picture to [0, 1], or save it with 16 bits a channel.",
            )
        return np.round(array.astype(np.float32) * 65535).astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16):
        raise UnsupportedPictureError(
            f"TIFFs of {bits} bits a channel ({array.dtype}) are not read",
            hint="Convert it to 8 or 16 bits a channel.",
        )
    if array.dtype == np.uint16 and bits < 16:
        return np.asarray(array.astype(np.uint32) * 65535 // (2**bits - 1), np.uint16)
    return array


def _divide(colour: Pixels, alpha: Pixels) -> None:
    """Divide premultiplied colour (H, W, C) by alpha (H, W), in place."""
    full, step = int(np.iinfo(colour.dtype).max), max(1, _BAND_PIXELS // colour.shape[1])
    for top in range(0, colour.shape[0], step):
        rows = slice(top, top + step)
        cover = np.maximum(alpha[rows], 1).astype(np.uint32)[:, :, None]
        straight = (colour[rows].astype(np.uint32) * full + cover // 2) // cover
        colour[rows] = np.minimum(straight, full)


def _exif(data: bytes) -> Image.Exif:
    """Read the tags of a TIFF as EXIF; Pillow cannot of a BigTIFF."""
    exif = Image.Exif()
    if data[2:4] in (b"*\0", b"\0*"):
        exif.load_from_fp(io.BytesIO(data))
    return exif


def _bytes_of(page: tifffile.TiffPage, tag: int) -> bytes:
    value = page.tags.valueof(tag)
    return value if isinstance(value, bytes) else b""
