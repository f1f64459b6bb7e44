"""Files that are small to send and were dear to read, each with what reading it may cost now.

``python -m tests.attacks FOLDER`` writes them; ``python -m tests.bounded FILE...`` measures them.
"""

import functools
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.kinds import file_of, waves


@dataclass(frozen=True)
class Attack:
    """A hostile file.

    Attributes:
        make: Makes it of the size that hurt, or of a small one: ``make(scale)``, scale in (0, 1].
        refused: Whether reading it must end with an error.
        mebibytes: Most memory that reading it may take above what the process had.
        seconds: Longest time that header and pixels may take together.
    """

    make: Callable[[float], bytes]
    refused: bool = True
    mebibytes: int = 100
    seconds: float = 2.0


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, inner=b"", depth=8, colour=2, rows=None):
    """A PNG of zeros with further chunks before its pixels."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    line = bytes(1 + -(-width * depth * samples // 8))
    pixels = zlib.compress(line * height if rows is None else rows, 9)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + inner
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def tiff(entries, after=b""):
    """A little-endian TIFF: tags as (number, kind, count, value or place), then any bytes."""
    body = struct.pack("<H", len(entries))
    for number, kind, count, value in sorted(entries):
        body += struct.pack("<HHII", number, kind, count, value)
    return b"II*\0\x08\0\0\0" + body + bytes(4) + after


def sparse_tiff(sample_format, bits, samples=8, side=5000):
    """A TIFF whose only strip lies nowhere."""
    at = 8 + 2 + 12 * 12 + 4
    entries = [
        *((256, 4, 1, side), (257, 4, 1, side), (258, 3, samples, at), (259, 3, 1, 1)),
        *((262, 3, 1, 2), (273, 4, 1, 0), (277, 3, 1, samples), (278, 4, 1, side)),
        *((279, 4, 1, 0), (284, 3, 1, 1), (338, 3, samples - 3, at + 4 * samples)),
        (339, 3, samples, at + 2 * samples),
    ]
    after = struct.pack(f"<{samples}H", *[bits] * samples)
    after += struct.pack(f"<{samples}H", *[sample_format] * samples) + bytes(2 * samples)
    return tiff(entries, after)


def swelling_tiff(sample_format, bits, samples, side):
    """A TIFF of one deflated strip of zeros."""
    strip = zlib.compress(bytes(side * side * samples * bits // 8), 9)
    data = bytearray(sparse_tiff(sample_format, bits, samples, side))
    place = data.index(struct.pack("<HHII", 273, 4, 1, 0)) + 8
    data[place : place + 4] = struct.pack("<I", len(data))
    place = data.index(struct.pack("<HHII", 279, 4, 1, 0)) + 8
    data[place : place + 4] = struct.pack("<I", len(strip))
    place = data.index(struct.pack("<HHII", 259, 3, 1, 1)) + 8
    data[place : place + 4] = struct.pack("<I", 8)
    return bytes(data) + strip


def pages(count):
    """A TIFF of one small page and many that follow it."""
    picture = tiff(
        [
            *((256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
            *((273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)),
        ]
    )
    first, size = len(picture), 2 + 9 * 12 + 4
    chained = bytearray(picture[:-4] + struct.pack("<I", first))
    for index in range(count):
        following = first + size * (index + 1) if index + 1 < count else 0
        chained += picture[8 : 8 + size - 4] + struct.pack("<I", following)
    return bytes(chained)


@functools.cache
def _jpeg(**options):
    return file_of(waves(), "JPEG", **options)


def segments(segment, total):
    """A JPEG with a segment again and again behind its first."""
    return _jpeg()[:20] + segment * (total // len(segment)) + _jpeg()[20:]


def scans(count, side=512):
    """A progressive JPEG whose last scan comes again and again, empty."""
    whole = file_of(waves(side, side), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    length = int.from_bytes(whole[last + 2 : last + 4])
    return whole[:-2] + whole[last : last + 2 + length] * count + b"\xff\xd9"


def lying_avif(said=64, coded=2048):
    """An AVIF that declares less than its coded picture has."""
    data = bytearray(file_of(Image.new("L", (coded, coded)), "AVIF", speed=10, quality=1))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", said, said)
    return bytes(data)


def _bomb(size):
    return zlib.compress(bytes(size), 9)


def _text_bombs(total, size=2**22 - 1):
    text = chunk(b"iTXt", b"x\0\1\0\0\0" + _bomb(size))
    return text * max(1, total // len(text))


def _profile_bombs(total):
    profile = chunk(b"iCCP", b"x\0\0" + _bomb(2**22 - 1))
    return profile * max(1, total // len(profile))


def _bad_texts(count):
    return chunk(b"iTXt", b"x\0\1\0\0\0" + zlib.compress(b"\xff" * (2**22 - 1), 9)) * count


EXIF = b"\xff\xe1\0\x14Exif\0\0" + bytes(12)
MIB = 2**20

ATTACKS: dict[str, Attack] = {
    "PNG of 1,000,000 x 1": Attack(lambda _: png(1_000_000, 1)),
    "PNG of 2,000,000 x 1": Attack(lambda _: png(2_000_000, 1)),
    "PNG of 65,535 x 1": Attack(lambda _: png(65_535, 1), refused=False),
    "PNG of 1 x 65,535": Attack(lambda _: png(1, 65_535), refused=False),
    "TIFF, sparse, complex128": Attack(lambda _: sparse_tiff(6, 128)),
    "TIFF, sparse, float64": Attack(lambda _: sparse_tiff(3, 64)),
    "TIFF, sparse, 16 bits": Attack(lambda _: sparse_tiff(1, 16, 3)),
    "TIFF, a strip of 8 channels of float64": Attack(
        lambda s: swelling_tiff(3, 64, 8, int(2000 * s))
    ),
    "JPEG, Exif in 20 bytes": Attack(lambda s: segments(EXIF, int(16 * MIB * s))),
    "JPEG, fill bytes": Attack(lambda s: segments(b"\xff", int(60 * MIB * s))),
    "JPEG, junk": Attack(lambda s: segments(b"\0", int(60 * MIB * s))),
    "JPEG, escaped bytes": Attack(lambda s: segments(b"\xff\0", int(60 * MIB * s))),
    "JPEG, empty APP5": Attack(lambda s: segments(b"\xff\xe5\0\2", int(32 * MIB * s))),
    "JPEG, restarts": Attack(lambda s: segments(b"\xff\xd0", int(32 * MIB * s))),
    "PNG, profiles that swell": Attack(lambda s: png(64, 64, _profile_bombs(int(2 * MIB * s)))),
    "PNG, texts that swell": Attack(lambda s: png(64, 64, _text_bombs(int(2 * MIB * s)))),
    "PNG, 16 bits, texts of no UTF-8": Attack(
        lambda s: png(64, 64, _bad_texts(int(1000 * s)), depth=16)
    ),
    "PNG, empty chunks": Attack(lambda s: png(64, 64, chunk(b"abCd", b"") * int(4_000_000 * s))),
    "PNG, empty pixels": Attack(lambda s: png(64, 64, chunk(b"IDAT", b"") * int(4_000_000 * s))),
    "JPEG of 30,000 scans": Attack(lambda s: scans(int(30_000 * s))),
    "AVIF, 64x64 over 2048x2048": Attack(lambda s: lying_avif(coded=int(2048 * s))),
    "TIFF of 40,000 pages": Attack(lambda s: pages(int(40_000 * s)), refused=False),
}
"""By name."""


def main(folder: str) -> None:
    """Write every file into a folder."""
    for name, attack in ATTACKS.items():
        (Path(folder) / name).write_bytes(attack.make(1.0))


if __name__ == "__main__":
    main(sys.argv[1])
