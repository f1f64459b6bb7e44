"""Decides what may be decoded: walks a file's own structure, bounded, before any decoder sees it.

A walk takes milliseconds whatever the file holds, allocates next to nothing, and checks the file
against ``model.pictures.limits``.
"""

from collections.abc import Callable

from model.pictures import limits
from model.pictures.errors import (
    BrokenPictureError,
    OversizedPictureError,
    UnsupportedPictureError,
)
from model.pictures.inspection import bmp, heif, jp2, jpeg, jxl, kinds, npy, png, tiff, webp
from model.pictures.inspection.directories import MAGIC
from model.pictures.picture import Header

_WALKS: tuple[tuple[bytes, Callable[[bytes], Header]], ...] = (
    (b"\xff\xd8\xff", jpeg.inspect),
    (png.SIGNATURE, png.inspect),
    (b"BM", bmp.inspect),
    (npy.MAGIC, npy.inspect),
    *((magic, jxl.inspect) for magic in (jxl.CODESTREAM, jxl.CONTAINER)),
    *((magic, jp2.inspect) for magic in (jp2.CODESTREAM, jp2.CONTAINER)),
    *((magic, tiff.inspect) for magic in MAGIC),
)


def inspect(data: bytes) -> Header:
    """Read format and size, and check that decoding the file stays within the limits.

    Raises:
        UnsupportedPictureError: If it is no picture of a kind that is read.
        BrokenPictureError: If it claims to be one but is damaged.
        OversizedPictureError: If it holds more of something than is allowed.
    """
    header = _walk(data)(data)
    if header.pixels == 0:
        raise BrokenPictureError("the picture has no pixels")
    if max(header.width, header.height) > limits.MAX_SIDE or header.pixels > limits.MAX_PIXELS:
        raise OversizedPictureError(
            f"the picture has {header.width}x{header.height} pixels; at most {limits.MAX_SIDE} a "
            f"side and {limits.MAX_PIXELS} in all are read"
        )
    return header


def _walk(data: bytes) -> Callable[[bytes], Header]:
    for magic, walk in _WALKS:
        if data.startswith(magic):
            return walk
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return webp.inspect
    if data[4:8] == b"ftyp" and data[8:12] in heif.BRANDS:
        return heif.inspect
    if not data:
        raise UnsupportedPictureError("the bytes are no picture: there are none")
    name = kinds.named(data)
    this = f": this is {name}" if name else ""
    raise UnsupportedPictureError(f"the bytes are no picture of a kind that is read{this}")
