"""Directories of tags, as TIFF and EXIF have them."""

import struct
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.pictures import limits
from model.pictures.errors import BrokenPictureError, OversizedPictureError

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}  # of BigTIFF
_CODES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_BYTES = (1, 2, 6, 7)
PLACES = frozenset({273, 279, 324, 325})
"""Tags of the places and lengths of strips and tiles."""


class Tag(NamedTuple):
    """A tag of a directory: the kind and number of its values, and where they lie."""

    kind: int
    number: int
    start: int

    @property
    def size(self) -> int:
        """Bytes of its values; of an unknown kind none are read."""
        return _SIZES.get(self.kind, 0) * self.number


class Directory(NamedTuple):
    """A directory: its tags by number, and where the next one begins; 0: there is none."""

    tags: dict[int, Tag]
    next: int


class Tree:
    """The directories of a TIFF or of an EXIF block.

    Args:
        data: The bytes, from the byte order on.

    Raises:
        BrokenPictureError: If they do not begin as a TIFF does.
    """

    def __init__(self, data: bytes) -> None:
        if not data.startswith(MAGIC) or len(data) < 16:
            raise BrokenPictureError("the TIFF does not begin with its header")
        self._data = data
        self._order = "<" if data.startswith(b"II") else ">"
        self._big = b"+" in data[:4]
        self.first = self._int(8, 8) if self._big else self._int(4, 4)
        """Where the first directory begins."""

    def read(self, at: int) -> Directory:
        """Read the directory that begins at ``at``.

        Raises:
            BrokenPictureError: If it does not lie in the file.
            OversizedPictureError: If its tags are too many or too large.
        """
        count_size, tag_size, place_size = (8, 20, 8) if self._big else (2, 12, 4)
        if not 8 <= at <= len(self._data) - count_size:
            raise BrokenPictureError("a directory of tags does not lie in the file")
        count, begin = self._int(at, count_size), at + count_size
        if count > limits.MAX_SEGMENTS:
            raise OversizedPictureError(
                f"a directory has {count} tags, at most {limits.MAX_SEGMENTS} are read",
                hint=_HINT,
            )
        end = begin + count * tag_size
        if end > len(self._data):
            raise BrokenPictureError("a directory of tags is cut off")
        tags: dict[int, Tag] = {}
        for entry in range(begin, end, tag_size):
            number, kind = struct.unpack_from(f"{self._order}HH", self._data, entry)
            values = self._int(entry + 4, place_size)
            start = entry + 4 + place_size
            if _SIZES.get(kind, 0) * values > place_size:
                start = self._int(start, place_size)
            tags.setdefault(number, Tag(kind, values, start))
        _check(tags, len(self._data))
        following = self._int(end, place_size) if end + place_size <= len(self._data) else 0
        return Directory(tags, following)

    def values(self, tag: Tag | None) -> NDArray[np.uint64]:
        """Return the values of a tag of integers that lie in the file; none: an empty array."""
        if tag is None or tag.kind not in _CODES:
            return np.zeros(0, np.uint64)
        code = np.dtype(_CODES[tag.kind]).newbyteorder("<" if self._order == "<" else ">")
        held = max(0, min(tag.number, (len(self._data) - tag.start) // code.itemsize))
        return np.frombuffer(self._data, code, held, min(tag.start, len(self._data))).astype(
            np.uint64
        )

    def data(self, tag: Tag, most: int) -> bytes:
        """Return the first ``most`` bytes of a tag; empty: they do not all lie in the block."""
        end = tag.start + tag.size
        return self._data[tag.start : min(end, tag.start + most)] if end <= len(self._data) else b""

    def _int(self, at: int, size: int) -> int:
        return int.from_bytes(self._data[at : at + size], "little" if self._order == "<" else "big")


_HINT = "Save the picture again without its metadata."


def _check(tags: dict[int, Tag], length: int) -> None:
    """Refuse tags that together hold more than a file of ``length`` bytes, or too many numbers.

    What does not lie in the file isn't counted; decoders leave such tags out.
    """
    total = sum(min(tag.size, max(0, length - tag.start)) for tag in tags.values())
    if total > length + 2**16:
        raise OversizedPictureError(
            f"the tags of a directory have {total} bytes, more than the file", hint=_HINT
        )
    for number, tag in tags.items():
        most = limits.MAX_STRIPS if number in PLACES else limits.MAX_TAG_VALUES
        numbers = tag.kind in _SIZES and tag.kind not in _BYTES
        if numbers and tag.number > most and tag.start + tag.size <= length:
            raise OversizedPictureError(
                f"tag {number} has {tag.number} values, at most {most} are read", hint=_HINT
            )


def check_exif(block: bytes) -> None:
    """Check an EXIF block's directories; a damaged one is left to whoever reads it.

    Raises:
        OversizedPictureError: If tags are too many or too large.
    """
    with suppress(BrokenPictureError):
        tree = Tree(block.removeprefix(b"Exif\0\0").ljust(16, b"\0"))
        first = tree.read(tree.first)
        for inner in (34665, 34853):  # of the exposure, of the place
            with suppress(BrokenPictureError):
                for at in tree.values(first.tags.get(inner))[:1]:
                    tree.read(int(at))
