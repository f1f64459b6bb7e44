"""Reads the body of a request, within its limits: the picture's bytes and the options."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from service.admission.counters import Budget
from service.admission.upload_clock import UploadClock
from service.errors import (
    BadRequestError,
    BodyTooLargeError,
    ClientGoneError,
    FieldProblem,
    FullError,
    InvalidOptionsError,
)
from service.http.body_readers import body_reader
from service.http.content_encoding import Unpacker, unpacker_of
from service.http.multipart_form import MAX_PARTS
from service.options import OPTION_NAMES

T = TypeVar("T")


class Upload:
    """The picture and the options of a request.

    Args:
        data: The picture's bytes.
        options: Options as text, from the form and the query.
    """

    def __init__(self, data: bytes, options: Mapping[str, str]) -> None:
        self._data = data
        self.options = dict(options)

    def take(self) -> bytes:
        """Return the bytes, and keep no reference to them."""
        data, self._data = self._data, b""
        return data


@asynccontextmanager
async def receive(
    request: Request, *, held: Budget, max_bytes: int, clock: UploadClock
) -> AsyncIterator[Upload]:
    """Read the body of a request: a picture, a form, or JSON, also packed.

    Args:
        request: The request.
        held: Counts the bytes of the body for the block, after unpacking.
        max_bytes: Largest body, before and after unpacking.
        clock: Bounds how long the body takes.

    Raises:
        ServiceError: If the body is too large, broken or of another type, or if too many bytes of
            other requests are held.
    """
    reader = body_reader(request.headers.get("content-type", ""))
    unpacker = unpacker_of(request.headers.get("content-encoding", ""))
    _check_length(request, max_bytes)
    size = 0
    try:
        async for piece in _pieces(request, clock, unpacker, max_bytes):
            if not held.try_reserve(len(piece)):
                raise FullError("too many bytes of other requests are held")
            size += len(piece)
            if size > max_bytes:
                raise _too_large(max_bytes)
            reader.feed(piece)
        data = reader.finish()
        if not data:
            raise BadRequestError("the body is empty", code="missing_image")
        upload = Upload(data, _merge(request, reader.options))
        del data
        yield upload
    finally:
        held.release(size)


async def _pieces(
    request: Request, clock: UploadClock, unpacker: Unpacker | None, max_bytes: int
) -> AsyncIterator[bytes]:
    """Yield the body as it comes in, unpacked piece by piece if it is packed."""
    chunks, received = request.stream(), 0
    try:
        while (chunk := await clock.next(chunks)) is not None:
            received += len(chunk)
            if received > max_bytes:  # packed bytes count too: they may unpack to nothing
                raise _too_large(max_bytes)
            if unpacker is None:
                yield chunk
                continue
            for piece in unpacker.feed(chunk):
                yield piece
                await asyncio.sleep(0)  # other requests go on between the pieces
    except ClientDisconnect:
        raise ClientGoneError("the caller hung up while sending") from None
    if unpacker is not None:
        unpacker.finish()


def _check_length(request: Request, max_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body has more than the {max_bytes} bytes allowed")


def _merge(request: Request, form: Mapping[str, str]) -> dict[str, str]:
    """Join the options of the query and of the body. An option that is given twice is an error."""
    merged: dict[str, str] = {}
    twice: list[str] = []
    if len(request.query_params.multi_items()) > MAX_PARTS:
        raise InvalidOptionsError(f"the query has more than {MAX_PARTS} options")
    for name, value in (*request.query_params.multi_items(), *form.items()):
        if not value and name in OPTION_NAMES:  # a field that nobody filled in
            continue
        if name in merged:
            twice.append(name)
        merged[name] = value
    if twice:
        raise InvalidOptionsError(
            f"given twice: {', '.join(twice)}",
            errors=[FieldProblem(option=name, detail="given twice") for name in twice],
        )
    return merged
