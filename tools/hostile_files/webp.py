"""Hostile WebPs."""

import struct

from tools.hostile_files.parts import Make, shared_exif
from tools.picture_files import file_of, waves


def _riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _extended(width: int, height: int, flags: int = 0) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)


def _picture() -> bytes:
    return file_of(waves(), "WEBP")[12:]


def _frames(count: int, side: int) -> bytes:
    frame = bytes(6) + (63).to_bytes(3, "little") + (47).to_bytes(3, "little") + bytes(4)
    body = _extended(side, side, 2) + _chunk(b"ANIM", bytes(6))
    return _riff(body + _chunk(b"ANMF", frame + _picture()) * count)


REFUSED: dict[str, Make] = {
    "WebP, 16383x16383 over 64x48": lambda _: _riff(_extended(16_383, 16_383) + _picture()),
    "WebP, empty chunks": lambda s: _riff(
        _extended(64, 48) + _chunk(b"abcd", b"") * int(4_000_000 * s) + _picture()
    ),
}
READ: dict[str, Make] = {
    "WebP of 20,000 frames": lambda s: _frames(int(20_000 * s), 64),
    "WebP, EXIF of shared data": lambda _: _riff(
        _extended(64, 48, 8) + _picture() + _chunk(b"EXIF", shared_exif())
    ),
}
