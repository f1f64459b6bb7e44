"""What reading the metadata of several formats has in common."""

from dataclasses import replace

from model.pictures import limits
from model.pictures.picture import FileMetadata

SEVERAL = "the file holds several pictures; only the first is used"
INCH = 0.0254
"""Metres of an inch."""
MAX_DENSITY = 1e6
"""Dots per inch above which a file's word is not taken."""


def centimetres(across: float, down: float) -> tuple[float, float]:
    """Return dots per inch of dots per centimetre."""
    return across * 2.54, down * 2.54


def metres(across: int, down: int) -> tuple[float, float] | None:
    """Return dots per inch of dots per metre; None: the file does not say."""
    density = (across * INCH, down * INCH)
    return density if min(density) > 1 and max(density) < MAX_DENSITY else None


def decoded_text(data: bytes) -> str:
    """Decode text of no declared encoding."""
    data = data.rstrip(b"\0")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def within(found: FileMetadata) -> FileMetadata:
    """Leave out what is longer than allowed, and say so."""
    notices = found.notices
    total = 0
    texts: list[tuple[str, str]] = []
    for keyword, told in found.texts:
        total += len(keyword) + len(told)
        if total <= limits.MAX_TEXT_BYTES:
            texts.append((keyword, told))
    if len(texts) < len(found.texts):
        notices = (*notices, "texts beside the picture are too long: left out")
    iptc = found.iptc
    if len(iptc) > limits.MAX_IPTC_BYTES:
        iptc, notices = b"", (*notices, "the IPTC is too long: left out")
    return replace(found, iptc=iptc, texts=tuple(texts), notices=notices)
