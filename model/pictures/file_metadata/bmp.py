"""BMP: its dots per metre."""

import struct

from model.pictures.file_metadata.parts import metres
from model.pictures.picture import FileMetadata

_OLD = 12


def read_metadata(data: bytes) -> FileMetadata:
    """Read the density."""
    if data[14] == _OLD:
        return FileMetadata()
    return FileMetadata(density=metres(*struct.unpack_from("<ii", data, 38)))
