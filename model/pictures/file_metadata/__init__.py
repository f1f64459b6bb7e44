"""Reads what lies beside the pixels of a file: metadata, and what the file says of its colours.

No decoder is called: the files' own structure is walked as in ``model.pictures.inspection``, and
every block is bounded by ``model.pictures.limits``.
"""

from collections.abc import Callable

from model.pictures.file_metadata import bmp, heif, jp2, jpeg, jxl, png, tiff, webp
from model.pictures.picture import FileMetadata, Header

_READERS: dict[str, Callable[[bytes], FileMetadata]] = {
    "JPEG": jpeg.read_metadata,
    "PNG": png.read_metadata,
    "WEBP": webp.read_metadata,
    "TIFF": tiff.read_metadata,
    "BMP": bmp.read_metadata,
    "AVIF": heif.read_metadata,
    "HEIF": heif.upright,
    "JXL": jxl.read_metadata,
    "JPEG2000": jp2.read_metadata,
    "NPY": lambda _: FileMetadata(),
}


def read(data: bytes, header: Header) -> FileMetadata:
    """Read what lies beside the pixels of a file that was inspected."""
    return _READERS[header.format](data)
