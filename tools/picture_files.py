"""Files of many kinds, made here, and what an independent reader finds in a file."""

import functools
import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile
from skimage.color import rgb2lab

ORIENTATION, MAKE, GPS, EXIF = 0x0112, 0x010F, 0x8825, 0x8769
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" exif:GPSLatitude="48,8.2N" xmp:Rating="5"'
    ' tiff:Orientation="6"><exif:GPSLongitude>11,34.5E</exif:GPSLongitude>'
    "<xmp:Label>mine</xmp:Label></rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
).encode()


def waves(height=48, width=64, dtype=np.uint8, channels=3):
    """Smooth and colourful, (H, W, C), over most of the type's range."""
    rows, columns = np.mgrid[0:height, 0:width]
    full = np.iinfo(dtype).max
    planes = [
        0.5 + 0.45 * np.sin((rows * (i + 1) + columns * (i + 2)) / 30 + i) for i in range(channels)
    ]
    return np.round(np.stack(planes, axis=2) * full).astype(dtype)


def exif_block(orientation=1):
    """A maker, a date, a place and a maker's note."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "maker"
    exif[EXIF] = {0x9003: "2026:11:23 10:00:00", 0xA002: 64, 0xA003: 48, 0x927C: b"note"}
    exif[GPS] = {1: "N", 2: (48.0, 8.0, 12.0)}
    return exif.tobytes()


def read_exif(block):
    """Tags of an EXIF block."""
    exif = Image.Exif()
    exif.load(block)
    return exif


@functools.cache
def profile(name):
    """An ICC profile: sRGB, Display P3, Adobe RGB, grey with gamma 1.8, or inks."""
    if name == "sRGB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if name == "Adobe RGB":
        return imagecodecs.cms_profile("adobergb")
    if name == "Grey 1.8":
        return imagecodecs.cms_profile("gray", gamma=1.8)
    if name == "Inks":
        return _ink_profile()
    x = np.linspace(0, 1, 1024)
    curve = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return imagecodecs.cms_profile(
        "rgb",
        whitepoint=(0.3127, 0.3290, 1.0),
        primaries=(0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0),
        transferfunction=np.round(curve * 65535).astype(np.uint16),
    )


PROFILES = ("sRGB", "Display P3", "Adobe RGB", "Grey 1.8", "Inks")


def _ink_profile():
    """CMYK to Lab by a table of 16 corners; its inks are less pure than the plain formula's."""
    inks = np.array([(0.0, 0.6, 0.9), (0.9, 0.0, 0.5), (1.0, 0.9, 0.0), (0.1, 0.1, 0.1)])
    corners = np.array(list(np.ndindex(2, 2, 2, 2)))
    paper = np.array([np.prod(inks[corner == 1], axis=0) for corner in corners])
    lab = rgb2lab(paper[None])[0]
    nodes = np.round(np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], axis=1))
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = (
        *(b"mft1\0\0\0\0", bytes((4, 3, 2, 0)), matrix, ramp * 4),
        *(nodes.clip(0, 255).astype(np.uint8).tobytes(), ramp * 3),
    )
    text = b"inks of a test"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + b"\0" * 78,
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061),
        b"A2B0": b"".join(table),
    }
    body, entries, offset = b"", b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        entries += name + struct.pack(">II", offset + len(body), len(value))
        body += value
    size = offset + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">6H", 2026, 11, 23, 0, 0, 0) + b"acsp" + b"\0" * 28
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


