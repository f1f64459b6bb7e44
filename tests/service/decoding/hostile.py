"""Two thousand files that nobody should send: broken, hostile, or merely odd."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tools.fakes import png_header
from tools.hostile_files import ATTACKS
from tools.picture_files import exif_block, file_of, kinds, profile, tiff_of, waves

COUNT = 2000
LONG, SMALL, LARGE = 3000, 100, 20_000
SCALE = 0.05


def corpus(seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Give ``COUNT`` files with a name each; equal seeds give equal files."""
    odd = [*_wrong(), *_sizes(), *_bombs(), *_tiffs(), *_metadata(), *_attacks()]
    odd += [(f"kind {name}", data) for name, data in kinds().items()]
    yield from odd
    rng = np.random.default_rng(seed)
    bases = [
        (name, data) for name, data in {**kinds(), **dict(odd)}.items() if SMALL < len(data) < LARGE
    ]
    for index in range(COUNT - len(odd)):
        name, data = bases[index % len(bases)]
        damage = DAMAGES[index // len(bases) % len(DAMAGES)]
        yield f"{index} {damage.__name__} {name}", damage(data, rng)


def cut_off(data, rng):
    return data[: int(rng.integers(1, len(data)))]


def bits_flipped(data, rng):
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 20))):
        changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def header_flipped(data, rng):
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        changed[int(rng.integers(min(200, len(data))))] = int(rng.integers(256))
    return bytes(changed)


def part_removed(data, rng):
    start = int(rng.integers(len(data)))
    return data[:start] + data[start + int(rng.integers(1, 64)) :]


def part_doubled(data, rng):
    start = int(rng.integers(len(data)))
    return data[: start + int(rng.integers(1, 512))] + data[start:]


def part_filled(data, rng):
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 200))
    fill = bytes([(0, 255)[int(rng.integers(2))]])
    return data[:start] + fill * length + data[start + length :]


def joined(data, rng):
    other = list(kinds().values())[int(rng.integers(len(kinds())))]
    return data[: int(rng.integers(4, 64))] + other[int(rng.integers(0, 64)) :]


DAMAGES = (
    *(cut_off, bits_flipped, header_flipped, part_removed),
    *(part_doubled, part_filled, joined),
)


def _attacks():
    """Those that were dear to read, the largest made smaller."""
    for name, attack in ATTACKS.items():
        yield f"attack: {name}", attack.make(SCALE)


def _wrong():
    rng = np.random.default_rng(7)
    yield "one byte", b"x"
    yield "text", b"this is no picture"
    yield "pdf", b"%PDF-1.7\n" + rng.bytes(500)
    yield "zip", b"PK\3\4" + rng.bytes(500)
    yield "svg", b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    yield "gif", file_of(Image.fromarray(waves()).quantize(16), "GIF")
    frames = [Image.fromarray(np.roll(waves(), shift, axis=2)) for shift in range(3)]
    yield "gif, animated", file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "jpeg 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + rng.bytes(200)
    yield "ppm", b"P6 99999 99999 255\n"
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"BM"):
        yield f"noise after {magic!r}", magic + rng.bytes(800)
    for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0 ftypavif", b"\0\0\0 ftypheic"):
        yield f"noise after {magic!r}", magic + rng.bytes(800)
        yield f"nothing after {magic!r}", magic


def _sizes():
    for height, width in ((1, 1), (1, LONG), (LONG, 1), (2, 3), (1, 17_000)):
        for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF"):
            if kind != "WEBP" or width < 16_384:
                yield f"{kind} {height}x{width}", file_of(waves(height, width), kind)
        deep = waves(height, width, np.uint16)
        yield f"TIFF, 16 bits, {height}x{width}", tiff_of(deep, photometric="rgb")
    for mode in (
        "1",
        "L",
        "LA",
        "P",
        "PA",
        "RGB",
        "RGBA",
        "CMYK",
        "YCbCr",
        "LAB",
        "I",
        "F",
        "I;16",
    ):
        for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF"):
            try:
                yield f"{kind} of mode {mode}", file_of(Image.new(mode, (9, 7)), kind)
            except OSError:
                continue  # Pillow has no such file


