"""Hostile AVIF and HEIC files."""

import functools
import io
import struct

import pillow_heif
from PIL import Image

from tools.hostile_files.parts import Make
from tools.picture_files import file_of, frames


@functools.cache
def _avif(side: int) -> bytes:
    return file_of(Image.new("L", (side, side)), "AVIF", speed=10, quality=1)


def declared(data: bytes, size: int) -> bytes:
    """A file that declares a picture of another size than its coded one."""
    place = data.index(b"ispe") + 8
    return data[:place] + struct.pack(">II", size, size) + data[place + 8 :]


def _heic(side: int) -> bytes:
    body = io.BytesIO()
    pillow_heif.from_pillow(Image.new("L", (side, side))).save(body, quality=1)
    return body.getvalue()


def _sequence(images: list[Image.Image]) -> bytes:
    """An AVIF of several pictures, made at no time."""
    options = {"speed": 10, "quality": 1, "save_all": True, "append_images": images[1:]}
    data = file_of(images[0], "AVIF", **options)
    place = data.index(b"mvhd") + 8
    return data.replace(data[place : place + 8], bytes(8))


def _lying_sequence(side: int) -> bytes:
    """An AVIF of several pictures whose tracks declare 64x64."""
    data = bytearray(_sequence([Image.new("L", (side, side))] * 2))
    place = data.index(b"tkhd") - 4
    end = place + struct.unpack_from(">I", data, place)[0]
    data[end - 8 : end] = struct.pack(">II", 64 << 16, 64 << 16)
    return bytes(data)


def _extents(scale: float) -> bytes:
    """An AVIF whose picture is said to be the whole file, again and again."""
    count, filler = 3000, bytes(int(2**22 * scale))
    data = _avif(64)
    place = data.index(b"iloc") - 4
    size = struct.unpack_from(">I", data, place)[0]
    entry = struct.pack(">HHHH", 1, 1, 0, count)
    body = bytes(4) + b"\x44\0" + entry[:2] + struct.pack(">HH", 1, 0)
    body += struct.pack(">H", count) + struct.pack(">II", 0, len(data) + len(filler)) * count
    iloc = struct.pack(">I4s", 8 + len(body), b"iloc") + body
    start = data.index(b"meta") - 4
    grown = struct.unpack_from(">I", data, start)[0] + len(iloc) - size
    changed = data[:start] + struct.pack(">I", grown) + data[start + 4 : place] + iloc
    return changed + data[place + size :] + filler


REFUSED: dict[str, Make] = {
    "AVIF, 64x64 over 2048x2048": lambda s: declared(_avif(int(2048 * s)), 64),
    "AVIF of several, 64x64 over 1024x1024": lambda s: _lying_sequence(int(1024 * s)),
    "AVIF, the same bytes 3,000 times": _extents,
    "HEIC, 64x64 over 1024x1024": lambda s: declared(_heic(int(1024 * s)), 64),
}
READ: dict[str, Make] = {
    "AVIF of 300 pictures": lambda s: _sequence(frames() * int(100 * s)),
}
