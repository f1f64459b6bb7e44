"""XMP: what of it goes along with a restored picture."""

import re
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from model.pictures.limits import MAX_XMP_BYTES
from model.pictures.picture import Metadata

MAX_XMP_ELEMENTS, MAX_XMP_DEPTH = 50_000, 100
"""An XMP packet with more elements, or with elements nested deeper, is left out."""
NOTICE = "the XMP cannot be carried over: left out"
NO_EXTENSION = "the extension of the XMP cannot be carried over: left out"
GAIN_MAP = "the gain map (HDR) was left out: the picture is not HDR any more"
MOTION = "the video of the motion photo was left out"

_TEXT_ENDS = b"\0 \r\n\t"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_GAIN_MAPS = {"http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm"}
_GAIN_MAPS |= {"http://ns.apple.com/HDRGainMap/1.0/": "HDRGainMap"}
_LISTS = {
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://ns.google.com/photos/dd/1.0/device/": "Device",
}
"""Names of things that are parts of the file beside the picture, with their usual prefixes."""
_GONE = _GAIN_MAPS | _LISTS
_PREFIXES = {prefix: space for space, prefix in _GONE.items()} | {"GContainer": next(iter(_LISTS))}
_MOTION = re.compile(r"(Motion|Micro)(Photo|Video)")
_POINTER = "HasExtendedXMP"
_PLACE = re.compile(
    r"gps|latitude|longitude|altitude|location|^(sub)?(city|country|countrycode|countryname|state"
    r"|province|provincestate|provinceorstate|worldregion|coverage)$",
    re.IGNORECASE,
)


def kept_xmp(xmp: bytes, more: bytes, metadata: Metadata) -> tuple[bytes, tuple[str, ...]]:
    """Write the XMP packet of a picture that is upright now; its thumbnails are gone.

    A packet that needs no change comes back byte for byte, any other one in UTF-8. What says that
    the file has a gain map, a video or an extension is left out, because the answer has none.

    Args:
        xmp: The packet.
        more: Its extension, which becomes part of it; empty: none.
        metadata: ``no-gps`` leaves out the places, ``strip`` everything.

    Returns:
        The packet, and what the caller should know.

    Raises:
        ValueError: If it is too large, declares entities or is malformed, and so cannot be trusted
            to hold no place.
    """
    if metadata == "strip" or not xmp:
        return b"", ()
    without_place = metadata == "no-gps"
    notices: tuple[str, ...] = ()
    extension = ""
    if more:
        try:
            extension = "".join(_cleaned(more, without_place=without_place, inside=True).written)
        except ValueError:
            notices = (NO_EXTENSION,)
    cleaner = _cleaned(xmp, without_place=without_place, extension=extension)
    packet = "".join(cleaner.written).encode() if cleaner.changed else xmp
    return packet, notices + tuple(sorted(cleaner.claims))


def _cleaned(
    xmp: bytes, *, without_place: bool, extension: str = "", inside: bool = False
) -> "_Cleaner":
    if len(xmp) > MAX_XMP_BYTES:
        raise ValueError(f"it has {len(xmp)} bytes")
    # In UTF-16 every other byte of a packet is NUL, the first or the second one too.
    whole = xmp if b"\0" in xmp.lstrip(_TEXT_ENDS)[:4] else xmp.strip(_TEXT_ENDS)
    cleaner = _Cleaner(without_place=without_place, extension=extension, inside=inside)
    try:
        cleaner.parser().Parse(whole, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"it is malformed: {error}") from None
    return cleaner


