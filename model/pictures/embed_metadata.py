"""Puts what lies beside the pixels into files that hold pixels already."""

import hashlib
import itertools
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import imagecodecs
from numpy.typing import NDArray

from model.pictures import exif, iptc, tags
from model.pictures.texts import COMMENT, Texts

_SEGMENT = 65_533
_STRIP_BYTES = 2**18
_JXL = b"\0\0\0\x0cJXL \r\n\x87\n"
_INCH = 0.0254
_EXIF, _ICC, _PHOTOSHOP = b"Exif\0\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0"
_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_POINTER = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s"/></rdf:RDF>'
    b"</x:xmpmeta>"
)
"""The packet of a file whose XMP is all in its extension."""


@dataclass(frozen=True)
class MetadataBlocks:
    """What goes beside the pixels; empty: none.

    Attributes:
        exif: EXIF block, from its byte order on.
        xmp: XMP packet.
        icc: ICC profile.
        iptc: IPTC records.
        texts: Texts, each with its keyword.
        density: Dots per inch, across and down.
        cicp: Numbers of primaries and of the transfer function.
    """

    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""
    iptc: bytes = b""
    texts: Texts = ()
    density: tuple[float, float] | None = None
    cicp: tuple[int, int] | None = None


def into_jpeg(data: bytes, blocks: MetadataBlocks) -> tuple[bytes, tuple[str, ...]]:
    """Put segments behind a JPEG's first; what is too long is left out and named."""
    segments = b""
    left_out: tuple[str, ...] = ()
    payload = _EXIF + blocks.exif
    if len(payload) > _SEGMENT:
        left_out = (f"jpeg holds no EXIF of {len(blocks.exif)} bytes: it was left out",)
    elif blocks.exif:
        segments += _segment(0xE1, payload)
    segments += b"".join(_segment(0xE1, part) for part in _xmp_parts(blocks.xmp))
    step = _SEGMENT - len(_ICC) - 2
    for number, part in enumerate(parts := _cut(blocks.icc, step), 1):
        segments += _segment(0xE2, _ICC + bytes((number, len(parts))) + part)
    resources = iptc.to_photoshop(blocks.iptc) if blocks.iptc else b""
    segments += b"".join(
        _segment(0xED, _PHOTOSHOP + part) for part in _cut(resources, _SEGMENT - len(_PHOTOSHOP))
    )
    comments = [told.encode()[:_SEGMENT] for name, told in blocks.texts if name == COMMENT]
    segments += b"".join(_segment(0xFE, comment) for comment in comments)
    end = 2 + 2 + int.from_bytes(data[4:6]) if data[2:4] == b"\xff\xe0" else 2  # JFIF is first
    return _dense(data[:end], blocks.density) + segments + data[end:], left_out


def _xmp_parts(xmp: bytes) -> list[bytes]:
    """Return the segments of an XMP packet; a long one is an extension (XMP part 3, 1.1.3.1)."""
    if not xmp:
        return []
    if len(_XMP + xmp) <= _SEGMENT:
        return [_XMP + xmp]
    guid = hashlib.md5(xmp, usedforsecurity=False).hexdigest().upper().encode()
    head = _MORE_XMP + guid + struct.pack(">I", len(xmp))
    step = _SEGMENT - len(head) - 4
    parts = [head + struct.pack(">I", at * step) + part for at, part in enumerate(_cut(xmp, step))]
    return [_XMP + _POINTER % guid, *parts]


def _cut(data: bytes, step: int) -> list[bytes]:
    return [data[start : start + step] for start in range(0, len(data), step)]


def _dense(head: bytes, density: tuple[float, float] | None) -> bytes:
    """Return a JPEG's begin up to the end of its JFIF segment, with the dots per inch."""
    if density is None or len(head) < 18:
        return head
    whole = [min(65_535, max(1, round(value))) for value in density]
    return head[:13] + struct.pack(">BHH", 1, *whole) + head[18:]