def file_of(pixels: Any, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an array or image as a file of ``kind``, by Pillow."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    body = io.BytesIO()
    image.save(body, kind, **options)
    return body.getvalue()


def tiff_of(pixels, **options):
    """The bytes of an array as TIFF, by tifffile."""
    body = io.BytesIO()
    tifffile.imwrite(body, pixels, metadata=None, **options)
    return body.getvalue()


def frames():
    """Three pictures of different colours."""
    return [Image.fromarray(np.roll(waves(), shift, axis=2)) for shift in range(3)]


@functools.cache
def kinds():
    """Files by name: what people send."""
    grey, rgb, deep = waves(channels=1)[:, :, 0], waves(), waves(dtype=np.uint16)
    alpha, palette = waves(channels=4)[:, :, 3:], Image.fromarray(rgb).quantize(32)
    deep_alpha = waves(dtype=np.uint16, channels=4)
    cmyk = Image.fromarray(rgb).convert("CMYK")
    first, *others = frames()
    moving = {"save_all": True, "append_images": others}
    lossless = {"lossless": True, "exact": True}
    place = {"exif": exif_block(6), "xmp": XMP}
    heif = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(rgb)).save(heif, quality=90, exif=exif_block())
    return {
        "JPEG, EXIF turned by 6, XMP": file_of(rgb, "JPEG", icc_profile=profile("sRGB"), **place),
        "JPEG, grey": file_of(grey, "JPEG"),
        "JPEG, Display P3": file_of(rgb, "JPEG", icc_profile=profile("Display P3")),
        "JPEG, CMYK, profile": file_of(cmyk, "JPEG", icc_profile=profile("Inks")),
        "JPEG, CMYK": file_of(cmyk, "JPEG"),
        "PNG, RGB": file_of(rgb, exif=exif_block(3)),
        "PNG, RGB and alpha": file_of(np.dstack([rgb, alpha])),
        "PNG, grey and alpha": file_of(np.dstack([grey, alpha])),
        "PNG, Display P3": file_of(rgb, icc_profile=profile("Display P3")),
        "PNG, grey, 16 bits": imagecodecs.png_encode(waves(dtype=np.uint16, channels=1)[:, :, 0]),
        "PNG, RGB, 16 bits": imagecodecs.png_encode(deep),
        "PNG, RGB and alpha, 16 bits": imagecodecs.png_encode(deep_alpha),
        "PNG, palette with a clear colour": file_of(palette, transparency=3),
        "PNG, 1 bit": file_of(Image.fromarray(grey).convert("1")),
        "PNG, animated": file_of(first, **moving),
        "WebP, lossless, alpha": file_of(np.dstack([rgb, alpha]), "WEBP", **lossless),
        "WebP, animated": file_of(first, "WEBP", lossless=True, **moving),
        "TIFF, RGB": file_of(rgb, "TIFF", exif=exif_block(8)),
        "TIFF, RGB, 16 bits, Adobe RGB": tiff_of(
            deep, byteorder=">", compression="zlib", iccprofile=profile("Adobe RGB")
        ),
        "TIFF, grey, 16 bits": tiff_of(deep[:, :, 0], compression="lzw", predictor=True),
        "TIFF, RGB, floats": tiff_of((rgb / 255).astype(np.float32), photometric="rgb"),
        "TIFF, CMYK, 16 bits": tiff_of(deep_alpha, photometric="separated"),
        "BMP": file_of(rgb, "BMP"),
        "AVIF, alpha": file_of(np.dstack([rgb, alpha]), "AVIF", quality=90, exif=exif_block()),
        "HEIC": heif.getvalue(),
        "JPEG, cut off": file_of(rgb, "JPEG")[:-200],
        "PNG, linear light told by gAMA": _with_gamma(file_of(rgb), 100_000),
        "PNG, HDR (PQ), 16 bits": _with_numbers(imagecodecs.png_encode(deep), 9, 16),
        "TIFF, RGB, floats from -0.1 to 1.3": tiff_of(
            (rgb / 255 * 1.4 - 0.1).astype(np.float32), photometric="rgb"
        ),
        "AVIF, Display P3 told by numbers": imagecodecs.avif_encode(
            rgb, level=95, primaries=12, transfer=13
        ),
        "AVIF, 10 bits": imagecodecs.avif_encode(
            waves(dtype=np.uint16) >> 6, level=99, bitspersample=10
        ),
        "JPEG XL": imagecodecs.jpegxl_encode(rgb, level=92),
        "JPEG XL, lossless, alpha": imagecodecs.jpegxl_encode(
            np.dstack([rgb, alpha]), lossless=True
        ),
        "JPEG 2000": file_of(rgb, "JPEG2000"),
        "JPEG 2000, 16 bits": imagecodecs.jpeg2k_encode(deep, level=0),
    }