class _Cleaner:
    """Copies an XMP packet in one pass, without what a restored picture must not keep.

    The parser itself says what is a declaration, so that no encoding hides one.

    Args:
        without_place: Whether places are left out.
        extension: XML that is put in at the end of ``rdf:RDF``.
        inside: Whether only what is in ``rdf:RDF`` is copied.

    Attributes:
        written: The copy.
        changed: Whether the copy says something else than the packet.
        claims: Notices about parts of the file that the packet named.
    """

    def __init__(self, *, without_place: bool, extension: str, inside: bool) -> None:
        self._without_place, self._extension, self._inside = without_place, extension, inside
        self._elements = self._depth = 0
        self._left_out = 0  # depth of the element that is left out with all that is in it
        self._upright = 0  # depth of the element whose text is the orientation
        self._rdf = 0  # depth of rdf:RDF while it is open
        self._spaces: dict[str, str] = {}  # by prefix
        self.written: list[str] = []
        self.changed = False
        self.claims: set[str] = set()

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
        self._count()
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        outer = dict(self._spaces) if self._inside and self._depth == self._rdf + 1 else {}
        own = {key[6:]: value for key, value in pairs if key.startswith("xmlns:")}
        self._spaces |= own
        if self._left_out:
            self._note_listed(pairs)
            return
        if name == "xmp:Thumbnails" or self._is_gone(name):
            self._left_out, self.changed = self._depth, True
            self._note_listed(pairs)
            return
        if self._is_rdf(name) and not self._rdf:
            self._rdf = self._depth
        self._write(f"<{name}")
        self._declare({prefix: outer[prefix] for prefix in outer.keys() - own.keys()})
        for key, value in pairs:
            self._attribute(key, value)
        self._write(">")
        if name == "tiff:Orientation":
            self._upright, self.changed = self._depth, True
            self._write("1")

    def _count(self) -> None:
        self._elements += 1
        self._depth += 1
        if self._elements > MAX_XMP_ELEMENTS or self._depth > MAX_XMP_DEPTH:
            raise ValueError(
                f"more than {MAX_XMP_ELEMENTS} elements, or nested deeper than {MAX_XMP_DEPTH}"
            )

    def _declare(self, spaces: dict[str, str]) -> None:
        """Declare prefixes that the extension declared outside of what is copied of it."""
        for prefix, space in sorted(spaces.items()):
            if space not in _GONE:
                self._write(f" xmlns:{prefix}={quoteattr(space)}")

    def _attribute(self, key: str, value: str) -> None:
        if (key.startswith("xmlns:") and value in _GONE) or self._is_gone(key):
            self.changed = True
            return
        if key == "tiff:Orientation":
            value, self.changed = "1", True
        self._write(f" {key}={quoteattr(value)}")

    def _end(self, name: str) -> None:
        if self._rdf == self._depth and self._extension:
            self._write(self._extension)
            self._extension, self.changed = "", True
        self._write(f"</{name}>")
        if self._rdf == self._depth:
            self._rdf = 0
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
        outside = self._inside and not (self._rdf and self._depth > self._rdf)
        if not self._left_out and not outside:
            self.written.append(text)

    def _is_rdf(self, name: str) -> bool:
        prefix, _, local = name.rpartition(":")
        return local == "RDF" and self._spaces.get(prefix, _RDF) == _RDF

    def _is_gone(self, name: str) -> bool:
        """Whether a name is of something that the answer does not have; note what that is."""
        prefix, _, local = name.rpartition(":")
        if prefix == "xmlns":
            return False
        space = self._spaces.get(prefix) or _PREFIXES.get(prefix, "")
        if space in _GAIN_MAPS:
            self.claims.add(GAIN_MAP)
        if _MOTION.match(local):
            self.claims.add(MOTION)
        gone = space in _GONE or local == _POINTER or _MOTION.match(local) is not None
        place = _PLACE.search(local) is not None or "gps" in prefix.lower()
        return gone or (self._without_place and place)

    def _note_listed(self, pairs: list[tuple[str, str]]) -> None:
        """Note the gain map or the video that a list of the file's parts names."""
        for key, value in pairs:
            if key.rpartition(":")[2] == "Semantic":
                self.claims |= {GAIN_MAP} if value == "GainMap" else set()
                self.claims |= {MOTION} if value == "MotionPhoto" else set()
