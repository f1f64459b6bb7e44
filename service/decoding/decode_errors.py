"""What is wrong with a picture file, in the service's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from model.pictures import (
    BrokenPictureError,
    Header,
    OversizedPictureError,
    UnsupportedPictureError,
)
from model.pictures import read_header as read_picture_header
from service.decoding.process_host import DecoderEndedError, MemoryLimitError
from service.errors import (
    BrokenImageError,
    CostlyImageError,
    OutOfMemoryError,
    PictureTooLargeError,
    ServiceError,
    UnsupportedMediaError,
)

log = structlog.get_logger("abair.decoding")


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Read format and size of a file without decoding it.

    Raises:
        UnsupportedMediaError: If it is no picture of a format that the service reads.
        BrokenImageError: If it claims to be one but is damaged.
        PictureTooLargeError: If it has more than ``max_pixels`` pixels.
    """
    with as_service_errors():
        return read_picture_header(data, max_pixels=max_pixels)


@contextmanager
def as_service_errors() -> Iterator[None]:
    """Turn the errors of reading or decoding a file in the block into the service's errors.

    Raises:
        UnsupportedMediaError: If it is no picture of a format that the service reads.
        BrokenImageError: If the file is damaged or cut off, or if the decoder crashed on it.
        PictureTooLargeError: If it has more pixels than allowed.
        CostlyImageError: If decoding takes more time or memory than its size explains.
        OutOfMemoryError: If this machine does not have the memory.
    """
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
