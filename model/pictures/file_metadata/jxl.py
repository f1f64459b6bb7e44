"""JPEG XL: the boxes of its metadata, and the colours that its codestream tells."""

from model.pictures import limits
from model.pictures.inspection.jxl import Codestream, codestream, parts
from model.pictures.picture import FileMetadata
from model.pictures.xmp import GAIN_MAP

_PACKED = "metadata of the JPEG XL is packed by Brotli: left out"
_PROFILE = "what the JPEG XL says of its colours cannot be read: they were taken for sRGB"


def read_metadata(data: bytes) -> FileMetadata:
    """Read the metadata: the first block of each kind, none longer than allowed."""
    blocks: dict[bytes, bytes] = {}
    notices: list[str] = []
    most = max(limits.MAX_EXIF_BYTES, limits.MAX_XMP_BYTES) + 8
    for box in parts(data):
        if box.kind in (b"Exif", b"xml "):
            blocks.setdefault(box.kind, data[box.start : min(box.end, box.start + most)])
        elif box.kind == b"brob" and _PACKED not in notices:
            notices.append(_PACKED)
        elif box.kind == b"jhgm":
            notices.append(GAIN_MAP)
    found = codestream(data)
    if (found.profile and not found.absolute) or _is_custom(found):
        notices.append(_PROFILE)
    exif = blocks.get(b"Exif", b"")
    return FileMetadata(
        exif=exif[4 + int.from_bytes(exif[:4]) :],
        xmp=blocks.get(b"xml ", b""),
        cicp=_numbers(found),
        gamma=found.gamma,
        orientation=found.orientation,
        notices=tuple(notices),
    )


def _is_custom(found: Codestream) -> bool:
    """Whether the colours are told by coordinates of their own."""
    return not (found.profile or found.cicp or found.gamma)


def _numbers(found: Codestream) -> tuple[int, int] | None:
    return None if found.profile else found.cicp
