"""JPEG 2000: the boxes of its container and the head of its codestream (ISO/IEC 15444-1)."""

import struct
from collections.abc import Iterator

from model.pictures.errors import (
    BrokenPictureError,
    OversizedPictureError,
    UnsupportedPictureError,
)
from model.pictures.inspection.boxes import Box, boxes
from model.pictures.picture import Header

CODESTREAM = b"\xff\x4f\xff\x51"
CONTAINER = b"\0\0\0\x0cjP  \r\n\x87\n"
_HEAD = 38
"""Bytes of the sizes, behind the length of their segment."""
_MAX_CHANNELS = 4
_MAX_BITS = 16
_MAX_TILES = 65_535
_PALETTE = b"pclr"


def inspect(data: bytes) -> Header:
    """Read size, channels and tiles.

    Raises:
        BrokenPictureError: If there is no codestream, or its head is cut off.
        UnsupportedPictureError: If its channels are of a kind that isn't read.
        OversizedPictureError: If it has too many tiles.
    """
    start = _start(data)
    if data[start : start + 4] != CODESTREAM or start + 6 + _HEAD > len(data):
        raise BrokenPictureError("the JPEG 2000 holds no picture, or its head is cut off")
    size, _, right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, channels = (
        struct.unpack_from(">HH8IH", data, start + 4)
    )
    width, height = right - left, bottom - top
    if min(width, height, tile_width, tile_height) <= 0 or max(tile_left, tile_top) > right:
        raise BrokenPictureError("the sizes in the JPEG 2000 cannot be")
    if not 1 <= channels <= _MAX_CHANNELS or size < _HEAD + 3 * channels:
        raise UnsupportedPictureError(f"JPEG 2000 files of {channels} channels are not read")
    depths = _depths(data, start + 4 + _HEAD, channels)
    across, down = -(-(right - tile_left) // tile_width), -(-(bottom - tile_top) // tile_height)
    if across * down > _MAX_TILES:
        raise OversizedPictureError(
            f"the JPEG 2000 has {across * down} tiles, at most {_MAX_TILES} are read",
            hint="Save the picture again with larger tiles.",
        )
    palette = _in_header(data, _PALETTE) is not None
    return Header(
        "JPEG2000",
        width,
        height,
        samples=_MAX_CHANNELS if palette else channels,
        bits=16 if max(depths) > 8 else 8,
        depth=max(depths),
        workspace=len(data),
    )


def _depths(data: bytes, at: int, channels: int) -> list[int]:
    """Return the bits of each channel.

    Raises:
        UnsupportedPictureError: If they are signed, more than 16, or stored with fewer pixels.
    """
    depths = []
    for place in range(at, at + 3 * channels, 3):
        if place + 3 > len(data):
            raise BrokenPictureError("the head of the JPEG 2000 is cut off")
        stored, across, down = data[place], data[place + 1], data[place + 2]
        depth = (stored & 127) + 1
        if stored & 128 or depth > _MAX_BITS or not across or not down:
            raise UnsupportedPictureError(
                f"JPEG 2000 files of signed numbers or of {depth} bits are not read",
                hint="Save it with 8 or 16 bits a channel.",
            )
        if max(across, down) > 2 or (depth > 8 and max(across, down) > 1):
            raise UnsupportedPictureError("JPEG 2000 files of such small channels are not read")
        depths.append(depth)
    return depths


def in_header(data: bytes) -> Iterator[Box]:
    """Give the boxes that describe the picture; none of a bare codestream."""
    if data.startswith(CONTAINER):
        for box in boxes(data, 0, len(data)):
            if box.kind == b"jp2h":
                yield from boxes(data, box.start, box.end)


def outside(data: bytes) -> Iterator[Box]:
    """Give the outermost boxes; none of a bare codestream."""
    if data.startswith(CONTAINER):
        yield from boxes(data, 0, len(data))


def _in_header(data: bytes, kind: bytes) -> Box | None:
    return next((box for box in in_header(data) if box.kind == kind), None)


def _start(data: bytes) -> int:
    """Return where the codestream begins."""
    if data.startswith(CODESTREAM):
        return 0
    found = next((box for box in outside(data) if box.kind == b"jp2c"), None)
    if found is None:
        raise BrokenPictureError("the JPEG 2000 holds no picture")
    return found.start
