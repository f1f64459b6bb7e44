"""The largest number of bytes of memory that a picture takes on its way through the service.

The numbers are per pixel, and those of encoders are measured: docs/deploy.md has the command.
"""

from model.pictures import Header
from model.pictures.cost import FIXED_BYTES, decode_bytes
from model.pictures.formats import LOSSLESS

_COLOURS = 3
"""Channels of a picture for the model. The colours of its own profile have as many."""
_JPEG, _JPEG_FINE, _WEBP, _WEBP_LOSSLESS, _WEBP_ALPHA, _AVIF = 8, 13, 17, 31, 45, 56
"""Bytes per pixel that encoders take for a picture of noise, including the file."""
_JXL, _JXL_ALPHA, _JXL_LOSSLESS = 60, 20, 12
"""The same of JPEG XL: of colours, in addition of transparency, and of a lossless file."""
_FINE = 95
"""Quality above which a JPEG of noise has more than 3 bytes per pixel."""
_COPIES = 3
"""Number of copies of a PNG in memory while its metadata is added."""
_ARRAY = 3
"""Number of copies of an array in memory while it is written: repeated grey, two of the file."""
_TEXT = 6
"""Bytes that a JSON report takes per byte of the picture: base64, its text, and the report."""
_LABELS = 4
"""Bytes per pixel of a map's labels and their PNG."""
_DRAWN = 20
"""Bytes per pixel of a picture of the map."""
_PLANE = 6
"""Bytes per pixel of the probability of one class: 16 bits, and two copies while packing."""


def restore_bytes(
    header: Header, *, encoding: str, quality: int, as_json: bool, with_map: bool
) -> int:
    """Return the bytes that restoring a picture takes.

    Args:
        header: What its file says of it.
        encoding: The format of the answer.
        quality: Of a lossy answer; ``LOSSLESS`` makes a WebP lossless.
        as_json: Whether the answer is JSON, with the picture as base64.
        with_map: Whether its map is made too.
    """
    alpha, depth = _alpha(header), _depth(header)
    channels = _COLOURS + alpha
    held = (_COLOURS + channels + _COLOURS) * depth  # own colours, the picture, the restored one
    own = _COLOURS * depth  # the restored one in own colours
    if encoding == "png":
        body = channels * depth
        work = (_COPIES + alpha) * body
    elif encoding == "npy":
        body = _COLOURS * depth
        work = _ARRAY * body
    else:
        body = _COLOURS + (quality > _FINE) + alpha
        joined = channels if alpha or depth > 1 else 0
        work = joined + _encoder(encoding, quality, alpha=bool(alpha))
    text = _TEXT * body if as_json else 0
    labels = _LABELS * (1 + _TEXT) if with_map else 0
    return _most(header, held + own + max(work, text) + labels)


def map_bytes(header: Header, *, planes: int) -> int:
    """Return the bytes that mapping a picture takes, with the probabilities of some classes."""
    held = (_COLOURS + _alpha(header)) * _depth(header)
    return _most(header, held + _LABELS * (1 + _TEXT) + _DRAWN + planes * _PLANE)


def _most(header: Header, per_pixel: int) -> int:
    """Return the larger of what decoding takes and of what comes afterwards.

    The fixed memory of a decoder is not counted, since few decode at once.
    """
    decoding = decode_bytes(header) - FIXED_BYTES
    return max(decoding, header.pixels * per_pixel)


def _alpha(header: Header) -> int:
    return 0 if header.samples in (1, 3) else 1


def _depth(header: Header) -> int:
    """Return the bytes of a channel once it is decoded."""
    return 1 if header.bits <= 8 else 2


def _encoder(encoding: str, quality: int, *, alpha: bool) -> int:
    if encoding == "jxl":
        return _JXL_LOSSLESS if quality == LOSSLESS else _JXL + _JXL_ALPHA * alpha
    if encoding == "avif":
        return _AVIF
    if encoding == "jpeg":
        return _JPEG_FINE if quality > _FINE else _JPEG
    if quality == LOSSLESS:
        return _WEBP_LOSSLESS
    return _WEBP_ALPHA if alpha else _WEBP
