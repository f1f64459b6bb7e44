"""The tags of EXIF and TIFF, read and written with their types and their bytes unchanged."""

import struct
from contextlib import suppress
from dataclasses import dataclass, field

from model.pictures import limits
from model.pictures.errors import BrokenPictureError
from model.pictures.inspection.directories import Tree

ORIENTATION, EXIF, GPS, INTEROP = 0x0112, 0x8769, 0x8825, 0xA005
SHORT, LONG, RATIO = 3, 4, 5
_INNER: dict[int, dict[int, dict[int, dict[int, int]]]] = {EXIF: {INTEROP: {}}, GPS: {}}
"""Tags that lead to further directories, and those that lead from there."""
_POINTERS = frozenset({330, 400, 0x8290, 0xFE00})
"""Tags that lead to directories that are not read, so that they would lead nowhere."""
_WRITTEN_KINDS = range(1, 13)
_HEADS = {"<": b"II*\0", ">": b"MM\0*"}


@dataclass(frozen=True)
class Value:
    """What a tag holds: the kind and number of its values, and their bytes."""

    kind: int
    count: int
    data: bytes


Tags = dict[int, "Value | Tags"]
"""Tags by number: what they hold, or the directory that they lead to."""


@dataclass
class Block:
    """A directory of tags with those that it leads to.

    Attributes:
        order: ``<`` if the low byte of a number is first, ``>`` if it is last.
        tags: By number.
    """

    order: str = "<"
    tags: Tags = field(default_factory=dict)

    def directory(self, *path: int) -> Tags:
        """Return the directory that a path of tags leads to; empty: there is none."""
        at = self.tags
        for number in path:
            inner = at.get(number)
            at = inner if isinstance(inner, dict) else {}
        return at

    def number(self, tag: int, *path: int) -> int | None:
        """Return the first number of a tag of integers; None: there is none."""
        value = self.directory(*path).get(tag)
        size = {1: 1, SHORT: 2, LONG: 4}.get(value.kind) if isinstance(value, Value) else None
        if size is None or not isinstance(value, Value):
            return None
        return int.from_bytes(value.data[:size], "little" if self.order == "<" else "big")

    def text(self, tag: int, *path: int) -> str:
        """Return a tag's text; empty: there is none."""
        value = self.directory(*path).get(tag)
        held = value.data if isinstance(value, Value) and value.kind in (2, 7) else b""
        return held.split(b"\0")[0].decode("utf-8", "replace")

    def bytes(self, tag: int) -> bytes:
        """Return the bytes of a tag; empty: there is none."""
        value = self.tags.get(tag)
        return value.data if isinstance(value, Value) else b""

    def fraction(self, tag: int) -> float | None:
        """Return the first value of a tag of fractions; None: there is none."""
        value = self.tags.get(tag)
        if not isinstance(value, Value) or value.kind != RATIO:
            return None
        over, under = struct.unpack(self.order + "II", value.data[:8])
        return over / under if under else None

    def integer(self, value: int, kind: int = LONG) -> Value:
        """Make what a tag of one integer holds."""
        return Value(kind, 1, struct.pack(self.order + ("H" if kind == SHORT else "I"), value))

    def ratio(self, value: float) -> Value:
        """Make what a tag of one fraction holds, in ten-thousandths."""
        whole = round(value * 10_000)
        return Value(RATIO, 1, struct.pack(self.order + "II", min(whole, 2**32 - 1), 10_000))


def text(words: str) -> Value:
    """Make what a tag of text holds."""
    data = words.encode() + b"\0"
    return Value(2, len(data), data)


def read(data: bytes) -> Block:
    """Read an EXIF block or the first directory of a TIFF; tags that cannot be read are left out.

    Args:
        data: From the byte order on, or from ``Exif`` on.

    Raises:
        BrokenPictureError: If the directory does not lie in the block.
        OversizedPictureError: If its tags are too many or too large.
    """
    data = data.removeprefix(b"Exif\0\0")
    tree = Tree(data if len(data) >= 16 else data.ljust(16, b"\0"))
    order = "<" if data.startswith(b"II") else ">"
    return Block(order, _directory(tree, tree.first, _INNER))


def _directory(tree: Tree, at: int, inner: dict[int, dict[int, dict[int, dict[int, int]]]]) -> Tags:
    found: Tags = {}
    for number, tag in tree.read(at).tags.items():
        if number in inner:
            with suppress(BrokenPictureError):
                for place in tree.values(tag)[:1]:
                    led_to = _directory(tree, int(place), inner[number])  # type: ignore[arg-type]
                    found |= {number: led_to} if led_to else {}
            continue
        data = tree.data(tag, limits.MAX_PROFILE_BYTES + 1)
        if data and tag.kind in _WRITTEN_KINDS and number not in _POINTERS:
            found[number] = Value(tag.kind, tag.number, data)
    return found


def written(block: Block) -> bytes:
    """Write a block, from its byte order on."""
    head = _HEADS[block.order] + struct.pack(block.order + "I", 8)
    return head + _written(block.tags, 8, block.order)


def _written(tags: Tags, begin: int, order: str) -> bytes:
    """Write a directory that begins at ``begin``, with what its tags hold behind it."""
    entries, behind = [], b""
    place = begin + 2 + 12 * len(tags) + 4
    for number, value in sorted(tags.items()):
        if isinstance(value, dict):
            led_to = place + len(behind)
            entries.append(struct.pack(order + "HHII", number, LONG, 1, led_to))
            behind += _written(value, led_to, order)
            continue
        head = struct.pack(order + "HHI", number, value.kind, value.count)
        if len(value.data) <= 4:
            entries.append(head + value.data.ljust(4, b"\0"))
            continue
        entries.append(head + struct.pack(order + "I", place + len(behind)))
        behind += value.data + bytes(len(value.data) % 2)
    return struct.pack(order + "H", len(tags)) + b"".join(entries) + bytes(4) + behind
