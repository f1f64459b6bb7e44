"""AVIF and HEIC: the items of their metadata, and the properties of their picture."""

from dataclasses import replace

from model.pictures import limits
from model.pictures.inspection.boxes import Box, Item, boxes, items
from model.pictures.picture import FileMetadata
from model.pictures.xmp import GAIN_MAP, MOTION

_XMP = b"application/rdf+xml"
_GAIN_MAPS = (b"hdrgainmap", b"tmap")
_VIDEO = b"mpvd"
_TURNS = {(0, None): 1, (0, 1): 2, (2, None): 3, (0, 0): 4, (1, 0): 5, (3, None): 6, (3, 0): 7}
_TURNS |= {(1, None): 8, (1, 1): 7, (2, 0): 2, (2, 1): 4, (3, 1): 5}
"""How a picture lies, by its quarter turns to the left and by the axis of its mirror."""


def upright(data: bytes) -> FileMetadata:
    """Read the metadata of a HEIC, whose decoder turns the picture upright by itself."""
    return replace(read_metadata(data), orientation=1)


def read_metadata(data: bytes) -> FileMetadata:
    """Read the metadata: the first block of each kind, none longer than allowed."""
    top = {box.kind: box for box in boxes(data, 0, len(data))}
    notices = [MOTION] if _VIDEO in top else []
    if b"meta" not in top:
        return FileMetadata(notices=tuple(notices))
    primary, found = items(data, top[b"meta"])
    if any(_is_gain_map(data, item) for item in found.values()):
        notices.append(GAIN_MAP)
    icc, cicp = _colours(data, found.get(primary, Item()))
    exif = next((_bytes(data, item) for item in found.values() if item.kind == b"Exif"), b"")
    xmp = (_bytes(data, item) for item in found.values() if item.content == _XMP)
    return FileMetadata(
        exif=exif[4 + int.from_bytes(exif[:4]) :],
        xmp=next(xmp, b""),
        icc=icc,
        cicp=None if icc else cicp,
        orientation=_orientation(data, found.get(primary, Item())),
        notices=tuple(notices),
    )


def _is_gain_map(data: bytes, item: Item) -> bool:
    if item.kind == _GAIN_MAPS[1]:
        return True
    kinds = (data[box.start : box.end] for box in item.properties if box.kind == b"auxC")
    return any(_GAIN_MAPS[0] in kind.lower() for kind in kinds)


def _colours(data: bytes, item: Item) -> tuple[bytes, tuple[int, int] | None]:
    """Return the ICC profile, and the numbers of primaries and of the transfer function."""
    icc, cicp = b"", None
    for box in _of_kind(item, b"colr"):
        kind, start = data[box.start : box.start + 4], box.start + 4
        if kind in (b"prof", b"rICC") and not icc:
            icc = data[start : min(box.end, start + limits.MAX_PROFILE_BYTES + 1)]
        elif kind == b"nclx" and cicp is None and box.end - start >= 4:
            first, second = data[start : start + 2], data[start + 2 : start + 4]
            cicp = int.from_bytes(first), int.from_bytes(second)
    return icc, cicp


def _orientation(data: bytes, item: Item) -> int:
    turns = next((data[box.start] & 3 for box in _of_kind(item, b"irot")), 0)
    mirror = next((data[box.start] & 1 for box in _of_kind(item, b"imir")), None)
    return _TURNS[turns, mirror]


def _of_kind(item: Item, kind: bytes) -> list[Box]:
    return [box for box in item.properties if box.kind == kind and box.start < box.end]


def _bytes(data: bytes, item: Item) -> bytes:
    room = max(limits.MAX_EXIF_BYTES, limits.MAX_XMP_BYTES) + 1
    parts = []
    for start, end in item.extents:
        parts.append(data[start : min(end, start + room)])
        room -= len(parts[-1])
    return b"".join(parts)
