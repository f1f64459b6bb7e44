"""What decoding a picture takes, told from its header.

The numbers are measured: ``tests/model/pictures/test_cost.py`` decodes a picture of every kind in
a process of its own and compares.
"""

from model.pictures.picture import Header

FIXED_BYTES = 32 * 2**20
"""Bytes whatever the picture: decoders' own, and bands of rows that are converted at a time."""
_DECODER = {"JPEG": 4, "PNG": 4, "WEBP": 22, "TIFF": 8, "BMP": 8, "AVIF": 22, "HEIF": 18}
_DECODER |= {"JXL": 22, "JPEG2000": 28, "NPY": 6}
_WIDE_DECODER = {"AVIF": 24, "HEIF": 24, "JXL": 46, "JPEG2000": 34}
"""Bytes a pixel while the decoder works, its workspace not counted; of more than 8 bits those of \
``_WIDE_DECODER`` where they differ."""
_CONVERSION = {8: 14, 16: 20}
"""Bytes a pixel afterwards, by the bits of a channel: the picture as decoded, in colours of its
own, in sRGB, and one of them turned."""


def decode_bytes(header: Header) -> int:
    """Return the most bytes that decoding a picture takes at any time, beside its file.

    Args:
        header: What ``read_header`` told of it.
    """
    wide = _WIDE_DECODER if header.bits > 8 else {}
    per_pixel = wide.get(header.format, _DECODER[header.format])
    decoder = header.pixels * per_pixel + header.workspace
    conversion = header.pixels * _CONVERSION[8 if header.bits == 8 else 16]
    return max(decoder, conversion) + FIXED_BYTES
