"""WebP: the chunks of its RIFF container."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from model.pictures import limits
from model.pictures.errors import BrokenPictureError, OversizedPictureError
from model.pictures.picture import Header

_ALPHA_FLAG = 0x10
_PICTURES = (b"VP8 ", b"VP8L")


class Chunk(NamedTuple):
    """A chunk: its kind, and where its data lie in the file."""

    kind: bytes
    start: int
    end: int


def inspect(data: bytes) -> Header:
    """Read the canvas' size, and check that there are no more chunks than allowed.

    Raises:
        BrokenPictureError: If there is no picture, or it is larger than the canvas.
        OversizedPictureError: If there are too many chunks.
    """
    canvas: tuple[int, int] | None = None
    alpha, first, frames = False, b"", 0
    for chunk in chunks(data):
        if chunk.kind == b"VP8X" and canvas is None and chunk.end - chunk.start >= 10:
            canvas = (_int24(data, chunk.start + 4) + 1, _int24(data, chunk.start + 7) + 1)
            alpha = bool(data[chunk.start] & _ALPHA_FLAG)
        elif chunk.kind == b"ANMF":
            frames += 1
            first = first or _picture_in(data, chunk.start + 16, chunk.end)
        elif chunk.kind in _PICTURES and not first:
            first = chunk.kind
            size, clear = _size(data, chunk)
            canvas, alpha = canvas or size, alpha or clear
            if size != canvas:
                raise BrokenPictureError("the WebP's picture is not of its canvas' size")
    if canvas is None:
        raise BrokenPictureError("the WebP holds no picture")
    return Header("WEBP", *canvas, samples=3 + alpha, lossless=first == b"VP8L", several=frames > 1)


def chunks(data: bytes, at: int = 12, end: int | None = None) -> Iterator[Chunk]:
    """Give the chunks up to the end or to where the file is cut off.

    Raises:
        OversizedPictureError: If there are too many.
    """
    frames, others, end = 0, 0, len(data) if end is None else end
    while at + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, at)
        frames, others = frames + (kind == b"ANMF"), others + (kind != b"ANMF")
        if frames > limits.MAX_DATA_CHUNKS or others > limits.MAX_SEGMENTS:
            raise OversizedPictureError(
                f"the WebP has more than {limits.MAX_SEGMENTS} chunks, "
                f"or more than {limits.MAX_DATA_CHUNKS} frames",
                hint="Save the picture again without its metadata.",
            )
        yield Chunk(kind, at + 8, min(end, at + 8 + size))
        at += 8 + size + size % 2


def _picture_in(data: bytes, start: int, end: int) -> bytes:
    """Return the kind of the picture in a frame."""
    return next((chunk.kind for chunk in chunks(data, start, end) if chunk.kind in _PICTURES), b"")


def _size(data: bytes, chunk: Chunk) -> tuple[tuple[int, int], bool]:
    """Return a picture's width and height, and whether it has an alpha channel."""
    begin = data[chunk.start : min(chunk.end, chunk.start + 10)]
    if chunk.kind == b"VP8L" and len(begin) >= 5 and begin[0] == 0x2F:
        bits = int.from_bytes(begin[1:5], "little")
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), bool(bits >> 28 & 1)
    if chunk.kind == b"VP8 " and begin[3:6] == b"\x9d\x01\x2a" and len(begin) == 10:
        width, height = struct.unpack_from("<HH", begin, 6)
        return (width & 0x3FFF, height & 0x3FFF), False
    raise BrokenPictureError("the WebP's picture has no header")


def _int24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")
