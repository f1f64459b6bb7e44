"""Bytes -> picture."""

from collections.abc import Callable

import numpy as np

from model.pictures import colour, raw, tiff
from model.pictures.cost import decode_bytes
from model.pictures.errors import BrokenPictureError, OversizedPictureError, PictureError
from model.pictures.inspection import inspect
from model.pictures.limits import MAX_DECODED_PIXEL_BYTES
from model.pictures.metadata import NO_EXIF, NO_XMP, kept_exif, kept_xmp, orientation_of
from model.pictures.picture import Header, Metadata, Picture, Pixels

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


def decode(data: bytes, *, metadata: Metadata = "keep") -> Picture:
    """Decode the first frame, upright, in sRGB for the model.

    Args:
        data: The file.
        metadata: What becomes of EXIF, XMP and ICC profile.

    Raises:
        UnsupportedPictureError: If it is no picture of a kind that is read.
        BrokenPictureError: If it is damaged or cut off.
        OversizedPictureError: If it holds more of something than ``model.pictures.limits`` allows.
        MemoryError: If there is no memory for it.
    """
    header = _inspected(data)
    try:
        found = tiff.read(data, header) if header.format == "TIFF" else raw.read(data, header)
        orientation = orientation_of(found.exif)
        colours = colour.for_model(
            _upright(found.values, orientation), found.space, found.icc, strip=metadata == "strip"
        )
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a decoder stumbling is the file's fault
        raise BrokenPictureError(f"the picture cannot be decoded: {error}") from None
    if not colours.rgb.size:
        raise BrokenPictureError("the picture has no pixels")
    height, width = colours.rgb.shape[:2]
    exif, no_exif = _kept(NO_EXIF, lambda: kept_exif(found.exif, metadata, (width, height)))
    xmp, no_xmp = _kept(NO_XMP, lambda: kept_xmp(found.xmp, metadata))
    return Picture(
        rgb=colours.rgb,
        alpha=None if found.alpha is None else _upright(found.alpha, orientation),
        grey=found.space == "gray",
        format=found.format,
        exif=exif,
        xmp=xmp,
        icc=colours.icc,
        own=colours.own,
        notices=found.notices + colours.notices + no_exif + no_xmp,
    )


def _inspected(data: bytes) -> Header:
    header = inspect(data)
    raw.check_codec(header)
    return header


def _kept(notice: str, write: Callable[[], bytes]) -> tuple[bytes, tuple[str, ...]]:
    """Return a block of metadata, or why there is none; it must not cost the picture."""
    try:
        return write(), ()
    except Exception:  # noqa: BLE001 - what Pillow raises of malformed tags is anything
        return b"", (notice,)


def _upright(array: Pixels, orientation: int) -> Pixels:
    """Apply EXIF ``orientation`` (1 to 8) to an array of shape (H, W, ...)."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)