def _with_chunk(data, kind, body):
    checked = kind + body
    crc = zlib.crc32(checked)
    return data[:33] + struct.pack(">I", len(body)) + checked + struct.pack(">I", crc) + data[33:]


def _with_gamma(data, value):
    return _with_chunk(data, b"gAMA", struct.pack(">I", value))


def _with_numbers(data, primaries, transfer):
    return _with_chunk(bytes(data), b"cICP", bytes((primaries, transfer, 0, 1)))


def values_of(data):
    """The pixels of a file, upright, (H, W, C), in the file's own depth; by other code than ours.

    Palettes become RGB, what is clear in them alpha; 1 bit becomes 8.
    """
    if data.startswith((b"II*\0", b"MM\0*")):
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            if file.pages.first.bitspersample > 8:
                return np.atleast_3d(file.pages.first.asarray())
    if data.startswith(b"\x89PNG") and data[24] == 16:
        return np.atleast_3d(imagecodecs.png_decode(data))
    if (decode := _decoder_of(data)) is not None:
        return np.atleast_3d(decode(data))
    if data.startswith(b"\xff\xd8"):
        data += b"\xff\xd9"  # one that is cut off has no end mark
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("P", "1"):
            clear = "A" if upright.has_transparency_data else ""
            upright = upright.convert("L" if upright.mode == "1" else "RGB" + clear)
        return np.atleast_3d(np.array(upright))


def _decoder_of(data):
    """What decodes the files that Pillow does not read with all of their bits; None: it does."""
    if data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL")):
        return imagecodecs.jpegxl_decode
    if data.startswith(b"\0\0\0\x0cjP"):
        return imagecodecs.jpeg2k_decode
    return imagecodecs.avif_decode if data[4:12] == b"ftypavif" else None


def facts_of(data):
    """What a file holds: format, mode, bits, size, profile, EXIF, XMP."""
    decode = _decoder_of(data)
    if decode is not None and decode is not imagecodecs.avif_decode:
        pixels = np.atleast_3d(decode(data))
        kind = "JPEG XL" if decode is imagecodecs.jpegxl_decode else "JPEG 2000"
        mode, bits = ("L", "LA", "RGB", "RGBA")[pixels.shape[2] - 1], 8 * pixels.itemsize
        size = (pixels.shape[1], pixels.shape[0])
        return _facts(kind, mode, bits, size, {}, Image.Exif())
    try:
        image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError:  # Pillow has no floats in colour
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            size = (page.imagewidth, page.imagelength)
            return _facts("TIFF", "RGB", page.bitspersample, size, {}, Image.Exif())
    with image:
        bits = 8
        if image.format == "PNG":
            bits = data[24]
        elif image.format == "AVIF":
            bits = 8 + 2 * (data[data.index(b"av1C") + 6] >> 6 & 1)
        elif isinstance(image, TiffImageFile):
            bits = max(image.tag_v2[258])
        mode = {"I;16": "L", "I;16B": "L", "1": "L"}.get(image.mode, image.mode)
        return _facts(image.format, mode, bits, image.size, image.info, image.getexif())


def _facts(kind, mode, bits, size, info, exif):
    names = {profile(name): name for name in PROFILES}
    icc = info.get("icc_profile")
    parts = []
    if ORIENTATION in exif:
        parts.append(f"turned {exif[ORIENTATION]}")
    if exif.get_ifd(ExifTags.IFD.GPSInfo):
        parts.append("place")
    return {
        "format": kind,
        "mode": mode,
        "bits": bits,
        "size": f"{size[0]}x{size[1]}",
        "icc": names.get(icc, "another") if icc else "",
        "exif": ", ".join(parts) if MAKE in exif else "",
        "xmp": "yes" if info.get("xmp") else "",
    }
