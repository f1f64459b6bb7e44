"""What several kinds of hostile files have."""

import struct
import zlib
from collections.abc import Callable

Make = Callable[[float], bytes]
"""Makes a file of the size that hurt (1) or of a part of it."""
MIB = 2**20


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(size: int = 2**22 - 1, value: bytes = b"\0") -> bytes:
    """Deflated bytes of one value."""
    return zlib.compress(value * size, 9)


def shared_exif(tags: int = 5000, size: int = 60_000) -> bytes:
    """An EXIF block whose tags all have the same large value."""
    entries = b"".join(struct.pack("<HHII", 40_000 + i, 7, size, 26) for i in range(tags))
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", tags) + entries + bytes(4)
    return head.ljust(size + 26, b"\0")
