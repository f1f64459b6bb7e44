"""JPEG 2000: the boxes of its metadata and of its colours."""

import struct

from model.pictures import limits
from model.pictures.file_metadata.parts import metres
from model.pictures.inspection.boxes import Box, boxes
from model.pictures.inspection.jp2 import in_header, outside
from model.pictures.picture import FileMetadata

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_BY_NUMBER, _BY_PROFILE = 1, 2
_GREY_OR_COLOUR = {16, 17, 18}


def read_metadata(data: bytes) -> FileMetadata:
    """Read the metadata: the first block of each kind, none longer than allowed."""
    uuids: dict[bytes, bytes] = {}
    most = max(limits.MAX_EXIF_BYTES, limits.MAX_XMP_BYTES) + 8
    for box in outside(data):
        if box.kind == b"uuid":
            kind = data[box.start : box.start + 16]
            uuids.setdefault(kind, data[box.start + 16 : min(box.end, box.start + 16 + most)])
    icc, density = b"", None
    notices: tuple[str, ...] = ()
    for box in in_header(data):
        if box.kind == b"colr" and not icc:
            icc = _profile(data, box)
            notices = (*notices, *_foreign(data, box))
        elif box.kind == b"res ":
            density = _density(data, box)
    return FileMetadata(
        exif=uuids.get(_EXIF, b""),
        xmp=uuids.get(_XMP, b""),
        icc=icc,
        density=density,
        notices=notices,
    )


def _profile(data: bytes, box: Box) -> bytes:
    if data[box.start] != _BY_PROFILE or box.end - box.start < 3 + 128:
        return b""
    return data[box.start + 3 : min(box.end, box.start + 4 + limits.MAX_PROFILE_BYTES)]


def _foreign(data: bytes, box: Box) -> tuple[str, ...]:
    """Say that colours told by a number are of a kind that is taken for sRGB."""
    if data[box.start] != _BY_NUMBER or box.end - box.start < 7:
        return ()
    number = int.from_bytes(data[box.start + 3 : box.start + 7])
    known = number in _GREY_OR_COLOUR
    return () if known else (f"colours of JPEG 2000's kind {number} were taken for sRGB",)


def _density(data: bytes, res: Box) -> tuple[float, float] | None:
    """Return the dots per inch of capture or, better, of display."""
    found = {box.kind: box for box in boxes(data, res.start, res.end)}
    box = found.get(b"resd") or found.get(b"resc")
    if box is None or box.end - box.start < 10:
        return None
    over, under, over_x, under_x, power, power_x = struct.unpack_from(">4H2b", data, box.start)
    if not under or not under_x or max(abs(power), abs(power_x)) > 9:
        return None
    return metres(round(over_x / under_x * 10.0**power_x), round(over / under * 10.0**power))
