"""Reads a multipart body: one picture, and options as text fields. Nothing is written to disk."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.errors import BadRequestError, InvalidOptionsError

IMAGE_FIELDS = ("image", "file")
"""Multipart fields that may hold the picture."""
MAX_OPTION_BYTES = 64 * 1024
"""Most bytes of all form fields that are no picture."""
MAX_PARTS = 32
"""Most parts of a multipart body, and most options of a query; there are fewer than ten options."""
MAX_PART_HEADERS, MAX_PART_HEADER_BYTES = 8, 4096
"""Most headers of one part, and most bytes of one of them."""


class MultipartForm:
    """Parses the chunks of a multipart body.

    Args:
        boundary: The boundary of its parts, from the content type.

    Raises:
        BadRequestError: If the body is not multipart as RFC 7578 says, or has no picture.
        InvalidOptionsError: If an option is given twice.
    """

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
        """Parse the next bytes of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _broken(str(error)) from None

    def finish(self) -> bytes:
        """Return the picture's bytes, after the last bytes of the body."""
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
