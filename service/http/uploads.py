"""Reads the body of a request, within its limits: the picture's bytes and the options."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from python_multipart.multipart import parse_options_header
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
    UnsupportedMediaError,
)
from service.http.multipart_form import MAX_PARTS, MultipartForm

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
    """Read the body of a request, multipart or raw.

    Args:
        request: The request.
        held: Counts the bytes of the body for the block.
        max_bytes: Largest body.
        clock: Bounds how long the body takes.

    Raises:
        ServiceError: If the body is too large, broken or of another type, or if too many bytes of
            other requests are held.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"multipart/form-data":
        reader: _RawBody | MultipartForm = MultipartForm(parameters.get(b"boundary", b""))
    elif kind.startswith(b"image/"):
        reader = _RawBody()
    else:
        raise UnsupportedMediaError(
            f"Content-Type is {kind.decode('latin-1') or 'missing'}",
            hint="Send multipart/form-data with a field 'image' (curl -F image=@photo.jpg), "
            "or the file itself with Content-Type: image/... (curl --data-binary @photo.jpg "
            "-H 'Content-Type: image/jpeg').",
        )
    _check_length(request, max_bytes)
    size = 0
    try:
        try:
            chunks = request.stream()
            while (chunk := await clock.next(chunks)) is not None:
                size += len(chunk)
                if not held.try_reserve(len(chunk)):
                    size -= len(chunk)
                    raise FullError("too many bytes of other requests are held")
                if size > max_bytes:
                    raise _too_large(max_bytes)
                reader.feed(chunk)
        except ClientDisconnect:
            raise ClientGoneError("the caller hung up while sending") from None
        yield Upload(reader.finish(), _merge(request, reader.options))
    finally:
        held.release(size)


def _check_length(request: Request, max_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body has more than the {max_bytes} bytes allowed")


def _merge(request: Request, form: Mapping[str, str]) -> dict[str, str]:
    """Join the options of the query and of the form. An option that is given twice is an error."""
    merged: dict[str, str] = {}
    twice: list[str] = []
    if len(request.query_params.multi_items()) > MAX_PARTS:
        raise InvalidOptionsError(f"the query has more than {MAX_PARTS} options")
    for name, value in (*request.query_params.multi_items(), *form.items()):
        if name in merged:
            twice.append(name)
        merged[name] = value
    if twice:
        raise InvalidOptionsError(
            f"given twice: {', '.join(twice)}",
            errors=[FieldProblem(option=name, detail="given twice") for name in twice],
        )
    return merged


class _RawBody:
    """A body that is the picture itself."""

    def __init__(self) -> None:
        self.options: dict[str, str] = {}
        self._chunks: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def finish(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        if not data:
            raise BadRequestError("the body is empty", code="missing_image")
        return data
