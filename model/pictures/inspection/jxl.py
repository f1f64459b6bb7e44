"""JPEG XL: the boxes of its container, the header of its codestream (ISO/IEC 18181-1, annex D)."""

from collections.abc import Iterator
from dataclasses import dataclass

from model.pictures.errors import BrokenPictureError, UnsupportedPictureError
from model.pictures.inspection.boxes import Box, boxes
from model.pictures.picture import Header

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_SIZES = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_COORDINATE = ((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152))
_HEAD_BYTES = 2**12
"""Bytes of the codestream that are looked at; the header is at its begin."""
_MAX_EXTRA = 4
_MAX_BITS, _FLOAT_BITS = 16, 32
_FLOAT = 24
"""Bytes per pixel that floats take beside what whole numbers take."""
_GREY, _XYB = 1, 2
_CUSTOM = 2
_ALPHA, _SPOT, _CFA = 0, 2, 5
_PRIMARIES = {1: 1, 9: 9, 11: 12}
"""ITU-T H.273's numbers of the primaries, by those of the format."""


@dataclass(frozen=True)
class Codestream:
    """What the header of a codestream tells.

    Attributes:
        width: Columns, before any turn.
        height: Rows.
        orientation: How the picture lies, 1 to 8.
        grey: Whether there is one channel of colour.
        alpha: Whether there is transparency.
        bits: Bits of a channel.
        floats: Whether values are floats.
        several: Whether it is an animation.
        profile: Whether the colours are told by an ICC profile, which only a decoder can read.
        absolute: Whether the colours are stored as such, so that a decoder may give any.
        cicp: Numbers of primaries and of the transfer function; None: it tells other ones.
        gamma: Exponent that encoded the values, 0: a transfer function did.
    """

    width: int
    height: int
    orientation: int = 1
    grey: bool = False
    alpha: bool = False
    bits: int = 8
    floats: bool = False
    several: bool = False
    profile: bool = False
    absolute: bool = True
    cicp: tuple[int, int] | None = None
    gamma: float = 0.0


class _Bits:
    """Reads numbers from bytes, the lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._bits, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        """Read ``count`` bits."""
        if count > self._left:
            raise BrokenPictureError("the header of the JPEG XL is cut off")
        value = self._bits & ((1 << count) - 1)
        self._bits >>= count
        self._left -= count
        return value

    def one_of(self, choices: tuple[tuple[int, int], ...]) -> int:
        """Read two bits that choose how many follow, and what is added to them."""
        count, added = choices[self.take(2)]
        return self.take(count) + added


def inspect(data: bytes) -> Header:
    """Read size and kind.

    Raises:
        BrokenPictureError: If there is no codestream, or its header is cut off.
        UnsupportedPictureError: If it has more channels than colour and transparency.
    """
    found = codestream(data)
    if found.bits > (_FLOAT_BITS if found.floats else _MAX_BITS):
        raise UnsupportedPictureError(
            f"JPEG XL files of {found.bits} bits are not read",
            hint="Save it with 8 or 16 bits a channel.",
        )
    return Header(
        "JXL",
        found.width,
        found.height,
        samples=(1 if found.grey else 3) + found.alpha,
        bits=16 if found.bits > 8 else 8,
        depth=found.bits,
        lossless=not found.absolute and not any(box.kind == b"jbrd" for box in parts(data)),
        several=found.several,
        transparent=found.alpha,
        workspace=len(data) + _FLOAT * found.width * found.height * found.floats,
    )


def codestream(data: bytes) -> Codestream:
    """Read the header of a file's codestream; errors as of ``inspect``."""
    begin = _begin(data)
    if begin[:2] != CODESTREAM:
        raise BrokenPictureError("the JPEG XL holds no picture")
    bits = _Bits(begin[2:])
    width, height = _size(bits)
    return _metadata(bits, width, height)


def parts(data: bytes) -> Iterator[Box]:
    """Give the boxes of a container; none of a bare codestream."""
    if data.startswith(CONTAINER):
        yield from boxes(data, 0, len(data))


def _begin(data: bytes) -> bytes:
    """Return the first bytes of the codestream, which may lie in several boxes."""
    if data.startswith(CODESTREAM):
        return data[:_HEAD_BYTES]
    begin = b""
    for box in parts(data):
        if box.kind == b"jxlc":
            return data[box.start : min(box.end, box.start + _HEAD_BYTES)]
        if box.kind == b"jxlp" and len(begin) < _HEAD_BYTES:
            begin += data[box.start + 4 : min(box.end, box.start + 4 + _HEAD_BYTES)]
    return begin


