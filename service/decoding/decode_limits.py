"""Limits of processor time and memory for decoding one file."""

from dataclasses import dataclass

from model.pictures import Header

SPARE_BYTES = 128 * 2**20
"""Memory beyond what the pixels need: for libraries, threads, and metadata."""


@dataclass(frozen=True)
class DecodeLimits:
    """Limits of one request to a decoding process.

    Attributes:
        seconds: Processor seconds, of all its threads together.
        memory: Bytes that it may allocate beside the file itself.
    """

    seconds: float
    memory: int


def decode_limits(
    header: Header, file_bytes: int, memory: int, seconds_per_megapixel: float
) -> DecodeLimits:
    """Return the limits for decoding a picture.

    Args:
        header: What the file says of itself.
        file_bytes: The file's size.
        memory: Bytes that its pixels need while they are decoded.
        seconds_per_megapixel: Processor seconds per megapixel, and per MiB of the file; at least
            one of each is granted.
    """
    amount = max(1.0, header.pixels / 1e6) + file_bytes / 2**20
    return DecodeLimits(seconds_per_megapixel * amount, memory + SPARE_BYTES)
