"""Hostile JPEG XL and JPEG 2000 files."""

import functools
import struct

import imagecodecs
import numpy as np

from tools.hostile_files.parts import MIB, Make
from tools.picture_files import file_of, waves


@functools.cache
def _jxl() -> bytes:
    return bytes(imagecodecs.jpegxl_encode(waves(), level=90, usecontainer=True))


@functools.cache
def _jp2(side: int = 64) -> bytes:
    return file_of(waves(side, side), "JPEG2000")


def box(kind: bytes, data: bytes) -> bytes:
    """A box of either container."""
    return struct.pack(">I4s", len(data) + 8, kind) + data


def sized(data: bytes, **changed: int) -> bytes:
    """A JPEG 2000 whose codestream declares other sizes than it has."""
    at = data.index(b"\xff\x4f\xff\x51") + 8
    names = ("right", "bottom", "left", "top", "tile_width", "tile_height")
    values = dict(zip(names, struct.unpack_from(">6I", data, at), strict=True)) | changed
    return data[:at] + struct.pack(">6I", *values.values()) + data[at + 24 :]


def _many_boxes(data: bytes, total: float) -> bytes:
    return data[:32] + box(b"free", b"") * (int(total) // 8) + data[32:]


def _black(side: int) -> bytes:
    return file_of(np.zeros((side, side, 3), np.uint8), "JPEG2000")


REFUSED: dict[str, Make] = {
    "JPEG XL, empty boxes": lambda s: _many_boxes(_jxl(), 16 * MIB * s),
    "JPEG XL, parts of nothing": lambda s: (
        _jxl()[:32] + box(b"jxlp", bytes(4)) * (int(MIB * s) // 12)
    ),
    "JPEG XL, 1 gigapixel said, none there": lambda _: b"\xff\x0a" + b"\xff" * 12 + bytes(200),
    "JPEG 2000, empty boxes": lambda s: _many_boxes(_jp2(), 16 * MIB * s),
    "JPEG 2000, a tile per pixel": lambda _: sized(_jp2(), tile_width=1, tile_height=1, right=5000),
    "JPEG 2000, a tile beyond the picture": lambda _: sized(
        _jp2(), tile_width=2**31 - 1, tile_height=2**31 - 1, right=20_000, bottom=20_000
    ),
}
READ: dict[str, Make] = {
    "JPEG XL of black, 2 megapixels": lambda s: bytes(
        imagecodecs.jpegxl_encode(np.zeros((int(2000 * s) + 1, 1000, 3), np.uint8), level=90)
    ),
    "JPEG 2000 of black, 1 megapixel": lambda s: _black(int(1000 * s) + 1),
    "JPEG 2000 in tiles of 16": lambda s: file_of(
        waves(int(960 * s) + 16, 512), "JPEG2000", tile_size=(16, 16)
    ),
}
