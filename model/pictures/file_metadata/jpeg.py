"""JPEG: the segments of its metadata, and what follows its end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from model.pictures import iptc, limits, tags
from model.pictures.file_metadata.parts import SEVERAL, centimetres, decoded_text, within
from model.pictures.inspection.jpeg import COMMENT, SOS, end_of, segments
from model.pictures.picture import FileMetadata
from model.pictures.xmp import GAIN_MAP, MOTION, NO_EXTENSION

_EXIF, _ICC, _PHOTOSHOP = b"Exif\0\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0"
_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_GAIN_MAP = b"urn:iso:std:iso:ts:21496"
_INDEX, _COUNT = b"MPF\0", 0xB001
_GUID = 32
_INCH, _CENTIMETRE = 1, 2
_VIDEOS = (b"ftyp", b"MotionPhoto_Data")
"""Words by which a video begins that phones put behind a picture."""
_VIDEO_BYTES = 2**16
"""Bytes behind a picture in which a video is looked for; it begins there."""


@dataclass
class _Found:
    """The parts of blocks that may take several segments."""

    exif: bytes = b""
    xmp: bytes = b""
    icc: dict[int, bytes] = field(default_factory=dict)
    photoshop: bytes = b""
    extension: dict[int, bytes] = field(default_factory=dict)
    extension_bytes: int = 0
    guid: bytes = b""
    comments: list[str] = field(default_factory=list)
    density: tuple[float, float] | None = None
    notices: list[str] = field(default_factory=list)


def read_metadata(data: bytes) -> FileMetadata:
    """Read the metadata: none longer than allowed."""
    found = _Found()
    for segment in segments(data):
        if segment.marker == SOS:
            break
        reader = _READERS.get(segment.marker)
        if reader is not None:
            reader(memoryview(data)[segment.start : segment.end], found)
    if _has_video(data):
        found.notices.append(MOTION)
    more = _extension(found)
    return within(
        FileMetadata(
            exif=found.exif,
            xmp=found.xmp,
            more_xmp=more,
            icc=b"".join(found.icc[number] for number in sorted(found.icc)),
            iptc=iptc.of_photoshop(found.photoshop),
            texts=tuple(("Comment", told) for told in found.comments if told),
            density=found.density,
            notices=tuple(found.notices),
        )
    )


def _jfif(segment: memoryview, found: _Found) -> None:
    body = bytes(segment[:12])
    if body.startswith(b"JFIF\0") and len(body) >= 12 and found.density is None:
        across, down = int.from_bytes(body[8:10]), int.from_bytes(body[10:12])
        if body[7] in (_INCH, _CENTIMETRE) and min(across, down) > 1:
            of_inch = (float(across), float(down))
            found.density = of_inch if body[7] == _INCH else centimetres(across, down)


def _exif_or_xmp(body: memoryview, found: _Found) -> None:
    if body[: len(_EXIF)] == _EXIF and len(found.exif) <= limits.MAX_EXIF_BYTES:
        found.exif += bytes(body[len(_EXIF) :])
    elif body[: len(_XMP)] == _XMP and not found.xmp:
        found.xmp = bytes(body[len(_XMP) :])
    elif body[: len(_MORE_XMP)] == _MORE_XMP and len(body) > len(_MORE_XMP) + _GUID + 8:
        start = len(_MORE_XMP)
        guid, head = bytes(body[start : start + _GUID]), bytes(body[start + _GUID :][:8])
        found.guid = found.guid or guid
        room = sum(map(len, found.extension.values())) <= limits.MAX_XMP_BYTES
        if guid == found.guid and room:
            found.extension_bytes = int.from_bytes(head[:4])
            found.extension[int.from_bytes(head[4:])] = bytes(body[start + _GUID + 8 :])


def _profile_or_gain_map(body: memoryview, found: _Found) -> None:
    if body[: len(_ICC)] == _ICC and len(body) > len(_ICC) + 2:
        if sum(map(len, found.icc.values())) <= limits.MAX_PROFILE_BYTES:
            found.icc.setdefault(body[len(_ICC)], bytes(body[len(_ICC) + 2 :]))
    elif body[: len(_GAIN_MAP)] == _GAIN_MAP:
        found.notices.append(GAIN_MAP)
    elif body[: len(_INDEX)] == _INDEX and _pictures(bytes(body[len(_INDEX) :])) > 1:
        found.notices.append(SEVERAL)


def _pictures(index: bytes) -> int:
    """Return how many pictures an index names (CIPA DC-007)."""
    try:
        return tags.read(index).number(_COUNT) or 0
    except ValueError:
        return 0


def _resources(body: memoryview, found: _Found) -> None:
    room = len(found.photoshop) <= limits.MAX_IPTC_BYTES
    if body[: len(_PHOTOSHOP)] == _PHOTOSHOP and room:
        found.photoshop += bytes(body[len(_PHOTOSHOP) :])


def _comment(body: memoryview, found: _Found) -> None:
    if len(found.comments) < limits.MAX_TEXTS:
        found.comments.append(decoded_text(bytes(body)))


_READERS: dict[int, Callable[[memoryview, _Found], None]] = {
    0xE0: _jfif,
    0xE1: _exif_or_xmp,
    0xE2: _profile_or_gain_map,
    0xED: _resources,
    COMMENT: _comment,
}


def _extension(found: _Found) -> bytes:
    """Return the extension of the XMP packet, or note that it is incomplete or foreign."""
    if not found.extension or found.guid not in found.xmp:
        return b""
    whole = b"".join(found.extension[place] for place in sorted(found.extension))
    if len(whole) != found.extension_bytes or len(whole) > limits.MAX_XMP_BYTES:
        found.notices.append(NO_EXTENSION)
        return b""
    return whole


def _has_video(data: bytes) -> bool:
    """Whether a video follows the picture."""
    end = end_of(data)
    return any(data.find(word, end, end + _VIDEO_BYTES) >= 0 for word in _VIDEOS)
