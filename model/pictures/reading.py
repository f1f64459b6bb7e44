"""Bytes -> picture."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from model.pictures import (
    arrays,
    colour,
    exif,
    file_metadata,
    iptc,
    jxl_and_jp2,
    pillow_decoding,
    profiles,
    tags,
    texts,
    tiff,
    xmp,
)
from model.pictures.cost import decode_bytes
from model.pictures.errors import BrokenPictureError, OversizedPictureError, PictureError
from model.pictures.file_metadata.parts import SEVERAL
from model.pictures.inspection import inspect
from model.pictures.limits import MAX_DECODED_PIXEL_BYTES
from model.pictures.picture import FileMetadata, Header, Metadata, Picture
from model.pictures.pillow_decoding import StoredPixels

_Number = TypeVar("_Number", bound=np.generic)
_LEAST_PIXELS = 2**22
"""Smaller limits allow as many bytes as this one, since decoders take some for any picture."""


def read_header(data: bytes, *, max_pixels: int | None = None) -> Header:
    """Read format and size without decoding, in milliseconds whatever the file holds.

    Raises:
        UnsupportedPictureError: If it is no picture of a kind that is read.
        BrokenPictureError: If it claims to be one but is damaged.
        OversizedPictureError: If it has more than ``max_pixels`` pixels, or more of anything else
            than ``model.pictures.limits`` allows.
    """
    header = _inspected(data)
    if max_pixels is not None and header.pixels > max_pixels:
        raise OversizedPictureError(
            f"the picture has {header.width}x{header.height} = {header.pixels} pixels, "
            f"at most {max_pixels} are allowed"
        )
    if max_pixels is not None and decode_bytes(header) > _room(max_pixels):
        raise OversizedPictureError(
            f"decoding the picture takes {decode_bytes(header)} bytes, "
            f"at most {_room(max_pixels)} are allowed",
            hint="Send a smaller picture, or save it with 8 or 16 bits a channel.",
        )
    return header


def _room(max_pixels: int) -> int:
    """Return the most bytes that decoding may take where ``max_pixels`` pixels are allowed."""
    return max(max_pixels, _LEAST_PIXELS) * MAX_DECODED_PIXEL_BYTES


def decode(data: bytes, *, metadata: Metadata = "keep", beyond: bool = False) -> Picture:
    """Decode the first frame, upright, in sRGB for the model.

    Args:
        data: The file.
        metadata: What becomes of EXIF, XMP and ICC profile.
        beyond: Whether to keep what lies below 0 or above 1 in a TIFF of floats.

    Raises:
        UnsupportedPictureError: If it is no picture of a kind that is read.
        BrokenPictureError: If it is damaged or cut off.
        OversizedPictureError: If it holds more of something than ``model.pictures.limits`` allows.
        MemoryError: If there is no memory for it.
    """
    header = _inspected(data)
    found = file_metadata.read(data, header)
    block, no_exif = exif.loaded(found.exif)
    orientation = found.orientation or exif.orientation_of(block)
    try:
        pixels = _pixels(data, header, beyond=beyond)
        orientation = 1 if pixels.upright else orientation
        colours = colour.for_model(
            _upright(pixels.values, orientation),
            pixels.space,
            _coloured(found, block),
            strip=metadata == "strip",
        )
    except (PictureError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a decoder stumbling is the file's fault
        raise BrokenPictureError(
            f"the pixels of the {_name(header)} are damaged or cut off"
        ) from None
    if not colours.rgb.size:
        raise BrokenPictureError("the picture has no pixels")
    picture = Picture(
        rgb=colours.rgb,
        alpha=None if pixels.alpha is None else _upright(pixels.alpha, orientation),
        grey=colours.grey,
        format=pixels.format,
        icc=colours.icc,
        own=colours.own,
        hdr=colours.hdr,
        beyond=None if pixels.beyond is None else _upright(pixels.beyond, orientation),
        notices=pixels.notices + colours.notices,
    )
    return _with_metadata(picture, replace(found, notices=found.notices + no_exif), block, metadata)


_NAMES = {
    "WEBP": "WebP",
    "HEIF": "HEIC",
    "JXL": "JPEG XL",
    "JPEG2000": "JPEG 2000",
    "NPY": "NumPy array",
}


def _name(header: Header) -> str:
    return _NAMES.get(header.format, header.format)


_READERS = {
    "JXL": jxl_and_jp2.read_jxl,
    "JPEG2000": jxl_and_jp2.read_jp2,
    "NPY": arrays.read_npy,
}
"""What decodes a format that is not left to Pillow."""


def _pixels(data: bytes, header: Header, *, beyond: bool) -> StoredPixels:
    try:
        if header.format == "TIFF":
            return tiff.read(data, header, beyond=beyond)
        return _READERS.get(header.format, pillow_decoding.read)(data, header)
    except UnidentifiedImageError:
        raise BrokenPictureError(f"the header of the {_name(header)} cannot be read") from None


def _coloured(found: FileMetadata, block: tags.Block) -> FileMetadata:
    """Add the profile of Adobe RGB where only EXIF tells the colours."""
    told = found.icc or found.cicp or found.gamma or found.corners
    return (
        replace(found, icc=profiles.adobe_rgb()) if not told and exif.is_adobe_rgb(block) else found
    )


def _with_metadata(
    picture: Picture, found: FileMetadata, block: tags.Block, metadata: Metadata
) -> Picture:
    """Add what goes along with a picture, and say what does not."""
    height, width = picture.rgb.shape[:2]
    kept = exif.filtered(block, metadata, (width, height))
    try:
        packet, no_xmp = xmp.kept_xmp(found.xmp, found.more_xmp, metadata)
    except ValueError:
        packet, no_xmp = b"", (xmp.NOTICE,)
    notices = dict.fromkeys(picture.notices + found.notices + no_xmp)
    if xmp.GAIN_MAP in notices:
        notices.pop(SEVERAL, None)  # the other picture is the gain map
    strip = metadata == "strip"
    return replace(
        picture,
        exif=tags.written(kept) if kept.tags else b"",
        xmp=packet,
        iptc=iptc.filtered(found.iptc, metadata),
        texts=() if strip else texts.filtered(found.texts, metadata),
        density=None if strip else found.density,
        notices=tuple(notices),
    )


def _inspected(data: bytes) -> Header:
    header = inspect(data)
    pillow_decoding.check_codec(header)
    return header


def _upright(array: NDArray[_Number], orientation: int) -> NDArray[_Number]:
    """Apply EXIF ``orientation`` (1 to 8) to an array of shape (H, W, ...)."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)
