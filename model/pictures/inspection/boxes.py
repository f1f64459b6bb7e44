"""The boxes of AVIF and HEIC files: which items there are, and where their bytes lie."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from model.pictures import limits
from model.pictures.errors import BrokenPictureError, OversizedPictureError

_NAME_BYTES = 512
"""The name and the media type of an item are looked for in its first bytes, this many."""


class Box(NamedTuple):
    """A box: its kind, and where its content lies in the file."""

    kind: bytes
    start: int
    end: int


@dataclass
class Item:
    """An item of the file: a coded picture, one put together of others, or metadata.

    Attributes:
        kind: ``av01``, ``hvc1``, ``grid``, ``Exif`` and others.
        content: Media type of an item of the kind ``mime``.
        extents: First and last + 1 byte of each of its parts.
        properties: What describes it.
        parts: Items that it is put together of, in order.
        auxiliaries: Items that belong to it, transparency for example.
    """

    kind: bytes = b""
    content: bytes = b""
    extents: list[tuple[int, int]] = field(default_factory=list)
    properties: list[Box] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    auxiliaries: list[int] = field(default_factory=list)


class Cursor:
    """Reads big-endian numbers one after the other from a part of a file."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data, self.at, self._end = data, start, min(end, len(data))

    def uint(self, size: int) -> int:
        """Read ``size`` bytes as a number; 0 of none."""
        value = int.from_bytes(self.bytes(size))
        return value

    def bytes(self, size: int) -> bytes:
        """Read ``size`` bytes."""
        if self.at + size > self._end:
            raise BrokenPictureError("a box of the file is cut off")
        self.at += size
        return self._data[self.at - size : self.at]


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Give the boxes between two places of the file.

    Raises:
        OversizedPictureError: If there are too many.
    """
    at, count = start, 0
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if size == 1 and at + 16 <= end:
            size, begin = int.from_bytes(data[begin : begin + 8]), begin + 8
        size = size or end - at
        count = bounded(count + 1, "boxes")
        if at + size < begin:
            return
        yield Box(kind, begin, min(end, at + size))
        at += size


def bounded(count: int, of: str) -> int:
    """Return ``count`` if that many may be.

    Raises:
        OversizedPictureError: If not.
    """
    if count > limits.MAX_BOXES:
        raise OversizedPictureError(
            f"the file has more than {limits.MAX_BOXES} {of}",
            hint="Save the picture again, alone and without its metadata.",
        )
    return count


def find(data: bytes, box: Box | None, *path: bytes) -> Box | None:
    """Return the first box that a path of kinds leads to from ``box``."""
    for kind in path:
        if box is None:
            return None
        box = next((inner for inner in boxes(data, box.start, box.end) if inner.kind == kind), None)
    return box


def items(data: bytes, meta: Box) -> tuple[int, dict[int, Item]]:
    """Read which item is the picture, and all items by number.

    Args:
        data: The file.
        meta: Its box of metadata.
    """
    found: dict[int, Item] = {}
    inside = {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}
    primary = 0
    if b"pitm" in inside:
        cursor = Cursor(data, inside[b"pitm"].start, inside[b"pitm"].end)
        primary = cursor.uint(4 if cursor.uint(4) >> 24 else 2)
    if b"iinf" in inside:
        _kinds(data, inside[b"iinf"], found)
    if b"iloc" in inside:
        _places(data, inside[b"iloc"], inside.get(b"idat"), found)
    if b"iref" in inside:
        _references(data, inside[b"iref"], found)
    if b"iprp" in inside:
        _properties(data, inside[b"iprp"], found)
    return primary, found


def _kinds(data: bytes, iinf: Box, found: dict[int, Item]) -> None:
    version = data[iinf.start] if iinf.start < iinf.end else 0
    for box in boxes(data, iinf.start + (8 if version else 6), iinf.end):
        if box.kind != b"infe":
            continue
        cursor = Cursor(data, box.start, box.end)
        version = cursor.uint(4) >> 24
        number = cursor.uint(4 if version == 3 else 2)
        cursor.uint(2)  # protection
        if version >= 2:
            item = found.setdefault(number, Item())
            item.kind = cursor.bytes(4)
            if item.kind == b"mime":
                names = data[cursor.at : min(box.end, cursor.at + _NAME_BYTES)] + b"\0"
                item.content = names.split(b"\0", 2)[1]


def _places(data: bytes, iloc: Box, idat: Box | None, found: dict[int, Item]) -> None:
    cursor = Cursor(data, iloc.start, iloc.end)
    version, sizes = cursor.uint(4) >> 24, cursor.uint(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    extents = 0
    for _ in range(bounded(cursor.uint(4 if version == 2 else 2), "items")):
        item = found.setdefault(cursor.uint(4 if version == 2 else 2), Item())
        method = cursor.uint(2) & 15 if version else 0
        cursor.uint(2)  # in this file, as all that is read
        base = cursor.uint(base_size) + (idat.start if method == 1 and idat else 0)
        count = cursor.uint(2)
        extents = bounded(extents + count, "parts of items")
        for _ in range(count):
            cursor.uint(index_size)
            start = base + cursor.uint(offset_size)
            size = cursor.uint(length_size)
            item.extents.append((start, start + size if size else len(data)))


def _references(data: bytes, iref: Box, found: dict[int, Item]) -> None:
    size = 4 if data[iref.start] else 2
    total = 0
    for box in boxes(data, iref.start + 4, iref.end):
        cursor = Cursor(data, box.start, box.end)
        whose, count = cursor.uint(size), cursor.uint(2)
        total = bounded(total + count, "references")
        others = [cursor.uint(size) for _ in range(count)]
        if box.kind == b"dimg":
            found.setdefault(whose, Item()).parts += others
        elif box.kind == b"auxl":
            for other in others:
                found.setdefault(other, Item()).auxiliaries.append(whose)


def _properties(data: bytes, iprp: Box, found: dict[int, Item]) -> None:
    known: list[Box] = []
    for box in boxes(data, iprp.start, iprp.end):
        if box.kind == b"ipco":
            known += boxes(data, box.start, box.end)
        elif box.kind == b"ipma":
            _associations(Cursor(data, box.start, box.end), known, found)


def _associations(cursor: Cursor, known: list[Box], found: dict[int, Item]) -> None:
    head = cursor.uint(4)
    wide = 2 if head & 1 else 1
    for _ in range(bounded(cursor.uint(4), "items")):
        item = found.setdefault(cursor.uint(4 if head >> 24 else 2), Item())
        for _ in range(cursor.uint(1)):
            index = cursor.uint(wide) & (0x7FFF if wide == 2 else 0x7F)
            if 1 <= index <= len(known):
                item.properties.append(known[index - 1])
