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
_XMP = b"XML:com.adobe.xmp"
_RAW_EXIF = b"Raw profile type exif"


class Chunk(NamedTuple):
    """A chunk: its kind, and where its data lie in the file."""

    kind: bytes
    start: int
    end: int


class Beside(NamedTuple):
    """What lies beside the pixels; empty: nothing.

    Attributes:
        exif: EXIF block, from its byte order on.
        raw_exif: The same as ImageMagick writes it, hexadecimal text.
        xmp: XMP packet.
        icc: ICC profile.
        notices: What was left out.
    """

    exif: bytes = b""
    raw_exif: str = ""
    xmp: bytes = b""
    icc: bytes = b""
    notices: tuple[str, ...] = ()


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


def pixels_alone(data: bytes) -> bytes:
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


def beside(data: bytes) -> Beside:
    """Read the metadata: the first block of each kind, none longer than allowed."""
    found: dict[str, bytes | None] = {}
    notices: list[str] = []
    for kind, start, end in chunks(data):
        block = _block(kind, data[start : min(end, start + 100)])
        if block is None or block.name in found:
            continue
        sound = end + 4 <= len(data) and zlib.crc32(data[start - 4 : end]) == _uint(data, end)
        found[block.name] = _value(data[start + block.skipped : end], block) if sound else None
        if found[block.name] is None:
            notices.append(f"the {block.name} is damaged or too long: left out")
    return Beside(
        exif=found.get("EXIF") or b"",
        raw_exif=(found.get("EXIF as text") or b"").decode("latin-1"),
        xmp=found.get("XMP") or b"",
        icc=found.get("colour profile") or b"",
        notices=tuple(notices),
    )


class _Block(NamedTuple):
    name: str
    skipped: int
    deflated: bool
    limit: int


def _block(kind: bytes, begin: bytes) -> _Block | None:
    """Tell what a chunk holds, by its kind and its first bytes; None: nothing that is kept."""
    if kind == b"eXIf":
        return _Block("EXIF", 0, deflated=False, limit=limits.MAX_EXIF_BYTES)
    name, _, rest = begin.partition(b"\0")
    if kind == b"iCCP":
        return _Block("colour profile", len(name) + 2, True, limits.MAX_PROFILE_BYTES)
    if kind in (b"tEXt", b"zTXt") and name == _RAW_EXIF:
        packed = kind == b"zTXt"
        return _Block("EXIF as text", len(name) + 1 + packed, packed, 3 * limits.MAX_EXIF_BYTES)
    if kind == b"iTXt" and name == _XMP and len(rest) > 3:
        words = rest[2:].split(b"\0", 2)  # language, translated keyword, text
        if len(words) == 3:
            skipped = len(name) + 3 + len(words[0]) + len(words[1]) + 2
            return _Block("XMP", skipped, bool(rest[0]), limits.MAX_XMP_BYTES)
    return None


def _value(stored: bytes, block: _Block) -> bytes | None:
    """Return the bytes of a block; None if they are too many or damaged."""
    if not block.deflated:
        return stored if len(stored) <= block.limit else None
    inflater = zlib.decompressobj()
    try:
        value = inflater.decompress(stored, block.limit + 1)
    except zlib.error:
        return None
    return value if inflater.eof and len(value) <= block.limit else None


def _uint(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4])
