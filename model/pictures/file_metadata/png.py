"""PNG: the chunks of its metadata and of its colours."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from model.pictures import iptc, limits
from model.pictures.file_metadata.parts import metres, within
from model.pictures.inspection.png import chunks
from model.pictures.picture import FileMetadata

_XMP = b"XML:com.adobe.xmp"
_XMP_OF_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_RAW = "Raw profile type "
_RAW_KINDS = frozenset({"exif", "APP1", "xmp", "iptc"})
_RAW_BYTES = 3 * limits.MAX_EXIF_BYTES
"""Bytes of a block that is written as hexadecimal text, with its line ends."""
_FULL_RANGE, _METRE = 1, 1
_GAMMAS = (0.2, 5.0)
"""Exponents of encoding that a file may tell; others are no exponents of pictures."""
_NARROW = "colours of a narrow range are not read: the picture's cICP was left out"


@dataclass
class _Found:
    """What was found so far: values by their names, and what was left out."""

    values: dict[str, bytes | None] = field(default_factory=dict)
    texts: list[tuple[str, str]] = field(default_factory=list)
    text_bytes: int = 0
    notices: list[str] = field(default_factory=list)


def read_metadata(data: bytes) -> FileMetadata:
    """Read the metadata: the first block of each kind, none longer than allowed."""
    found, seen = _Found(), set()
    for kind, start, end in chunks(data):
        reader = _READERS.get(kind)
        if reader is None or (kind in seen and kind not in _TEXTS):
            continue
        seen.add(kind)
        sound = end + 4 <= len(data) and zlib.crc32(data[start - 4 : end]) == _uint(data, end)
        if sound or kind not in _TEXTS:
            reader(data[start:end] if sound else b"", found)
        else:
            _note("text", found)
    values = {name: value or b"" for name, value in found.values.items()}
    raw = {name: _from_text(values.get(_RAW + name, b"")) for name in _RAW_KINDS}
    is_xmp = raw["APP1"].startswith(_XMP_OF_JPEG)
    read = FileMetadata(
        exif=values.get("EXIF") or raw["exif"] or (b"" if is_xmp else raw["APP1"]),
        xmp=values.get("XMP")
        or raw["xmp"]
        or (raw["APP1"].removeprefix(_XMP_OF_JPEG) if is_xmp else b""),
        icc=values.get("colour profile", b""),
        iptc=iptc.of_photoshop(raw["iptc"]) or raw["iptc"],
        texts=tuple(found.texts),
        density=_density(values.get("pHYs", b"")),
        notices=tuple(found.notices),
    )
    return within(_coloured(values, read))


def _plain(name: str, limit: int) -> Callable[[bytes, _Found], None]:
    """Return what reads a chunk that is kept as it is."""

    def read(data: bytes, found: _Found) -> None:
        _keep(name, data if len(data) <= limit else None, found)

    return read


def _profile(data: bytes, found: _Found) -> None:
    rest = data.partition(b"\0")[2]
    _keep("colour profile", _inflated(rest[1:], limits.MAX_PROFILE_BYTES), found)


def _text(data: bytes, found: _Found) -> None:
    keyword, _, rest = data.partition(b"\0")
    _add_text(keyword.decode("latin-1"), rest, "latin-1", found)


def _packed_text(data: bytes, found: _Found) -> None:
    keyword, _, rest = data.partition(b"\0")
    name = keyword.decode("latin-1")
    if _is_wanted(name, found):
        limit = _RAW_BYTES if name.startswith(_RAW) else _room(found)
        _add_text(name, _inflated(rest[1:], limit), "latin-1", found)


def _wide_text(data: bytes, found: _Found) -> None:
    keyword, _, rest = data.partition(b"\0")
    words = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(words) < 3 or (keyword == _XMP and "XMP" in found.values):
        return
    limit = limits.MAX_XMP_BYTES if keyword == _XMP else _room(found)
    value = _inflated(words[2], limit) if rest[0] else words[2]
    if keyword == _XMP:
        _keep("XMP", value if value is None or len(value) <= limit else None, found)
    else:
        _add_text(keyword.decode("latin-1"), value, "utf-8", found)


def _is_wanted(name: str, found: _Found) -> bool:
    """Whether a text is no block of metadata, or one that is read and was not found yet."""
    if not name.startswith(_RAW):
        return True
    return name.removeprefix(_RAW) in _RAW_KINDS and name not in found.values


def _room(found: _Found) -> int:
    return limits.MAX_TEXT_BYTES - found.text_bytes


def _add_text(keyword: str, value: bytes | None, encoding: str, found: _Found) -> None:
    """Keep a text; one that holds a block of metadata is kept as such."""
    if keyword.startswith(_RAW):
        if _is_wanted(keyword, found):
            _keep(keyword, value if value is None or len(value) <= _RAW_BYTES else None, found)
        return
    if value is None or len(value) > _room(found) or len(found.texts) >= limits.MAX_TEXTS:
        _note("text", found)
        return
    found.text_bytes += len(value)
    if keyword and value:
        found.texts.append((keyword, value.decode(encoding, "replace")))


def _keep(name: str, value: bytes | None, found: _Found) -> None:
    found.values[name] = value
    if not value:
        _note(name, found)


def _note(name: str, found: _Found) -> None:
    words = f"the {name} is damaged or too long: left out"
    if words not in found.notices:
        found.notices.append(words)


_READERS: dict[bytes, Callable[[bytes, _Found], None]] = {
    b"eXIf": _plain("EXIF", limits.MAX_EXIF_BYTES),
    b"iCCP": _profile,
    b"tEXt": _text,
    b"zTXt": _packed_text,
    b"iTXt": _wide_text,
    **{kind: _plain(kind.decode(), 100) for kind in (b"pHYs", b"cICP", b"gAMA", b"cHRM", b"sRGB")},
}
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def _from_text(value: bytes) -> bytes:
    """Decode a block that ImageMagick wrote as text: its name, its length, hexadecimal digits."""
    lines = value.strip().split(b"\n", 2)
    if len(lines) < 3:
        return b""
    try:
        return bytes.fromhex(lines[2].decode("ascii"))
    except ValueError:
        return b""


def _density(body: bytes) -> tuple[float, float] | None:
    if len(body) < 9 or body[8] != _METRE:
        return None
    across, down = struct.unpack_from(">II", body)
    return metres(across, down)


def _coloured(values: dict[str, bytes], found: FileMetadata) -> FileMetadata:
    """Add what the file says of its colours; the standard's order decides between several words."""
    cicp, gamma, corners = values.get("cICP", b""), values.get("gAMA", b""), values.get("cHRM", b"")
    if len(cicp) >= 4:
        if cicp[3] == _FULL_RANGE:
            return replace(found, icc=b"", cicp=(cicp[0], cicp[1]))
        found = replace(found, notices=(*found.notices, _NARROW))
    if found.icc or values.get("sRGB"):
        return found
    exponent = _uint(gamma, 0) / 100_000 if len(gamma) >= 4 else 0.0
    if not _GAMMAS[0] <= exponent <= _GAMMAS[1]:
        exponent = 0.0
    points = struct.unpack_from(">8I", corners) if len(corners) >= 32 else ()
    return replace(found, gamma=exponent, corners=tuple(point / 100_000 for point in points))


def _inflated(stored: bytes, limit: int) -> bytes | None:
    """Return the bytes of a packed block; None if they are too many or damaged."""
    inflater = zlib.decompressobj()
    try:
        value = inflater.decompress(stored, limit + 1)
    except zlib.error:
        return None
    return value if inflater.eof and len(value) <= limit else None


def _uint(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4])
