"""TIFF: of many kinds, of which Pillow reads those of 8 bits; the others are read here."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from model.pictures import pillow_decoding
from model.pictures.colour import CHANNELS, Space
from model.pictures.errors import BrokenPictureError, UnsupportedPictureError
from model.pictures.file_metadata.parts import SEVERAL
from model.pictures.floats import Floats
from model.pictures.picture import Header, Pixels
from model.pictures.pillow_decoding import StoredPixels

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


def read(data: bytes, header: Header, *, beyond: bool = False) -> StoredPixels:
    """Decode the first page.

    Args:
        data: The file.
        header: What inspecting it told.
        beyond: Whether to keep what lies below 0 or above 1 in a picture of floats.

    Raises:
        UnsupportedPictureError: If its pixels are of a kind that isn't read.
        Exception: Whatever a decoder raises of a damaged file.
    """
    with _first_page(data) as page:
        if (page.imagewidth, page.imagelength) != (header.width, header.height):
            raise BrokenPictureError("the picture's header contradicts its pixels")
        several = (SEVERAL,) if header.several else ()
        if page.bitspersample <= 8:
            with suppress(UnidentifiedImageError):  # Pillow knows fewer kinds
                return _by_pillow(data, header, page)
        found = _decoded(page, keep=beyond)
        return replace(found, notices=several + found.notices)


def _by_pillow(data: bytes, header: Header, page: tifffile.TiffPage) -> StoredPixels:
    """Decode 8 bits; a channel that the file does not declare as transparency is none."""
    found = pillow_decoding.read(data, header)
    space = _SPACES.get(page.photometric)
    extra = page.samplesperpixel - CHANNELS[space] if space else 0
    if extra > 1 or (extra == 1 and _extra(page) not in (_PREMULTIPLIED, _STRAIGHT)):
        alpha = found.alpha if extra > 1 else None
        return replace(found, alpha=alpha, notices=(*found.notices, _LEFT_OUT))
    return found


@contextmanager
def _first_page(data: bytes) -> Iterator[tifffile.TiffPage]:
    """Give the first page; the others are not looked at, of microscopes' files neither."""
    try:
        file = tifffile.TiffFile(io.BytesIO(data), is_lsm=False, is_scanimage=False, is_ndpi=False)
        page = file.pages[0]
    except Exception:  # noqa: BLE001 - a parser stumbling is the file's fault
        raise BrokenPictureError("the header of the TIFF cannot be read") from None
    with file:
        if not isinstance(page, tifffile.TiffPage):
            raise BrokenPictureError("the picture has no pixels")
        yield page


def _decoded(page: tifffile.TiffPage, *, keep: bool) -> StoredPixels:
    space, samples = _SPACES.get(page.photometric), page.samplesperpixel
    colours = CHANNELS[space] if space else 0
    if space is None or samples < colours:
        raise UnsupportedPictureError(
            f"TIFFs of {samples} channels and photometric interpretation "
            f"{int(page.photometric)} are not read"
        )
    if page.compression not in _COMPRESSIONS:
        raise UnsupportedPictureError(
            f"TIFFs of {page.bitspersample} bits are not read with this compression",
            hint="Save it with LZW, ZIP or no compression.",
        )
    extra = _extra(page) if samples > colours else 0
    transparent = extra in (_PREMULTIPLIED, _STRAIGHT) and colours < 4
    floats = Floats((page.imagelength, page.imagewidth, colours), keep=keep)
    values = _filled(page, colours + transparent, floats)
    beyond, notices = floats.beyond()
    if page.photometric == _WHITE_IS_ZERO:
        np.subtract(np.iinfo(values.dtype).max, values[:, :, 0], out=values[:, :, 0])
    if page.photometric != _RGB and page.photometric != _BLACK_IS_ZERO:
        beyond = None
    if not transparent:
        notices = (*notices, _LEFT_OUT) if samples > colours else notices
        return StoredPixels(values, space, beyond=beyond, notices=notices)
    colour = np.ascontiguousarray(values[:, :, :colours])
    alpha = np.ascontiguousarray(values[:, :, colours])
    if extra == _PREMULTIPLIED:
        _divide(colour, alpha)
        beyond = None
    return StoredPixels(colour, space, alpha, beyond=beyond, notices=notices)


_LEFT_OUT = "channels that the file does not declare as colour or transparency were left out"


def _extra(page: tifffile.TiffPage) -> int:
    """Return what the first channel behind the colours is; 0: nothing that is read.

    Where a file says nothing about its only further channel, it is transparency.
    """
    space = _SPACES.get(page.photometric)
    if not page.extrasamples and space and page.samplesperpixel == CHANNELS[space] + 1:
        return _STRAIGHT
    return int((*page.extrasamples, 0)[0])


def _filled(page: tifffile.TiffPage, kept: int, floats: Floats) -> Pixels:
    """Decode the first ``kept`` channels, a strip or tile at a time, as (H, W, kept)."""
    deep = np.uint8 if page.bitspersample <= 8 else np.uint16
    values: Pixels = np.zeros((page.imagelength, page.imagewidth, kept), deep)
    for block, plane, top, left in _blocks(page):
        if plane >= kept:
            continue
        step = max(1, _BAND_PIXELS // block.shape[1])
        for first in range(0, block.shape[0], step):
            band = block[first : first + step, :, :kept]
            height, width, channels = band.shape
            rows = slice(top + first, top + first + height)
            if band.dtype.kind == "f":
                band = floats.integers(band, rows, left, plane)
            else:
                band = _integers(band, page.bitspersample)
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
    if array.dtype not in (np.uint8, np.uint16):
        raise UnsupportedPictureError(
            f"TIFFs of {bits} bits a channel are not read",
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
