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
    array: NDArray[Any] = page.asarray(maxworkers=1)
    if page.axes == "SYX":  # one plane after the other
        array = np.moveaxis(array, 0, 2)
    values = _integers(np.atleast_3d(array), page.bitspersample)
    if values.shape != (page.imagelength, page.imagewidth, samples):
        raise BrokenPictureError("the picture's header contradicts its pixels")
    if page.photometric == _WHITE_IS_ZERO:
        values[:, :, 0] = np.iinfo(values.dtype).max - values[:, :, 0]
    extra = (*page.extrasamples, 0)[0] if samples > colours else 0
    colour = np.ascontiguousarray(values[:, :, :colours])
    if extra not in (_PREMULTIPLIED, _STRAIGHT) or colours == 4:
        left_out = ("channels that are neither colour nor transparency were left out",)
        return Raw(colour, space, notices=left_out if samples > colours else ())
    alpha = np.ascontiguousarray(values[:, :, colours])
    return Raw(_straight(colour, alpha) if extra == _PREMULTIPLIED else colour, space, alpha)


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
    full = 2**bits - 1
    if array.dtype == np.uint16 and bits < 16:
        return np.asarray(array.astype(np.uint32) * 65535 // full, np.uint16)
    whole: Pixels = array.copy()
    return whole


def _straight(colour: Pixels, alpha: Pixels) -> Pixels:
    """Divide premultiplied colour (H, W, C) by alpha (H, W)."""
    full = int(np.iinfo(colour.dtype).max)
    cover = np.maximum(alpha, 1).astype(np.uint32)[:, :, None]
    straight: Pixels = np.minimum((colour.astype(np.uint32) * full + cover // 2) // cover, full)
    return straight.astype(colour.dtype)


def _exif(data: bytes) -> Image.Exif:
    """Read the tags of a TIFF as EXIF; Pillow cannot of a BigTIFF."""
    exif = Image.Exif()
    if data[2:4] in (b"*\0", b"\0*"):
        exif.load_from_fp(io.BytesIO(data))
    return exif


def _bytes_of(page: tifffile.TiffPage, tag: int) -> bytes:
    value = page.tags.valueof(tag)
    return value if isinstance(value, bytes) else b""