def _bombs():
    yield "PNG of 4 gigapixels", png_header(65_535, 65_535)
    yield "PNG of 2**62 pixels", png_header(2**31 - 1, 2**31 - 1)
    yield "PNG without pixels", png_header(0, 7)
    wide = struct.pack(">HH", 65_500, 65_500)
    jpeg = file_of(waves(), "JPEG")
    start = jpeg.index(b"\xff\xc0") + 5
    yield "JPEG of 4 gigapixels", jpeg[:start] + wide + jpeg[start + 4 :]
    bmp = bytearray(file_of(waves(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, -60_000)
    yield "BMP of 4 gigapixels", bytes(bmp)
    webp = b"VP8X\n\0\0\0\0\0\0\0" + (2**24 - 1).to_bytes(3, "little") * 2
    yield "WebP of 2**48 pixels", b"RIFF" + struct.pack("<I", len(webp) + 4) + b"WEBP" + webp
    avif = file_of(waves(), "AVIF")
    place = avif.index(b"ispe") + 8
    yield (
        "AVIF of 4 gigapixels",
        avif[:place] + struct.pack(">II", 2**16, 2**16) + avif[place + 8 :],
    )
    flat = np.zeros((1500, 1500, 3), np.uint8)
    for kind in ("PNG", "WEBP", "TIFF", "JPEG"):
        options = {"compression": "tiff_adobe_deflate"} if kind == "TIFF" else {}
        yield f"{kind}, black, 2.25 megapixels", file_of(flat, kind, **options)


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _with_chunk(kind, data):
    png = file_of(waves())
    return png[:33] + _chunk(kind, data) + png[33:]


def _metadata():
    zeros = zlib.compress(bytes(2**25), 9)
    yield "PNG, profile that swells", _with_chunk(b"iCCP", b"x\0\0" + zeros)
    yield "PNG, text that swells", _with_chunk(b"zTXt", b"x\0\0" + zeros)
    xmp = b"XML:com.adobe.xmp\0\1\0\0\0"
    yield "PNG, XMP that swells", _with_chunk(b"iTXt", xmp + zeros)
    nested = zlib.compress(b"<a>" * 100_000)
    yield "PNG, XMP of many levels", _with_chunk(b"iTXt", xmp + nested)
    laughs = b"<!DOCTYPE a [<!ENTITY b 'x'>" + b"".join(
        b"<!ENTITY b%d '%s'>" % (i, b"&b;" * 10) for i in range(9)
    )
    yield (
        "PNG, XMP that laughs",
        _with_chunk(b"iTXt", xmp + zlib.compress(laughs + b"]><a>&b;</a>")),
    )
    huge = profile("Display P3") + np.random.default_rng(1).bytes(3_000_000)
    yield "JPEG, profile of 3 MB", file_of(waves(), "JPEG", icc_profile=huge)
    yield "WEBP, profile of 3 MB", file_of(waves(), "WEBP", icc_profile=huge)
    bad = bytearray(profile("Display P3"))
    bad[130:160] = b"\xff" * 30
    yield "PNG, broken profile", file_of(waves(), icc_profile=bytes(bad))
    for orientation in range(1, 9):
        for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
            yield (
                f"{kind} turned {orientation}",
                file_of(waves(5, 9), kind, exif=exif_block(orientation)),
            )
    for orientation in (0, 9, 65_535):
        yield f"turned {orientation}", file_of(waves(), "JPEG", exif=exif_block(orientation))
    loop = b"Exif\0\0II*\0\x08\0\0\0\x02\0" + b"\x69\x87\4\0\1\0\0\0\x08\0\0\0" * 2
    yield "EXIF that holds itself", file_of(waves(), "JPEG", exif=loop + b"\x08\0\0\0")
    rng = np.random.default_rng(2)
    for index in range(12):
        block = b"Exif\0\0II*\0\x08\0\0\0" + rng.bytes(20 * index)
        kind = ("JPEG", "PNG", "WEBP")[index % 3]
        yield f"{kind}, EXIF of noise {index}", file_of(waves(), kind, exif=block)


def _tags(**changed):
    """A TIFF of 8x8 pixels of 16 bits, some tags of which are replaced."""
    tags = {256: 8, 257: 8, 258: 16, 259: 1, 262: 1, 273: 200, 277: 1, 278: 8, 279: 128}
    tags |= {int(tag[1:]): value for tag, value in changed.items()}
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value % 2**32) for tag, value in sorted(tags.items())
    )
    page = struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"
    return (b"II*\0\x08\0\0\0" + page).ljust(200, b"\0") + bytes(range(128))


def _tiffs():
    yield from _floats()
    yield from _tag_values()
    yield "TIFF of 2**64 pixels", _tags(t256=-1, t257=-1)
    yield "TIFF without pixels", _tags(t256=0)
    yield "TIFF, tiles of 2**62", _tags(t322=2**31, t323=2**31, t324=200, t325=128)
    yield "TIFF, deep", _tags(t32997=2**31)
    yield "TIFF, rows a strip 0", _tags(t278=0)
    page = _tags()
    yield "TIFF, a page that follows itself", page[:118] + struct.pack("<I", 8) + page[122:]
    chain = io.BytesIO()
    chain.write(b"II*\0\x08\0\0\0")
    for index in range(20_000):
        chain.write(struct.pack("<HHHIII", 1, 256, 4, 1, 8, 8 + 18 * (index + 1)))
    yield "TIFF of 20,000 pages", chain.getvalue() + bytes(18)


def _floats():
    for bad in (np.nan, np.inf, -np.inf, 1e30, -1.0):
        for dtype in (np.float16, np.float32, np.float64):
            values = np.full((8, 9, 3), 0.5, dtype)
            with np.errstate(over="ignore"):
                values[3, 4] = bad
            yield f"TIFF, {dtype.__name__} with {bad}", tiff_of(values, photometric="rgb")


def _tag_values():
    for dtype in (np.int8, np.int16, np.uint32, np.int32, np.uint64, np.complex64):
        yield f"TIFF of {dtype.__name__}", tiff_of(np.zeros((5, 6), dtype))
    for bits in (0, 1, 3, 7, 12, 24, 31, 64, 65_535):
        yield f"TIFF of {bits} bits", _tags(t258=bits)
    for samples in (0, 2, 5, 65_535):
        yield f"TIFF of {samples} samples", _tags(t277=samples)
    for photometric in (0, 2, 3, 4, 5, 6, 8, 32_803, 34_892, 65_535):
        yield f"TIFF, photometric {photometric}", _tags(t262=photometric)
    for compression in (0, 2, 3, 4, 5, 6, 7, 8, 32_773, 34_712, 34_925, 50_000, 50_001, 65_535):
        yield f"TIFF, compression {compression}", _tags(t259=compression)
    for name, value in (("offset", 2**31), ("offset", 4), ("bytes", 2**31), ("bytes", 0)):
        yield f"TIFF, {name} {value}", _tags(**{"t273" if name == "offset" else "t279": value})
