"""TIFF: the tags of its first page that hold metadata."""

from model.pictures import exif, iptc, tags
from model.pictures.file_metadata.parts import within
from model.pictures.picture import FileMetadata

_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675


def read_metadata(data: bytes) -> FileMetadata:
    """Read the metadata; the EXIF is the directory of the page, written without its layout."""
    block, notices = exif.loaded_tiff(data)
    records = block.bytes(_IPTC) or iptc.of_photoshop(block.bytes(_PHOTOSHOP))
    page = exif.without_layout(block)
    return within(
        FileMetadata(
            exif=tags.written(page) if page.tags else b"",
            xmp=block.bytes(_XMP),
            icc=block.bytes(_ICC),
            iptc=records,
            density=exif.density_of(block),
            notices=notices,
        )
    )
