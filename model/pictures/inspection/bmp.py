"""BMP: its header."""

import struct

from model.pictures.errors import BrokenPictureError, UnsupportedPictureError
from model.pictures.picture import Header

_OLD = 12
_HEADERS = (40, 52, 56, 64, 108, 124)
_BITS = (1, 4, 8, 16, 24, 32)
RUNS = (1, 2)
"""Kinds of compression by runs of equal pixels, of 8 and of 4 bits."""
_COMPRESSIONS = (0, *RUNS, 3)
_MAX_COLOURS = 256


def inspect(data: bytes) -> Header:
    """Read the size, and check that the file is of a kind that is read.

    Raises:
        BrokenPictureError: If the header is cut off, or says what cannot be.
        UnsupportedPictureError: If the pixels are of a kind that isn't read.
    """
    size = int.from_bytes(data[14:18], "little")
    if len(data) < 14 + max(size, _OLD) or size not in (_OLD, *_HEADERS):
        raise BrokenPictureError("the BMP has no header of a known size")
    if size == _OLD:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return _header(width, height, bits, 0)
    width, height, _, bits = struct.unpack_from("<IiHH", data, 18)
    if bits <= 8 and int.from_bytes(data[46:50], "little") > _MAX_COLOURS:
        raise BrokenPictureError(f"a palette of the BMP has at most {_MAX_COLOURS} colours")
    return _header(width, abs(height), bits, int.from_bytes(data[30:34], "little"))


def compression(data: bytes) -> int:
    """Return the kind of compression of a file that was inspected."""
    return 0 if data[14] == _OLD else int.from_bytes(data[30:34], "little")


def fourth_bytes(data: bytes) -> int | None:
    """Return where the pixels of 4 bytes begin, if no header says what the fourth byte is."""
    if data[14] == _OLD or compression(data) or int.from_bytes(data[28:30], "little") != 32:
        return None
    return int.from_bytes(data[10:14], "little")


def is_top_down(data: bytes) -> bool:
    """Whether the first row is the uppermost one."""
    return int.from_bytes(data[22:26], "little", signed=True) < 0


def _header(width: int, height: int, bits: int, compression: int) -> Header:
    if bits not in _BITS or compression not in _COMPRESSIONS:
        raise UnsupportedPictureError(
            f"BMPs of {bits} bits and compression {compression} are not read",
            hint="Save it without compression, or as PNG.",
        )
    return Header("BMP", width, height, samples=4 if bits == 32 else 3)
