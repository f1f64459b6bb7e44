"""Hostile BMPs: runs of equal pixels, which Pillow decodes one by one."""

import struct

from tools.hostile_files.parts import MIB, Make

PALETTE = b"".join(bytes([255 - level, level, level // 2, 0]) for level in range(256))


def runs(width: int, height: int, body: bytes) -> bytes:
    """A BMP of 8 bits with a palette, whose pixels are told as runs."""
    begin = 54 + len(PALETTE)
    head = struct.pack("<2sIHHI", b"BM", begin + len(body), 0, 0, begin)
    head += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return head + PALETTE + body


REFUSED: dict[str, Make] = {
    "BMP, runs that end too soon": lambda s: runs(2000, 2000, b"\1\5" * int(MIB * s)),
}
READ: dict[str, Make] = {
    "BMP, runs of one pixel": lambda s: runs(
        2000, int(2000 * s), (b"\1\5" * 2000 + b"\0\0") * int(2000 * s) + b"\0\1"
    ),
    "BMP, rows that end at once": lambda s: runs(
        2000, int(2000 * s), b"\1\5\0\0" * int(2000 * s) + b"\0\1"
    ),
}