def _size(bits: _Bits) -> tuple[int, int]:
    eighths = bits.take(1)
    height = 8 * (bits.take(5) + 1) if eighths else bits.one_of(_SIZES)
    ratio = bits.take(3)
    if ratio:
        over, under = _RATIOS[ratio]
        return height * over // under, height
    return (8 * (bits.take(5) + 1) if eighths else bits.one_of(_SIZES)), height


def _metadata(bits: _Bits, width: int, height: int) -> Codestream:
    if bits.take(1):
        return Codestream(width, height, cicp=(1, 13))
    orientation, several = 1, False
    if bits.take(1):
        orientation = 1 + bits.take(3)
        if bits.take(1):
            _size(bits)  # as which it is meant to be shown
        if bits.take(1):
            raise UnsupportedPictureError("JPEG XL files with a preview are not read")
        several = bool(bits.take(1))
        if several:
            _skip_animation(bits)
    floats, depth = _depth(bits)
    bits.take(1)  # buffers of 16 bits suffice
    extra = bits.one_of(((0, 0), (0, 1), (4, 2), (12, 1)))
    if extra > _MAX_EXTRA:
        raise UnsupportedPictureError(f"JPEG XL files of {extra} further channels are not read")
    kinds = [_extra_channel(bits) for _ in range(extra)]
    absolute = bool(bits.take(1))
    colours = _colours(bits)
    return Codestream(
        *(width, height, orientation, colours.grey, _ALPHA in kinds, depth, floats, several),
        *(colours.profile, absolute, colours.cicp, colours.gamma),
    )


def _skip_animation(bits: _Bits) -> None:
    bits.one_of(((0, 100), (0, 1000), (10, 1), (30, 1)))
    bits.one_of(((0, 1), (0, 1001), (8, 1), (10, 1)))
    bits.one_of(((0, 0), (3, 0), (16, 0), (32, 0)))
    bits.take(1)


def _depth(bits: _Bits) -> tuple[bool, int]:
    if bits.take(1):
        depth = bits.one_of(((0, 32), (0, 16), (0, 24), (6, 1)))
        bits.take(4)
        return True, depth
    return False, bits.one_of(((0, 8), (0, 10), (0, 12), (6, 1)))


def _extra_channel(bits: _Bits) -> int:
    """Read a further channel; return its kind."""
    if bits.take(1):
        return _ALPHA
    kind = bits.one_of(_ENUM)
    _depth(bits)
    bits.one_of(((0, 0), (0, 3), (0, 4), (3, 1)))  # how much smaller it is
    bits.take(8 * bits.one_of(((0, 0), (4, 0), (5, 16), (10, 48))))  # its name
    if kind == _ALPHA and bits.take(1):
        raise UnsupportedPictureError("JPEG XL files of premultiplied transparency are not read")
    if kind == _SPOT:
        bits.take(4 * 16)
    if kind == _CFA:
        bits.one_of(((0, 1), (2, 0), (4, 3), (8, 19)))
    return kind


@dataclass(frozen=True)
class _ColourInfo:
    grey: bool = False
    profile: bool = False
    cicp: tuple[int, int] | None = None
    gamma: float = 0.0


def _colours(bits: _Bits) -> _ColourInfo:
    """Read what the colours are."""
    if bits.take(1):
        return _ColourInfo(cicp=(1, 13))
    profile, space = bool(bits.take(1)), bits.one_of(_ENUM)
    grey = space == _GREY
    if profile or space == _XYB:
        return _ColourInfo(grey, profile)
    primaries = 1
    if bits.one_of(_ENUM) == _CUSTOM:  # white
        _skip_points(bits, 1)
        primaries = 0
    if not grey:
        stored = bits.one_of(_ENUM)
        primaries = _PRIMARIES.get(stored, 0) if primaries else 0
        if stored == _CUSTOM:
            _skip_points(bits, 3)
    if bits.take(1):
        return _ColourInfo(grey, gamma=bits.take(24) / 1e7)
    transfer = bits.one_of(_ENUM)
    return _ColourInfo(grey, cicp=(primaries, transfer) if primaries else None)


def _skip_points(bits: _Bits, count: int) -> None:
    for _ in range(2 * count):
        bits.one_of(_COORDINATE)
