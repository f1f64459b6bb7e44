"""What comes in: the picture's bytes, the options, and whether the caller is still there."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
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

T = TypeVar("T")

IMAGE_FIELDS = ("image", "file")
"""Multipart fields that may hold the picture."""
MAX_OPTION_BYTES = 64 * 1024
"""Most bytes of all form fields that are no picture."""
MAX_PARTS = 32
"""Most parts of a multipart body, and most options of a query; there are fewer than ten options."""
MAX_PART_HEADERS, MAX_PART_HEADER_BYTES = 8, 4096
"""Most headers of one part, and most bytes of one of them."""


class Upload:
    """A request's picture and options.

    Args:
        data: The picture's bytes.
        options: Options as text, from the form and the query together.
    """

    def __init__(self, data: bytes, options: Mapping[str, str]) -> None:
        self._data = data
        self.options = dict(options)

    def take(self) -> bytes:
        """Hand over the bytes; they are not kept here."""
        data, self._data = self._data, b""
        return data


@asynccontextmanager
async def receive(
    request: Request, *, held: Budget, max_bytes: int, clock: UploadClock
) -> AsyncIterator[Upload]:
    """Read a request's body, as multipart or raw; its bytes count in ``held`` for the block.

    Raises:
        ServiceError: If the body is too large, broken, of another kind, or cannot be held now.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"multipart/form-data":
        reader: _Raw | _Form = _Form(parameters.get(b"boundary", b""))
    elif kind.startswith(b"image/"):
        reader = _Raw()
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


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Run ``work``; cancel it if the caller hangs up.

    Raises:
        ClientGoneError: If they did.
    """
    task = asyncio.create_task(work)
    watcher = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError("the caller hung up")
        return task.result()
    finally:
        for other in (task, watcher):
            other.cancel()
        await asyncio.wait({task, watcher})


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check_length(request: Request, max_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body has more than the {max_bytes} bytes allowed")


def _merge(request: Request, form: Mapping[str, str]) -> dict[str, str]:
    """Join options of the query and the form; one given twice is an error."""
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


class _Raw:
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


class _Form:
    """A multipart body: one picture, and options as text fields. Never touches a disk."""

    def __init__(self, boundary: bytes) -> None:
        self.options: dict[str, str] = {}
        self._image: bytearray | None = None
        self._name = ""
        self._value = bytearray()
        self._header = (bytearray(), bytearray())
        self._option_bytes = self._parts = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": lambda data, a, b: self._header[0].extend(data[a:b]),
                    "on_header_value": lambda data, a, b: self._header[1].extend(data[a:b]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
                max_header_count=MAX_PART_HEADERS,
                max_header_size=MAX_PART_HEADER_BYTES,
            )
        except FormParserError as error:
            raise _broken(str(error)) from None

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _broken(str(error)) from None

    def finish(self) -> bytes:
        if not self._ended:
            raise _broken("it ends before its last boundary")
        if not self._image:
            raise BadRequestError("no field named 'image' holds a file", code="missing_image")
        data, self._image = bytes(self._image), None
        return data

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _broken(f"it has more than {MAX_PARTS} parts")
        self._name, self._value = "", bytearray()

    def _on_header_end(self) -> None:
        field, value = (bytes(part) for part in self._header)
        self._header = (bytearray(), bytearray())
        if field.lower() == b"content-disposition":
            _, parameters = parse_options_header(value)
            self._name = parameters.get(b"name", b"").decode("utf-8", "replace")

    def _on_headers_finished(self) -> None:
        if not self._name:
            raise _broken("a part has no name")
        if self._name in IMAGE_FIELDS:
            if self._image is not None:
                raise _broken("it holds more than one picture; send one request a picture")
            self._image = bytearray()
        elif self._name in self.options:
            raise InvalidOptionsError(f"given twice: {self._name}")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name in IMAGE_FIELDS and self._image is not None:
            self._image += memoryview(data)[start:end]
            return
        self._option_bytes += end - start
        if self._option_bytes > MAX_OPTION_BYTES:
            raise _broken(f"its options have more than {MAX_OPTION_BYTES} bytes")
        self._value += data[start:end]

    def _on_part_end(self) -> None:
        if self._name not in IMAGE_FIELDS:
            self.options[self._name] = self._value.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self._ended = True


def _broken(why: str) -> BadRequestError:
    return BadRequestError(f"the multipart body is broken: {why}", code="broken_multipart")
