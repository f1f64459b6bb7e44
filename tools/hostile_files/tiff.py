"""Hostile TIFFs."""

import struct
import zlib

from tools.hostile_files.parts import Make

Entry = tuple[int, int, int, int]


def tiff(entries: list[Entry], after: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF: tags as (number, kind, count, value or place), then any bytes."""
    body = struct.pack("<H", len(entries))
    for number, kind, count, value in sorted(entries):
        body += struct.pack("<HHII", number, kind, count, value)
    return b"II*\0\x08\0\0\0" + body + struct.pack("<I", following) + after


def one_strip(
    sample_format: int, bits: int, samples: int, side: int, strip: bytes | None = None
) -> bytes:
    """A TIFF of one deflated strip; None: it lies nowhere."""
    count = 12 + (samples > 3)
    at = 8 + 2 + 12 * count + 4
    entries = [
        *((256, 4, 1, side), (257, 4, 1, side), (258, 3, samples, at)),
        *((259, 3, 1, 1 if strip is None else 8), (262, 3, 1, 2)),
        *((273, 4, 1, 0 if strip is None else at + 6 * samples), (277, 3, 1, samples)),
        *((278, 4, 1, side), (279, 4, 1, len(strip or b"")), (284, 3, 1, 1)),
        *((317, 3, 1, 1), (339, 3, samples, at + 2 * samples)),
    ]
    if samples > 3:
        entries.append((338, 3, samples - 3, at + 4 * samples))
    after = struct.pack(f"<{samples}H", *[bits] * samples)
    after += struct.pack(f"<{samples}H", *[sample_format] * samples) + bytes(2 * samples)
    return tiff(entries, after + (strip or b""))


def zeros(bits: int, samples: int, side: int) -> bytes:
    """A deflated strip of zeros."""
    return zlib.compress(bytes(side * side * samples * bits // 8), 9)


SMALL: list[Entry] = [
    *((256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
    *((273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)),
]
"""Tags of a picture of 8x8 grey pixels, which lie where the tags do."""


def pages(count: int) -> bytes:
    """A TIFF of one small page and many that follow it."""
    page = tiff(SMALL)[8:-4]
    size = len(page) + 4
    places = [8 + size * (index + 1) for index in range(count)] + [0]
    return b"II*\0\x08\0\0\0" + b"".join(page + struct.pack("<I", place) for place in places)


def _tags(count: int, kind: int = 3, values: int = 1) -> bytes:
    return tiff([*SMALL, *((50_000 + i % 9000, kind, values, 8) for i in range(count))])


def _overlapping(rows: int, scale: float) -> bytes:
    """A TIFF of one row a strip, all of which lie at the same long place."""
    size = int(2**20 * scale)
    at = 8 + 2 + 12 * 9 + 4
    entries = [
        *((256, 4, 1, 1000), (257, 4, 1, rows), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1)),
        *((273, 4, rows, at), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, rows, at + 4 * rows)),
    ]
    after = struct.pack("<I", at + 8 * rows) * rows + struct.pack("<I", size) * rows
    return tiff(entries, after + bytes(size))


def _tile(side: int) -> bytes:
    """A TIFF of 1x1 pixel of 16 bits in one large tile."""
    strip = zlib.compress(bytes(2 * side * side), 9)
    at = 8 + 2 + 12 * 10 + 4
    entries = [
        *((256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 16), (259, 3, 1, 8), (262, 3, 1, 1)),
        *((277, 3, 1, 1), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, at)),
        (325, 4, 1, len(strip)),
    ]
    return tiff(entries, strip)


REFUSED: dict[str, Make] = {
    "TIFF, sparse, complex128": lambda _: one_strip(6, 128, 8, 5000),
    "TIFF, sparse, float64": lambda _: one_strip(3, 64, 8, 5000),
    "TIFF, sparse, 16 bits": lambda _: one_strip(1, 16, 3, 5000),
    "TIFF, a strip of complex128": lambda s: one_strip(
        6, 128, 3, int(1500 * s), zeros(128, 3, int(1500 * s))
    ),
    "TIFF, a strip of 8 channels of float64": lambda s: one_strip(
        3, 64, 8, int(1500 * s), zeros(64, 8, int(1500 * s))
    ),
    "TIFF of 60,000 tags": lambda s: _tags(int(60_000 * s)),
    "TIFF, tags of shared data": lambda _: tiff(
        [*SMALL, *((50_000 + i, 7, 2**22, 8) for i in range(400))], bytes(2**22)
    ),
    "TIFF, strips that overlap": lambda s: _overlapping(20_000, s),
    "TIFF, a tile larger than the picture": lambda s: _tile(int(8192 * s)),
}
READ: dict[str, Make] = {
    "TIFF of 40,000 pages": lambda s: pages(int(40_000 * s)),
    "TIFF of 500 tags": lambda _: _tags(480),
}
