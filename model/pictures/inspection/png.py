"""PNG: its chunks, of which a decoder gets those of the pixels alone."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from model.pictures import limits
from model.pictures.errors import BrokenPictureError, OversizedPictureError
from model.pictures.picture import Header

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_DATA = (b"IDAT", b"fdAT", b"fcTL")
_PALETTE = 3
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


class Chunk(NamedTuple):
    """A chunk: its kind, and where its data lie in the file."""

    kind: bytes
    start: int
    end: int


def inspect(data: bytes) -> Header:
    """Read the size, and check that there are no more chunks than allowed.

    Raises:
        BrokenPictureError: If the first chunk is no header.
        OversizedPictureError: If there are too many chunks.
    """
    if data[8:16] != b"\0\0\0\rIHDR" or len(data) < 33:
        raise BrokenPictureError("the PNG does not begin with its header")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if depth not in _DEPTHS.get(colour, ()):
        raise BrokenPictureError(f"no PNG has {depth} bits of colour type {colour}")
    clear = frames = 0
    for chunk in chunks(data):
        clear += chunk.kind == b"tRNS"
        if chunk.kind == b"acTL" and chunk.end - chunk.start >= 8:
            frames = int.from_bytes(data[chunk.start : chunk.start + 4])
    samples = (3 if colour == _PALETTE else _CHANNELS[colour]) + bool(clear)
    return Header(
        "PNG",
        width,
        height,
        samples=samples,
        bits=max(8, depth),
        several=frames > 1,
        workspace=len(data),
    )


def chunks(data: bytes) -> Iterator[Chunk]:
    """Give the chunks up to the end or to where the file is cut off.

    Raises:
        OversizedPictureError: If there are too many.
    """
    at, pixels, others = len(SIGNATURE), 0, 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        pixels, others = pixels + (kind in _DATA), others + (kind not in _DATA)
        if pixels > limits.MAX_DATA_CHUNKS or others > limits.MAX_SEGMENTS:
            raise OversizedPictureError(
                f"the PNG has more than {limits.MAX_SEGMENTS} chunks beside its pixels, "
                f"or more than {limits.MAX_DATA_CHUNKS} of pixels",
                hint="Save the picture again without its text chunks.",
            )
        yield Chunk(kind, at + 8, at + 8 + size)
        if kind == b"IEND":
            return
        at += 12 + size


def without_metadata(data: bytes) -> bytes:
    """Return the file with the chunks of its first picture and no others."""
    parts: list[bytes | memoryview] = [data[: len(SIGNATURE)]]
    begun, seen = False, set()
    for kind, start, end in chunks(data):
        if kind == b"IDAT":
            begun = True
        elif begun:
            break
        elif kind not in (b"IHDR", b"PLTE", b"tRNS") or kind in seen:
            continue
        seen.add(kind)
        parts.append(memoryview(data)[start - 8 : end + 4])
    return b"".join((*parts, _END))


def clear(data: bytes) -> tuple[int, ...]:
    """Return the sample of grey, or the three of a colour, that stand for *clear*; empty: none."""
    depth, colour = data[24], data[25]
    for kind, start, end in chunks(data):
        if kind == b"tRNS" and end - start >= 2 * _CHANNELS[colour] and colour in (0, 2):
            samples = struct.unpack_from(f">{_CHANNELS[colour]}H", data, start)
            return tuple(sample & (2**depth - 1) for sample in samples)
        if kind == b"IDAT":
            break
    return ()
