"""EXIF and XMP: what of them goes along with a restored picture."""

import re
from collections.abc import Callable
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from PIL import ExifTags, Image

from model.pictures.limits import MAX_XMP_BYTES
from model.pictures.picture import Metadata

_IFD = ExifTags.IFD
_ORIENTATION = ExifTags.Base.Orientation
_SIZE_TAGS = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
# Tags that say how a TIFF stores its pixels, and blocks that are kept apart or not at all.
_LAYOUT = frozenset(
    tag
    for first, last in (
        *((254, 266), (273, 273), (277, 281), (284, 293), (297, 301), (317, 349), (512, 532)),
        *((559, 559), (700, 700), (33421, 33422), (33723, 33723), (34377, 34377), (34675, 34675)),
        *((37724, 37724), (50706, 51199)),
    )
    for tag in range(first, last + 1)
)
_STALE = re.compile(rb"orientation|thumbnails", re.IGNORECASE)
_PLACE = re.compile(r"gps|latitude|longitude", re.IGNORECASE)


def loaded_exif(load: Callable[[], Image.Exif]) -> tuple[Image.Exif, tuple[str, ...]]:
    """Return the tags of a file, or none and why; malformed ones must not cost the picture."""
    try:
        exif = load()
        len(exif), exif.get_ifd(_IFD.Exif), exif.get_ifd(_IFD.GPSInfo)  # read now, not later
    except Exception:  # noqa: BLE001 - what Pillow raises of malformed tags is anything
        return Image.Exif(), (NO_EXIF,)
    return exif, ()


NO_EXIF = "the EXIF cannot be carried over: left out"
NO_XMP = "the XMP cannot be carried over: left out"


def orientation_of(exif: Image.Exif) -> int:
    """Return how the picture lies, 1 to 8; 1 is upright."""
    value = exif.get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def kept_exif(exif: Image.Exif, metadata: Metadata, size: tuple[int, int]) -> bytes:
    """Write the EXIF block of a picture that is upright now; its thumbnail is gone.

    Args:
        exif: As read.
        metadata: ``no-gps`` leaves out the place, ``strip`` everything.
        size: Width and height, upright.

    Raises:
        Exception: Whatever Pillow raises of malformed tags.
    """
    if metadata == "strip" or not len(exif):
        return b""
    kept = Image.Exif()
    kept.endian = exif.endian
    for tag in exif:
        if tag in _LAYOUT or (tag == _IFD.GPSInfo and metadata == "no-gps"):
            continue
        kept[tag] = dict(exif.get_ifd(tag)) if tag in (_IFD.Exif, _IFD.GPSInfo) else exif[tag]
    if _ORIENTATION in kept:
        kept[_ORIENTATION] = 1
    if _IFD.Exif in kept:
        for tag, side in zip(_SIZE_TAGS, size, strict=True):
            if tag in kept[_IFD.Exif]:
                kept[_IFD.Exif][tag] = side
    return kept.tobytes() if len(kept) else b""


def kept_xmp(xmp: bytes, metadata: Metadata) -> bytes:
    """Write the XMP packet of a picture that is upright now; its thumbnails are gone.

    Raises:
        ValueError: If it is too large or malformed, and so cannot be trusted to hold no place.
    """
    if metadata == "strip" or not xmp:
        return b""
    if len(xmp) > MAX_XMP_BYTES:
        raise ValueError(f"it has {len(xmp)} bytes")
    if metadata == "keep" and not _STALE.search(xmp):
        return xmp
    if b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:
        raise ValueError("it declares entities")
    try:
        document = minidom.parseString(xmp.strip(b"\0 \r\n\t"))
        _clean(document, without_place=metadata == "no-gps")
        return "".join(node.toxml() for node in document.childNodes).encode()
    except (ExpatError, RecursionError, ValueError) as error:
        raise ValueError(f"it is malformed: {error}") from None


def _clean(document: minidom.Document, *, without_place: bool) -> None:
    for element in document.getElementsByTagName("*"):
        for attribute in list((element.attributes or {}).values()):
            if without_place and _PLACE.search(attribute.name):
                element.removeAttributeNode(attribute)
            elif attribute.name == "tiff:Orientation":
                attribute.value = "1"
        gone = element.tagName == "xmp:Thumbnails" or (
            without_place and _PLACE.search(element.tagName)
        )
        if gone and element.parentNode is not None:
            element.parentNode.removeChild(element)
        elif element.tagName == "tiff:Orientation" and element.firstChild is not None:
            element.firstChild.nodeValue = "1"
