"""Hostile ICC profiles, each in a PNG."""

import struct

import numpy as np
from numpy.typing import ArrayLike

from tools.hostile_files.parts import Make
from tools.picture_files import file_of, waves

_WHITE = (0.9642, 1.0, 0.8249)
_PRIMARIES = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65_536)) for v in values)


def profile(tags: list[tuple[bytes, bytes]]) -> bytes:
    """A profile of a display with the given tags."""
    at, body, table = 132 + 12 * len(tags), b"", b""
    places: dict[bytes, int] = {}
    for name, data in tags:
        if data not in places:
            places[data] = at + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", places[data], len(data))
    head = struct.pack(">I4sI", at + len(body), b"test", 0x04400000) + b"mntrRGB XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + _xyz(*_WHITE)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def curves(values: ArrayLike) -> bytes:
    """A profile of sRGB's colours with given curves."""
    table = np.asarray(values, ">u2")
    curve = b"curv\0\0\0\0" + struct.pack(">I", table.size) + table.tobytes()
    colours = [
        (name, _xyz(*xyz))
        for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _PRIMARIES, strict=True)
    ]
    return profile(
        [(b"wtpt", _xyz(*_WHITE)), *colours, *((c + b"TRC", curve) for c in (b"r", b"g", b"b"))]
    )


def steps(count: int) -> bytes:
    """A profile whose pipeline of floats has many steps, all of which lie at one place."""
    matrix = b"matf\0\0\0\0" + struct.pack(">HH", 3, 3) + np.eye(3, dtype=">f4").tobytes()
    matrix += np.full(3, 1e-6, ">f4").tobytes()
    head = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, count)
    place = struct.pack(">II", len(head) + 8 * count, len(matrix))
    pipeline = head + place * count + matrix
    names = (b"D2B0", b"D2B1", b"B2D0", b"B2D1")
    return profile([(b"wtpt", _xyz(*_WHITE)), *((name, pipeline) for name in names)])


def _picture(icc: bytes) -> bytes:
    return file_of(waves(), icc_profile=icc)


REFUSED: dict[str, Make] = {}
READ: dict[str, Make] = {
    "ICC, curves of 32,767 values": lambda s: _picture(
        curves(np.r_[0, np.full(int(32_766 * s), 65_535)])
    ),
    "ICC, a pipeline of 10,000 steps": lambda s: _picture(steps(int(10_000 * s))),
    "ICC, a pipeline of 400,000 steps": lambda s: _picture(steps(int(400_000 * s))),
}
