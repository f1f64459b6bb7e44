"""What decoding a picture takes, told from its header."""

from model.pictures.picture import Header

_FIXED = 24 * 2**20
"""Bytes whatever the picture: a decoder's own, and the file without what it need not see."""
_CONVERSION = 9
"""Bytes a pixel of what follows every decoder, by 8 bits: the picture in its own colours, in
sRGB, and one of them turned."""
_DECODERS = {"JPEG": 8, "PNG": 8, "WEBP": 16, "TIFF": 8, "BMP": 12, "AVIF": 16, "HEIF": 20}


def decode_bytes(header: Header) -> int:
    """Return the most bytes that decoding a picture takes beside its file.

    Args:
        header: What ``read_header`` told of it.
    """
    return header.pixels * (_DECODERS[header.format] + _CONVERSION) * (header.bits // 8) + _FIXED
