"""Hostile PNGs."""

import struct
import zlib

from tools.hostile_files.parts import MIB, Make, bomb, chunk, shared_exif

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def png(width: int, height: int, inner: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    """A PNG of zeros, with further chunks before its pixels."""
    line = bytes(1 + -(-width * depth * _SAMPLES[colour] // 8))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + inner
        + chunk(b"IDAT", zlib.compress(line * height, 9))
        + chunk(b"IEND", b"")
    )


def _many(part: bytes, total: float) -> bytes:
    return part * max(1, int(total) // len(part))


def _text(value: bytes = b"\0") -> bytes:
    return chunk(b"iTXt", b"x\0\1\0\0\0" + bomb(value=value))


REFUSED: dict[str, Make] = {
    "PNG of 1,000,000 x 1": lambda _: png(1_000_000, 1),
    "PNG of 2,000,000 x 1": lambda _: png(2_000_000, 1),
    "PNG, profiles that swell": lambda s: png(
        64, 64, _many(chunk(b"iCCP", b"x\0\0" + bomb()), 2 * MIB * s)
    ),
    "PNG, texts that swell": lambda s: png(64, 64, _many(_text(), 4 * MIB * s)),
    "PNG, 16 bits, texts of no UTF-8": lambda s: png(
        64, 64, _many(_text(b"\xff"), 4 * MIB * s), depth=16
    ),
    "PNG, empty chunks": lambda s: png(64, 64, chunk(b"abCd", b"") * int(4_000_000 * s)),
    "PNG, empty pixels": lambda s: png(64, 64, chunk(b"IDAT", b"") * int(4_000_000 * s)),
}
READ: dict[str, Make] = {
    "PNG of 65,535 x 1": lambda _: png(65_535, 1),
    "PNG of 1 x 65,535": lambda _: png(1, 65_535),
    "PNG, 500 profiles that swell": lambda s: png(
        64, 64, chunk(b"iCCP", b"x\0\0" + bomb()) * int(500 * s)
    ),
    "PNG, EXIF of shared data": lambda _: png(64, 64, chunk(b"eXIf", shared_exif())),
    "PNG, EXIF as text that swells": lambda _: png(
        64, 64, chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb(2**26, b"0"))
    ),
}
