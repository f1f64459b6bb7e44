"""How many bytes of memory a picture takes on its way through the service."""

from model.pictures import Header

_DECODE_BYTES = 24
"""Per pixel, at most, while 8 bits a channel are decoded: measured 10 (JPEG) to 21 (WebP)."""
_DECODE_BYTES_TIFF = 48
_CHANNELS = 4
_OWN_COLOURS = 3
"""Channels in the colours of the picture's own profile, kept beside those for the model."""
_LABEL_BYTES, _PROBABILITY_BYTES = 1, 2
"""Per pixel of a degradation map: its labels, and the probability of one class."""


def decode_bytes(header: Header) -> int:
    """Return the most bytes that decoding a picture takes, the file not counted."""
    return header.pixels * (_DECODE_BYTES_TIFF if header.format == "TIFF" else _DECODE_BYTES)


def restore_bytes(header: Header, *, as_json: bool, with_map: bool) -> int:
    """Return the most bytes that a picture takes until its restored one was encoded.

    Args:
        header: What its file says of it.
        as_json: Whether the answer is JSON, with the picture as base64.
        with_map: Whether its map is made too.
    """
    decoded = _CHANNELS + _OWN_COLOURS
    restored = _CHANNELS
    encoded = _CHANNELS * (1 + 1)  # the pixels in the order of the file, and the file
    text = _CHANNELS * 3 if as_json else 0  # base64, its text, and the answer around it
    labels = 2 * _LABEL_BYTES if with_map else 0
    return max(decode_bytes(header), header.pixels * (decoded + restored + encoded + text + labels))


def map_bytes(header: Header, *, planes: int) -> int:
    """Return the most bytes that a picture takes until its map with ``planes`` was encoded."""
    decoded = _CHANNELS + _OWN_COLOURS
    drawn = _CHANNELS * 2
    mapped = _LABEL_BYTES * 4 + planes * _PROBABILITY_BYTES * 2
    return max(decode_bytes(header), header.pixels * (decoded + drawn + mapped))
