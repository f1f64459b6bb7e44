"""Puts EXIF, XMP and ICC profile into files that hold pixels already."""

import io
import itertools
import struct
import zlib
from dataclasses import dataclass

import imagecodecs
from PIL import ExifTags, Image, TiffImagePlugin

from model.pictures.picture import Pixels

_SEGMENT = 65_533
_STRIP_BYTES = 2**18
_INNER = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ICC = b"ICC_PROFILE\0"


@dataclass(frozen=True)
class Blocks:
    """What goes beside the pixels; empty: none."""

    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""


def into_jpeg(data: bytes, blocks: Blocks) -> tuple[bytes, tuple[str, ...]]:
    """Put segments behind a JPEG's first; what is too long for one is left out and named."""
    segments = b""
    left_out: tuple[str, ...] = ()
    for name, prefix, block in (("EXIF", _EXIF, blocks.exif), ("XMP", _XMP, blocks.xmp)):
        payload = prefix + block.removeprefix(_EXIF)
        if len(payload) > _SEGMENT:
            left_out = (*left_out, f"jpeg holds no {name} of {len(block)} bytes: it was left out")
        elif block:
            segments += _segment(0xE1, payload)
    step = _SEGMENT - len(_ICC) - 2
    parts = [blocks.icc[start : start + step] for start in range(0, len(blocks.icc), step)]
    for number, part in enumerate(parts, 1):
        segments += _segment(0xE2, _ICC + bytes((number, len(parts))) + part)
    end = 2 + 2 + int.from_bytes(data[4:6]) if data[2:4] == b"\xff\xe0" else 2  # JFIF is first
    return data[:end] + segments + data[end:], left_out


def into_png(data: bytes, blocks: Blocks) -> bytes:
    """Put chunks behind a PNG's header."""
    chunks = b""
    if blocks.icc:
        chunks += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(blocks.icc))
    if blocks.exif:
        chunks += _chunk(b"eXIf", blocks.exif.removeprefix(_EXIF))
    if blocks.xmp:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + blocks.xmp)
    header_end = 33  # signature 8, IHDR 25
    return data[:header_end] + chunks + data[header_end:]


def tiff(pixels: Pixels, blocks: Blocks) -> bytes:
    """Write (H, W, 1 to 4) as TIFF, deflated, with its metadata."""
    height, width, channels = pixels.shape
    exif = Image.Exif()
    exif.load(blocks.exif)
    rows = max(1, _STRIP_BYTES // (pixels.itemsize * channels * width))
    strips = [_deflated(pixels[top : top + rows]) for top in range(0, height, rows)]
    ends = list(itertools.accumulate(len(strip) for strip in strips))
    ifd = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    for tag, value in exif.items():
        ifd[tag] = dict(exif.get_ifd(tag)) if tag in _INNER else value
    layout = {
        256: width,
        257: height,
        258: (8 * pixels.itemsize,) * channels,
        259: 8,  # deflate
        262: 2 if channels > 2 else 1,  # RGB, or grey where black is 0
        273: (0, *ends[:-1]),  # counted from behind the tags
        277: channels,
        278: rows,
        279: tuple(len(strip) for strip in strips),
        284: 1,  # channels of a pixel side by side
        317: 2,  # differences along a row
    }
    if channels in (2, 4):
        layout[338] = 2  # alpha, not multiplied into the colours
    for tag, value in layout.items():
        ifd[tag] = value
    for tag, block in ((700, blocks.xmp), (34675, blocks.icc)):
        if block:
            ifd[tag] = block
    file = io.BytesIO()
    ifd.save(file)
    return file.getvalue() + b"".join(strips)


def _deflated(rows: Pixels) -> bytes:
    """Compress rows (h, W, C) as differences from the pixel to the left."""
    change = rows.copy()
    change[:, 1:] -= rows[:, :-1]
    little = change.astype(change.dtype.newbyteorder("<"), copy=False)
    return bytes(imagecodecs.zlib_encode(little.tobytes(), level=1))


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
