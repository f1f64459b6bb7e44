"""Hostile JPEGs."""

import functools
import struct

import numpy as np

from tools.hostile_files.parts import MIB, Make, shared_exif
from tools.picture_files import file_of, waves


@functools.cache
def _jpeg() -> bytes:
    return file_of(waves(), "JPEG")


def segment(marker: int, data: bytes) -> bytes:
    """A segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def segments(part: bytes, total: float) -> bytes:
    """A JPEG with something again and again behind its first segment."""
    return _jpeg()[:20] + part * max(1, int(total) // len(part)) + _jpeg()[20:]


def scans(count: int, side: int = 512) -> bytes:
    """A progressive JPEG whose last scan comes again and again, empty."""
    whole = file_of(waves(side, side), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    length = int.from_bytes(whole[last + 2 : last + 4])
    return whole[:-2] + whole[last : last + 2 + length] * count + b"\xff\xd9"


def resized(data: bytes, width: int, height: int, frame: bytes = b"\xff\xc0") -> bytes:
    """A JPEG that says it is of another size than it is."""
    place = data.index(frame) + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def _frames() -> bytes:
    """A JPEG with two headers of a frame, of which the first is small."""
    data = _jpeg()
    place = data.index(b"\xff\xc0")
    frame = data[place : place + 19]
    return data[:place] + frame + resized(frame, 60_000, 60_000) + data[place + 19 :]


def _resources(scale: float) -> bytes:
    part = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5400)
    return segments(part, 480 * len(part) * scale)


def _profile_parts(scale: float) -> bytes:
    parts = b"".join(
        segment(0xE2, b"ICC_PROFILE\0" + bytes([index, 255]) + bytes(65_000))
        for index in range(1, int(254 * scale) + 2)
    )
    return segments(parts, len(parts))


REFUSED: dict[str, Make] = {
    "JPEG, Exif in 20 bytes": lambda s: segments(
        segment(0xE1, b"Exif\0\0" + bytes(10)), 16 * MIB * s
    ),
    "JPEG, fill bytes": lambda s: segments(b"\xff", 60 * MIB * s),
    "JPEG, junk": lambda s: segments(b"\0", 60 * MIB * s),
    "JPEG, escaped bytes": lambda s: segments(b"\xff\0", 60 * MIB * s),
    "JPEG, restarts": lambda s: segments(b"\xff\xd0", 32 * MIB * s),
    "JPEG, empty APP5": lambda s: segments(segment(0xE5, b""), 32 * MIB * s),
    "JPEG of 30,000 scans": lambda s: scans(int(30_000 * s)),
    "JPEG, two frames": lambda _: _frames(),
    "JPEG, 100 megapixels said, none there": lambda _: resized(_jpeg()[:-2], 10_000, 10_000),
}
READ: dict[str, Make] = {
    "JPEG, EXIF of shared data": lambda _: segments(segment(0xE1, b"Exif\0\0" + shared_exif()), 1),
    "JPEG, 500 segments of EXIF": lambda s: segments(
        segment(0xE1, b"Exif\0\0" + bytes(65_000)), 500 * 65_000 * s
    ),
    "JPEG, Photoshop's resources": _resources,
    "JPEG, a profile of 255 parts": _profile_parts,
    "JPEG, escaped bytes in the scan": lambda s: (
        _jpeg()[:-2] + b"\xff\0" * int(30 * MIB * s) + b"\xff\xd9"
    ),
    "JPEG of 90 scans": lambda _: scans(80, 1024),
    "JPEG of black, 4 megapixels": lambda _: file_of(np.zeros((2000, 2000, 3), np.uint8), "JPEG"),
}
