"""NumPy's file of one array: its header, read strictly; nothing of it is ever run or unpickled."""

import re

from model.pictures.errors import BrokenPictureError, UnsupportedPictureError
from model.pictures.picture import Header

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 4096
"""Most bytes of the header's text. The one of three whole numbers has about 100."""
_ENTRY = re.compile(
    rb"\s*['\"](descr|fortran_order|shape)['\"]\s*:\s*(['\"][^'\"]*['\"]|True|False|\([0-9, ]*\))"
    rb"\s*(?:,|(?=\}))"
)
_NUMBER = re.compile(rb"[0-9]{1,10}")
_TYPES = {
    b"|u1": "u1",
    b"<u1": "u1",
    b">u1": "u1",
    b"=u1": "u1",
    b"u1": "u1",
    b"<u2": "<u2",
    b">u2": ">u2",
}
_HINT = (
    "Send an array of uint8 or uint16 with the shape (rows, columns, 3), RGB: np.save(file, rgb)."
)


class Array:
    """Where the values of a file are, and how they are to be read.

    Attributes:
        start: Position of the first value.
        dtype: NumPy's name of their type, with its byte order.
        by_columns: Whether the first index runs fastest (Fortran order).
        height: Rows.
        width: Columns.
    """

    def __init__(self, data: bytes) -> None:
        self.start, entries = _entries(data)
        shape = [int(number) for number in _NUMBER.findall(entries[b"shape"])]
        name = entries[b"descr"].strip(b"'\"")
        if name not in _TYPES:
            raise UnsupportedPictureError("the NumPy array is not of uint8 or uint16", hint=_HINT)
        if len(shape) != 3 or shape[2] != 3:
            raise UnsupportedPictureError(
                "the NumPy array has not the shape (rows, columns, 3)", hint=_HINT
            )
        self.dtype, self.by_columns = _TYPES[name], entries[b"fortran_order"] == b"True"
        self.height, self.width = shape[:2]

    @property
    def value_bytes(self) -> int:
        """Bytes of one value."""
        return int(self.dtype[-1])


def inspect(data: bytes) -> Header:
    """Read the size, and check that the file has as many values as its header says.

    Raises:
        BrokenPictureError: If the header is no header of NumPy, or contradicts the file's size.
        UnsupportedPictureError: If the array is no picture.
    """
    array = Array(data)
    expected = array.height * array.width * 3 * array.value_bytes
    if len(data) - array.start != expected:
        raise BrokenPictureError(
            f"the NumPy array should have {expected} bytes of values, by its header, "
            f"and has {len(data) - array.start}",
            hint="Write the file with np.save, and send all of it.",
        )
    return Header("NPY", array.width, array.height, bits=8 * array.value_bytes)


def _entries(data: bytes) -> tuple[int, dict[bytes, bytes]]:
    """Return where the values begin, and the entries of the header."""
    size_bytes = {1: 2, 2: 4, 3: 4}.get(data[6] if len(data) > 6 else 0)
    if size_bytes is None:
        raise BrokenPictureError("the NumPy array has a version that is not known")
    begin = 8 + size_bytes
    length = int.from_bytes(data[8:begin], "little")
    text = data[begin : begin + length] if length <= MAX_HEADER_BYTES else b""
    if not text or len(text) < length:
        raise BrokenPictureError("the header of the NumPy array is cut off or too long")
    entries: dict[bytes, bytes] = {}
    at = 1
    while found := _ENTRY.match(text, at):
        entries.setdefault(found[1], found[2])
        at = found.end()
    if not text.startswith(b"{") or text[at:].strip() != b"}" or not _are_right(entries):
        raise BrokenPictureError("the header of the NumPy array cannot be read")
    return begin + length, entries


def _are_right(entries: dict[bytes, bytes]) -> bool:
    return (
        entries.get(b"fortran_order") in (b"True", b"False")
        and entries.get(b"shape", b"")[:1] == b"("
        and entries.get(b"descr", b"")[:1] in (b"'", b'"')
    )
