"""Picture files, read and written so that nothing but the restored pixels changes."""

from model.pictures.cost import decode_bytes
from model.pictures.errors import (
    BrokenPictureError,
    OversizedPictureError,
    PictureError,
    UnsupportedPictureError,
)
from model.pictures.formats import (
    ENCODINGS,
    READ_ONLY,
    READ_SUFFIXES,
    Encoding,
    default_quality,
    encoding_of,
    natural_encoding,
)
from model.pictures.picture import Header, Metadata, Picture, Pixels, to_eight_bits
from model.pictures.reading import decode, read_header
from model.pictures.writing import encode, png_bytes

__all__ = [
    "ENCODINGS",
    "READ_ONLY",
    "READ_SUFFIXES",
    "BrokenPictureError",
    "Encoding",
    "Header",
    "Metadata",
    "OversizedPictureError",
    "Picture",
    "PictureError",
    "Pixels",
    "UnsupportedPictureError",
    "decode",
    "decode_bytes",
    "default_quality",
    "encode",
    "encoding_of",
    "natural_encoding",
    "png_bytes",
    "read_header",
    "to_eight_bits",
]
