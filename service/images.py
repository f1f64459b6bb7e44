"""Picture files as the service reads them: what is wrong with one, in the service's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import structlog

from model.pictures import (
    ENCODINGS,
    BrokenPictureError,
    Header,
    Metadata,
    OversizedPictureError,
    Picture,
    UnsupportedPictureError,
)
from model.pictures import decode as decode_picture
from model.pictures import read_header as read_picture_header
from service.decoding.workers import DecoderEndedError, MemoryLimitError
from service.errors import (
    BrokenImageError,
    CostlyImageError,
    OutOfMemoryError,
    PictureTooLargeError,
    ServiceError,
    UnsupportedMediaError,
)

cv2.setNumThreads(1)  # the pool's threads are parallel already; the others belong to the model

_WEB = ("png", "jpeg", "webp", "avif", "jxl")
OFFERED = {name: ENCODINGS[name] for name in _WEB if name in ENCODINGS}
"""Formats of answers."""
log = structlog.get_logger("abair.images")

BY_MEDIA_TYPE = {encoding.media_type: encoding for encoding in OFFERED.values()}


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Read format and size without decoding.

    Raises:
        UnsupportedMediaError: If it is no picture of a kind we read.
        BrokenImageError: If it claims to be one but is damaged.
        PictureTooLargeError: If it has more than ``max_pixels`` pixels.
    """
    with told():
        return read_picture_header(data, max_pixels=max_pixels)


def decode(data: bytes, *, metadata: Metadata = "keep") -> Picture:
    """Decode the first frame.

    Raises:
        UnsupportedMediaError: If it is no picture of a kind we read.
        BrokenImageError: If it is damaged or cut off.
        OutOfMemoryError: If this machine has not the memory for it.
    """
    with told():
        return decode_picture(data, metadata=metadata)


@contextmanager
def told() -> Iterator[None]:
    """Tell what a block raises of a picture's file in the service's errors."""
    try:
        yield
    except UnsupportedPictureError as error:
        raise UnsupportedMediaError(str(error), code="unsupported_image", hint=error.hint) from None
    except BrokenPictureError as error:
        raise BrokenImageError(str(error), hint=error.hint) from None
    except OversizedPictureError as error:
        raise PictureTooLargeError(str(error)) from None
    except MemoryError:
        raise OutOfMemoryError("there is no memory to decode this picture") from None
    except MemoryLimitError:
        raise CostlyImageError(
            "decoding the picture takes far more memory than its size explains"
        ) from None
    except DecoderEndedError as error:
        raise _ended(error) from None


def _ended(error: DecoderEndedError) -> ServiceError:
    if error.took_too_long:
        return CostlyImageError("decoding the picture takes far longer than its size explains")
    if error.was_killed:
        return OutOfMemoryError("the decoder was ended, probably for want of memory")
    log.warning("a decoder crashed", code=error.code)
    return BrokenImageError("the picture cannot be decoded: the decoder crashed on it")
