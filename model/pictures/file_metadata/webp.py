"""WebP: the chunks of its metadata."""

from model.pictures.inspection.webp import chunks
from model.pictures.picture import FileMetadata


def read_metadata(data: bytes) -> FileMetadata:
    """Read the metadata: the first block of each kind."""
    found: dict[bytes, bytes] = {}
    for chunk in chunks(data):
        if chunk.kind in (b"EXIF", b"XMP ", b"ICCP"):
            found.setdefault(chunk.kind, data[chunk.start : chunk.end])
    return FileMetadata(
        exif=found.get(b"EXIF", b""),
        xmp=found.get(b"XMP ", b""),
        icc=found.get(b"ICCP", b""),
    )
