"""IPTC records: author, caption, copyright and places, as agencies and newsrooms write them."""

import struct
from collections.abc import Iterator

from model.pictures import limits
from model.pictures.picture import Metadata

_TAG, _APPLICATION = 0x1C, 2
_PLACES = frozenset({26, 27, 90, 92, 95, 100, 101})
"""Records of a place: of the content, city, part of the city, state, country's code and name."""
_AUTHOR, _COPYRIGHT, _CAPTION = 80, 116, 120
_CHARACTER_SET, _UTF_8 = (1, 90), b"\x1b%G"
_RESOURCE, _IPTC = b"8BIM", 0x0404


def of_photoshop(block: bytes) -> bytes:
    """Return the IPTC records in a block of Photoshop's resources; empty: there are none."""
    at = 0
    for _ in range(limits.MAX_BOXES):
        if block[at : at + 4] != _RESOURCE or at + 12 > len(block):
            break
        kind, name = struct.unpack_from(">HB", block, at + 4)
        at += 6 + (name + 2) // 2 * 2
        size = int.from_bytes(block[at : at + 4])
        if kind == _IPTC:
            return block[at + 4 : at + 4 + size]
        at += 4 + (size + 1) // 2 * 2
    return b""


def to_photoshop(iptc: bytes) -> bytes:
    """Write IPTC records as a block of Photoshop's resources."""
    head = _RESOURCE + struct.pack(">HHI", _IPTC, 0, len(iptc))
    return head + iptc + bytes(len(iptc) % 2)


def filtered(iptc: bytes, metadata: Metadata) -> bytes:
    """Return the records that go along.

    Args:
        iptc: As read.
        metadata: ``no-gps`` leaves out the places, ``strip`` everything.
    """
    if metadata == "strip":
        return b""
    hidden = _PLACES if metadata == "no-gps" else frozenset()
    return b"".join(
        struct.pack(">BBBH", _TAG, record, number, len(data)) + data
        for record, number, data in _records(iptc)
        if record != _APPLICATION or number not in hidden
    )


def words(iptc: bytes) -> dict[str, str]:
    """Return author, copyright and description, as far as the records tell them."""
    names = {_AUTHOR: "author", _COPYRIGHT: "copyright", _CAPTION: "description"}
    records = list(_records(iptc))
    utf8 = any(
        data == _UTF_8 for record, number, data in records if (record, number) == _CHARACTER_SET
    )
    found: dict[str, str] = {}
    for record, number, data in records:
        if record == _APPLICATION and number in names:
            told = _decoded(data, utf8=utf8)
            before = found.get(names[number])
            found[names[number]] = f"{before}; {told}" if before else told
    return found


def _decoded(data: bytes, *, utf8: bool) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8" if utf8 else "latin-1", "replace")


def _records(iptc: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Give of each record its number, that of its data set, and its bytes, while they are sound."""
    at = 0
    while at + 5 <= len(iptc) and iptc[at] == _TAG:
        record, number, size = struct.unpack_from(">BBH", iptc, at + 1)
        at += 5
        if size > 0x7FFF or at + size > len(iptc):  # a longer one tells its size elsewhere
            return
        yield record, number, iptc[at : at + size]
        at += size
