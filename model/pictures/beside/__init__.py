"""Reads what lies beside the pixels of a file: metadata, and what the file says of its colours.

No decoder is called: the files' own structure is walked as in ``model.pictures.inspection``, and
every block is bounded by ``model.pictures.limits``.
"""

from collections.abc import Callable

from model.pictures.beside import bmp, heif, jp2, jpeg, jxl, png, tiff, webp
from model.pictures.picture import Beside, Header

_READERS: dict[str, Callable[[bytes], Beside]] = {
    "JPEG": jpeg.beside,
    "PNG": png.beside,
    "WEBP": webp.beside,
    "TIFF": tiff.beside,
    "BMP": bmp.beside,
    "AVIF": heif.beside,
    "HEIF": heif.upright,
    "JXL": jxl.beside,
    "JPEG2000": jp2.beside,
    "NPY": lambda _: Beside(),
}


def read(data: bytes, header: Header) -> Beside:
    """Read what lies beside the pixels of a file that was inspected."""
    return _READERS[header.format](data)
