"""EXIF and XMP: what of them goes along with a restored picture."""

import re
from collections.abc import Callable
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from PIL import ExifTags, Image

from model.pictures.limits import MAX_XMP_BYTES
from model.pictures.picture import Metadata

MAX_XMP_ELEMENTS, MAX_XMP_DEPTH = 50_000, 100
"""An XMP packet with more elements, or with elements nested deeper, is left out."""

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
_TEXT_ENDS = b"\0 \r\n\t"
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

    A packet that needs no change comes back byte for byte, any other one in UTF-8.

    Raises:
        ValueError: If it is too large, declares entities or is malformed, and so cannot be trusted
            to hold no place.
    """
    if metadata == "strip" or not xmp:
        return b""
    if len(xmp) > MAX_XMP_BYTES:
        raise ValueError(f"it has {len(xmp)} bytes")
    # In UTF-16 every other byte of a packet is NUL, the first or the second one too.
    whole = xmp if b"\0" in xmp.lstrip(_TEXT_ENDS)[:4] else xmp.strip(_TEXT_ENDS)
    cleaner = _Cleaner(without_place=metadata == "no-gps")
    try:
        cleaner.parser().Parse(whole, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"it is malformed: {error}") from None
    return "".join(cleaner.written).encode() if cleaner.changed else xmp


class _Cleaner:
    """Copies an XMP packet in one pass, without what a restored picture must not keep.

    The parser itself says what is a declaration, so that no encoding hides one.

    Attributes:
        written: The copy.
        changed: Whether the copy says something else than the packet.
    """

    def __init__(self, *, without_place: bool) -> None:
        self._without_place = without_place
        self._elements = self._depth = 0
        self._left_out = 0  # depth of the element that is left out with all that is in it
        self._upright = 0  # depth of the element whose text is the orientation
        self.written: list[str] = []
        self.changed = False

    def parser(self) -> expat.XMLParserType:
        """Return a parser that takes the packet and calls this."""
        parser = expat.ParserCreate()
        parser.buffer_text = parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        return parser

    def _refuse(self, *_declared: object) -> None:
        raise ValueError("it declares entities")

    def _begin(self, name: str, attributes: list[str]) -> None:
        self._elements += 1
        self._depth += 1
        if self._elements > MAX_XMP_ELEMENTS or self._depth > MAX_XMP_DEPTH:
            raise ValueError(
                f"more than {MAX_XMP_ELEMENTS} elements, or nested deeper than {MAX_XMP_DEPTH}"
            )
        if self._left_out:
            return
        if name == "xmp:Thumbnails" or self._is_place(name):
            self._left_out, self.changed = self._depth, True
            return
        self._write(f"<{name}")
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            self._attribute(key, value)
        self._write(">")
        if name == "tiff:Orientation":
            self._upright, self.changed = self._depth, True
            self._write("1")

    def _attribute(self, key: str, value: str) -> None:
        if self._is_place(key):
            self.changed = True
            return
        if key == "tiff:Orientation":
            value, self.changed = "1", True
        self._write(f" {key}={quoteattr(value)}")

    def _end(self, name: str) -> None:
        self._write(f"</{name}>")
        if self._left_out == self._depth:
            self._left_out = 0
        if self._upright == self._depth:
            self._upright = 0
        self._depth -= 1

    def _text(self, text: str) -> None:
        if not self._upright:
            self._write(escape(text))

    def _comment(self, text: str) -> None:
        self._write(f"<!--{text}-->")

    def _instruction(self, name: str, text: str) -> None:
        self._write(f"<?{name} {text}?>")

    def _write(self, text: str) -> None:
        if not self._left_out:
            self.written.append(text)

    def _is_place(self, name: str) -> bool:
        return self._without_place and _PLACE.search(name) is not None
