"""The formats that pictures are written in."""

from dataclasses import dataclass
from pathlib import PurePath

from PIL import features

from model.pictures.picture import Header


@dataclass(frozen=True)
class Encoding:
    """A format that is written.

    Attributes:
        name: Its word.
        media_type: Its media type.
        suffixes: Ends of file names, in lower case.
        max_side: Longest side it can hold, pixels.
        alpha: Whether it holds transparency.
        deep: Whether it holds 16 bits a channel.
        grey: Whether it is coded as grey where a picture is, so that it holds a profile of grey.
        profile: Whether it holds an ICC profile.
        iptc: Whether it holds IPTC records.
        texts: Whether it holds texts with a keyword each.
    """

    name: str
    media_type: str
    suffixes: tuple[str, ...]
    max_side: int
    alpha: bool = True
    deep: bool = False
    grey: bool = True
    profile: bool = True
    iptc: bool = False
    texts: bool = False


ENCODINGS: dict[str, Encoding] = {
    encoding.name: encoding
    for encoding in (
        Encoding("png", "image/png", (".png",), 2**31 - 1, deep=True, texts=True),
        Encoding("jpeg", "image/jpeg", (".jpg", ".jpeg"), 65_500, alpha=False, iptc=True),
        Encoding("webp", "image/webp", (".webp",), 16_383, grey=False),
        Encoding("avif", "image/avif", (".avif",), 65_536, grey=False),
        Encoding("jxl", "image/jxl", (".jxl",), 2**18, profile=False),
        Encoding("tiff", "image/tiff", (".tif", ".tiff"), 2**31 - 1, deep=True, iptc=True),
        Encoding("npy", "application/x-npy", (), 2**31 - 1, alpha=False, deep=True, profile=False),
        Encoding("bmp", "image/bmp", (".bmp",), 2**31 - 1, alpha=False, profile=False),
    )
    if encoding.name != "avif" or features.check("avif")
}
"""Formats by name. No file is named as an array of NumPy: only the service offers it."""

QUALITY, LOSSLESS = 92, 100
"""Quality where none is asked for, and that at which WebP and JPEG XL lose nothing."""
_LOSSLESS_TOO = ("webp", "jxl")
READ_ONLY = frozenset({".heic", ".heif", ".jp2", ".j2k", ".j2c", ".jpx"})
"""Ends of the names of files that are read but not written, in lower case."""
READ_SUFFIXES = READ_ONLY.union(*(encoding.suffixes for encoding in ENCODINGS.values()))
"""Ends of the names of files that are taken for pictures, in lower case."""

_NATURAL = {"JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp", "AVIF": "avif", "HEIF": "jpeg"}
_NATURAL |= {"JXL": "jxl", "NPY": "npy"}


def natural_encoding(header: Header) -> Encoding:
    """Return the format of the answer for a caller who can only get the web's formats.

    TIFF, BMP and JPEG 2000 go back as PNG, which loses nothing; HEIF as JPEG, unless it is
    transparent.
    """
    if header.format == "HEIF" and header.transparent:
        return ENCODINGS["png"]
    return ENCODINGS[_NATURAL.get(header.format, "png")]


def default_quality(header: Header, encoding: Encoding) -> int:
    """Return the quality where none is asked for: a lossless WebP or JPEG XL stays lossless."""
    return LOSSLESS if header.lossless and encoding.name in _LOSSLESS_TOO else QUALITY


def encoding_of(path: PurePath) -> Encoding:
    """Return the format that a file's name asks for.

    Raises:
        ValueError: If its end is of no format that is written.
    """
    for encoding in ENCODINGS.values():
        if path.suffix.lower() in encoding.suffixes:
            return encoding
    known = ", ".join(encoding.suffixes[0] for encoding in ENCODINGS.values() if encoding.suffixes)
    raise ValueError(
        f"{path.name}: {path.suffix or 'no ending'} is no format that is written; use {known}"
    )