def into_png(data: bytes, blocks: MetadataBlocks) -> bytes:
    """Put chunks behind a PNG's header."""
    chunks = b""
    if blocks.cicp is not None:
        chunks += _chunk(b"cICP", bytes((*blocks.cicp, 0, 1)))
    if blocks.icc:
        chunks += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(blocks.icc))
    if blocks.density is not None:
        metres = [min(2**31 - 1, round(value / _INCH)) for value in blocks.density]
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *metres, 1))
    if blocks.exif:
        chunks += _chunk(b"eXIf", blocks.exif)
    if blocks.xmp:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + blocks.xmp)
    for keyword, told in blocks.texts:
        chunks += _text(keyword, told)
    header_end = 33  # signature 8, IHDR 25
    return data[:header_end] + chunks + data[header_end:]


def into_jxl(data: bytes, blocks: MetadataBlocks) -> bytes:
    """Put boxes in front of a JPEG XL's codestream."""
    found = b""
    if blocks.exif:
        found += _box(b"Exif", bytes(4) + blocks.exif)
    if blocks.xmp:
        found += _box(b"xml ", blocks.xmp)
    kind = _box(b"ftyp", b"jxl \0\0\0\0jxl ")
    if not found:
        return data
    if data.startswith(_JXL):
        at = data.index(kind) + len(kind)
        return data[:at] + found + data[at:]
    return _JXL + kind + found + _box(b"jxlc", data)


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def _text(keyword: str, told: str) -> bytes:
    """Write a text as Latin-1, or as UTF-8 where that does not hold it."""
    name = keyword.encode("latin-1", "replace")[:79]
    try:
        return _chunk(b"tEXt", name + b"\0" + told.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", name + b"\0\0\0\0\0" + told.encode())


def tiff(pixels: NDArray[Any], blocks: MetadataBlocks) -> bytes:
    """Write (H, W, 1 to 4), uint8, uint16 or float32, as TIFF, deflated, with its metadata."""
    height, width, channels = pixels.shape
    block = tags.read(blocks.exif) if blocks.exif else tags.Block()
    if blocks.density is not None:
        block = exif.with_density(block, blocks.density)
    floats = pixels.dtype.kind == "f"
    rows = max(1, _STRIP_BYTES // (pixels.itemsize * channels * width))
    strips = [_deflated(pixels[top : top + rows], block.order) for top in range(0, height, rows)]
    layout = {
        256: (width,),
        257: (height,),
        258: (8 * pixels.itemsize,) * channels,
        259: (8,),  # deflate
        262: (2 if channels > 2 else 1,),  # RGB, or grey where black is 0
        277: (channels,),
        278: (rows,),
        279: tuple(len(strip) for strip in strips),
        284: (1,),  # channels of a pixel side by side
        317: (1 if floats else 2,),  # differences along a row
        339: (3 if floats else 1,) * channels,
    }
    if channels in (2, 4):
        layout[338] = (2,)  # alpha, not multiplied into the colours
    values: tags.Tags = {
        tag: tags.Value(tags.LONG, len(held), struct.pack(f"{block.order}{len(held)}I", *held))
        for tag, held in layout.items()
    }
    held = {700: blocks.xmp, 33723: blocks.iptc, 34675: blocks.icc}
    values |= {tag: tags.Value(7, len(data), data) for tag, data in held.items() if data}
    return _with_strips(tags.Block(block.order, block.tags | values), strips)


def _with_strips(block: tags.Block, strips: list[bytes]) -> bytes:
    """Write a directory and the strips behind it, and where they begin into it."""
    places = list(itertools.accumulate((len(strip) for strip in strips[:-1]), initial=0))
    head = b""
    for _ in range(2):  # the first time tells how long the directory is
        begin = len(head)
        data = struct.pack(f"{block.order}{len(places)}I", *(begin + place for place in places))
        block.tags[273] = tags.Value(tags.LONG, len(places), data)
        head = tags.written(block)
    return head + b"".join(strips)


def _deflated(rows: NDArray[Any], order: str) -> bytes:
    """Compress rows (h, W, C), whole numbers as differences from the pixel to the left."""
    change = rows.copy()
    if change.dtype.kind != "f":
        change[:, 1:] -= rows[:, :-1]
    ordered = change.astype(change.dtype.newbyteorder("<" if order == "<" else ">"), copy=False)
    return bytes(imagecodecs.zlib_encode(ordered.tobytes(), level=1))


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
