"""Parts of files that cameras, newsrooms and editors write, and readers of such parts."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
from PIL import Image

from tools.hostile_files.jpeg import segment
from tools.hostile_files.parts import chunk
from tools.picture_files import file_of

PATCHES = (
    np.array(
        [[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(200, 120, 40), (90, 90, 90), (20, 160, 160)]],
        np.uint8,
    )
    .repeat(16, axis=0)
    .repeat(16, axis=1)
)
"""Six patches of colour, most of them as pure as can be."""
PLACES = ("Harbour Lane", "Exampleville", "Nordland", "Utopiastan")
AUTHOR, COPYRIGHT, CAPTION = "Ann Example", "2026 Example Studio", "Boats at noon"


def png_of(pixels: Any, *chunks: tuple[bytes, bytes], depth: int = 0) -> bytes:
    """A PNG with further chunks; ``depth`` bits of grey, in which values are samples."""
    if not depth:
        plain = bytes(imagecodecs.png_encode(pixels))
        return plain[:33] + b"".join(chunk(*one) for one in chunks) + plain[33:]
    height, width = pixels.shape
    bits = np.unpackbits(pixels[:, :, None], axis=2)[:, :, 8 - depth :]
    rows = np.packbits(bits.reshape(height, -1), axis=1)
    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = ((b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in parts)


def jpeg_of(pixels: Any, *parts: bytes, **options: Any) -> bytes:
    """A JPEG with further segments behind its first."""
    plain = file_of(pixels, "JPEG", **({"quality": 95, "subsampling": 0} | options))
    return plain[:20] + b"".join(parts) + plain[20:]


def exif_part(block: bytes) -> bytes:
    """A segment of EXIF."""
    return segment(0xE1, b"Exif\0\0" + block)


def xmp_part(packet: bytes) -> bytes:
    """A segment of XMP."""
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def iptc_records(**changed: str) -> bytes:
    """IPTC records of an agency: who, where, what."""
    records = {80: AUTHOR, 90: PLACES[1], 92: PLACES[0], 95: PLACES[2], 100: "XUT", 101: PLACES[3]}
    records |= {116: COPYRIGHT, 120: CAPTION} | {
        int(key[1:]): text for key, text in changed.items()
    }
    data = b"\x1c\x01\x5a\0\x03\x1b%G"
    for number, text in sorted(records.items()):
        data += struct.pack(">BBBH", 0x1C, 2, number, len(text.encode())) + text.encode()
    return data


def iptc_part(records: bytes) -> bytes:
    """A segment of Photoshop's resources: IPTC records, and a thumbnail in front of them."""
    blocks = b""
    for kind, data in ((0x040C, b"thumbnail"), (0x0404, records)):
        blocks += b"8BIM" + struct.pack(">HHI", kind, 0, len(data)) + data + bytes(len(data) % 2)
    return segment(0xED, b"Photoshop 3.0\0" + blocks)


def xmp_of(attributes: str, inside: str = "") -> bytes:
    """An XMP packet with one description."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{inside}</rdf:Description></rdf:RDF>'
        "</x:xmpmeta>"
    ).encode()


def camera_exif(index: str = "R98", colour_space: int = 1, order: str = "<") -> bytes:
    """EXIF as a camera writes it: its directory, one of interoperability, tags of several types."""
    interop = {1: (2, index.encode() + b"\0"), 2: (7, b"0100")}
    inner = {
        0x829A: (5, struct.pack(order + "II", 1, 125)),
        0x9000: (7, b"0232"),
        0x9101: (7, b"\1\2\3\0"),
        0x9204: (10, struct.pack(order + "ii", -1, 3)),
        0xA001: (3, struct.pack(order + "H", colour_space)),
        0xA005: interop,
    }
    first = {0x010F: (2, b"Example\0"), 0x8769: inner}
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "I", 8) + _directory(first, 8, order)


_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}


def _directory(tags: dict[int, Any], begin: int, order: str) -> bytes:
    entries, behind = b"", b""
    place = begin + 6 + 12 * len(tags)
    for number, value in sorted(tags.items()):
        if isinstance(value, dict):
            entries += struct.pack(order + "HHII", number, 4, 1, place + len(behind))
            behind += _directory(value, place + len(behind), order)
            continue
        kind, data = value
        entries += struct.pack(order + "HHI", number, kind, len(data) // _SIZES[kind])
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack(order + "I", place + len(behind))
            behind += data + bytes(len(data) % 2)
    return struct.pack(order + "H", len(tags)) + entries + bytes(4) + behind


def tags_of(block: bytes) -> dict[tuple[int, ...], tuple[int, bytes]]:
    """Kind and bytes of each tag by its path, of a block all of whose pointers must lead inside."""
    order = "<" if block[:2] == b"II" else ">"

    def read(at: int, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, bytes]]]:
        (count,) = struct.unpack_from(order + "H", block, at)
        assert 0 < count < 100, (path, count)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", block, entry)
            size = _SIZES[kind] * number
            (place,) = struct.unpack_from(order + "I", block, entry + 8)
            start = entry + 8 if size <= 4 else place
            assert start + size <= len(block), (path, tag)
            if tag in (0x8769, 0x8825, 0xA005):
                yield from read(place, (*path, tag))
            else:
                yield (*path, tag), (kind, block[start : start + size])

    (first,) = struct.unpack_from(order + "I", block, 4)
    return dict(read(first, ()))


def chunks_of(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG by kind."""
    found, at = {}, 8
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found[kind] = data[at + 8 : at + 8 + size]
        at += 12 + size
    return found


def heic_of(pixels: Any, primaries: int, transfer: int) -> bytes:
    """A HEIC of (H, W, 3), uint8, or uint16 as 10 bits, whose colours are told by numbers."""
    body = io.BytesIO()
    mode = "RGB" if pixels.dtype == np.uint8 else "RGB;16"
    made = pillow_heif.from_bytes(mode, pixels.shape[1::-1], pixels.tobytes())
    options = {"color_primaries": primaries, "transfer_characteristics": transfer}
    made.save(body, quality=95, matrix_coefficients=6, full_range_flag=1, **options)
    return body.getvalue()


def opened(data: bytes) -> Image.Image:
    """The file as Pillow reads it."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data


def jp2_with(
    data: bytes, icc: bytes, uuids: tuple[tuple[bytes, bytes], ...], dots_per_metre: int
) -> bytes:
    """A JPEG 2000 of Pillow with a profile, blocks of metadata and a density."""
    start = data.index(b"jp2h") - 4
    end = start + int.from_bytes(data[start : start + 4])
    head = data[start + 8 : start + 8 + 22]
    value = struct.pack(">4H2b", dots_per_metre, 1, dots_per_metre, 1, 0, 0)
    inside = head + _box(b"colr", b"\2\0\0" + icc) + _box(b"res ", _box(b"resd", value))
    blocks = b"".join(_box(b"uuid", name + block) for name, block in uuids)
    return data[:start] + _box(b"jp2h", inside) + blocks + data[end:]
