"""Reads the width and height from the AV1 or HEVC headers inside an AVIF or HEIC file."""

from collections.abc import Iterator

from model.pictures import limits
from model.pictures.errors import BrokenPictureError, OversizedPictureError

_SEQUENCE_HEADER = 1
_SPS = 33
_HEAD_BYTES = 256
"""Bytes of a header that are looked at: its sizes stand at its begin."""


class Bits:
    """Reads bits from bytes, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """Read ``count`` bits as a number."""
        value = 0
        for _ in range(count):
            byte, bit = divmod(self._at, 8)
            if byte >= len(self._data):
                raise BrokenPictureError("a header of the coded picture is cut off")
            value = value << 1 | (self._data[byte] >> (7 - bit) & 1)
            self._at += 1
        return value

    def golomb(self) -> int:
        """Read a number of the code of Exp-Golomb."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise BrokenPictureError("a header of the coded picture is damaged")
        return (1 << zeros) - 1 + self.take(zeros)


def av1_sizes(coded: bytes) -> Iterator[tuple[int, int]]:
    """Give width and height of every sequence header in an AV1 picture."""
    at = count = 0
    while at < len(coded):
        count = _bounded(count + 1)
        head = coded[at]
        at += 2 if head & 4 else 1
        size = len(coded) - at
        if head & 2:
            size, at = _leb128(coded, at)
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            yield _av1_size(Bits(coded[at : at + min(size, _HEAD_BYTES)]))
        at += size


def _av1_size(bits: Bits) -> tuple[int, int]:
    """Read a sequence header up to its sizes (AV1 specification, 5.5.1)."""
    bits.take(3 + 1)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_timing(bits)
    widths, heights = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(widths) + 1, bits.take(heights) + 1


def _skip_timing(bits: Bits) -> None:
    decoder_model, delay = False, 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.golomb()
        decoder_model = bool(bits.take(1))
        if decoder_model:
            delay = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):  # operating points
        bits.take(12)
        if bits.take(5) > 7:  # level
            bits.take(1)
        if decoder_model and bits.take(1):
            bits.take(2 * delay + 1)
        if display_delay and bits.take(1):
            bits.take(4)


def hevc_sizes(coded: bytes, length_size: int) -> Iterator[tuple[int, int]]:
    """Give width and height of every sequence parameter set in an HEVC picture.

    Args:
        coded: Units, each behind its length.
        length_size: Bytes of a length.
    """
    at = count = 0
    while at + length_size < len(coded):
        count = _bounded(count + 1)
        size = int.from_bytes(coded[at : at + length_size])
        at += length_size
        yield from hevc_unit(coded[at : at + min(size, _HEAD_BYTES)])
        at += size


def hevc_unit(unit: bytes) -> Iterator[tuple[int, int]]:
    """Give width and height of a unit, if it is a sequence parameter set (HEVC, 7.3.2.2)."""
    if not unit or unit[0] >> 1 & 63 != _SPS:
        return
    bits = Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 88 + 8)
    held = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in held:
        bits.take(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:  # three full planes
        bits.take(1)
    yield bits.golomb(), bits.golomb()


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Read a number in groups of 7 bits; return it and where it ends."""
    value = 0
    for index in range(8):
        if at + index >= len(data):
            break
        byte = data[at + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    raise BrokenPictureError("a header of the coded picture is cut off")


def _bounded(count: int) -> int:
    if count > limits.MAX_UNITS:
        raise OversizedPictureError(
            f"the coded picture has more than {limits.MAX_UNITS} parts",
            hint="Save the picture again.",
        )
    return count
