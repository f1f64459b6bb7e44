"""Reads a multipart body: one picture, and options as text fields. Nothing is written to disk."""

from collections.abc import Mapping

from python_multipart.multipart import parse_options_header

from service.errors import BadRequestError, InvalidOptionsError
from service.http.base64_text import Base64Text
from service.http.form_fields import MAX_OPTION_BYTES, is_ignored, is_image
from service.http.multipart_parts import MultipartError, PartReader
from service.http.raw_body import RawBody
from service.options import OPTION_NAMES

MAX_PARTS = 32
"""Most parts of a multipart body, and most options of a query; there are fewer than ten options."""
_PLAIN = ("", "7bit", "8bit", "binary")


class MultipartForm:
    """Parses the chunks of a multipart body.

    The picture is the part whose name is in ``form_fields``, or that is a file and no option. A
    file without bytes is left out: browsers send one for a field that nobody filled in.

    Args:
        boundary: The boundary of its parts, from the content type.

    Raises:
        BadRequestError: If the body is not multipart, or has no picture.
        InvalidOptionsError: If an option is given twice.
    """

    def __init__(self, boundary: bytes) -> None:
        self.options: dict[str, str] = {}
        self._image: RawBody | Base64Text | None = None
        self._picture = b""
        self._name = ""
        self._value = bytearray()
        self._is_base64 = False
        self._option_bytes = self._parts = 0
        try:
            self._reader = PartReader(boundary, self)
        except MultipartError as error:
            raise _broken(str(error)) from None

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes of the body."""
        try:
            self._reader.feed(chunk)
        except MultipartError as error:
            raise _broken(str(error)) from None

    def finish(self) -> bytes:
        """Return the picture's bytes, after the last bytes of the body."""
        if not self._reader.has_ended:
            raise _broken("it ends before its last boundary")
        if not self._picture:
            raise BadRequestError("no field named 'image' holds a file", code="missing_image")
        data, self._picture = self._picture, b""
        return data

    def begin(self, headers: Mapping[str, str]) -> None:
        """Begin a part."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _broken(f"it has more than {MAX_PARTS} parts")
        _, parameters = parse_options_header(headers.get("content-disposition", ""))
        self._name = _unquoted(parameters.get(b"name", b"").decode("utf-8", "replace"))
        if not self._name and b"filename" not in parameters:
            raise _broken("a part has no name")
        encoding = headers.get("content-transfer-encoding", "").strip().lower()
        if encoding not in (*_PLAIN, "base64"):
            raise _broken(f"a part's Content-Transfer-Encoding is {encoding}; send it as binary")
        self._is_base64, self._value = encoding == "base64", bytearray()
        is_file = b"filename" in parameters or headers.get("content-type", "").startswith("image/")
        if is_image(self._name) or (is_file and self._name not in OPTION_NAMES):
            self._image = Base64Text(f"the field {self._name!r}") if self._is_base64 else RawBody()
        elif self._name in self.options:
            raise InvalidOptionsError(f"given twice: {self._name}")

    def data(self, data: bytes) -> None:
        """Take the next bytes of the part."""
        if self._image is not None:
            self._image.feed(data)
            return
        self._option_bytes += len(data)
        if self._option_bytes > MAX_OPTION_BYTES:
            raise _broken(f"its options have more than {MAX_OPTION_BYTES} bytes")
        self._value += data

    def end(self) -> None:
        """End the part."""
        if self._image is not None:
            picture, self._image = self._image.finish(), None
            if picture and self._picture:
                raise _broken("it holds more than one picture; send one request per picture")
            self._picture = picture or self._picture
        elif not is_ignored(self._name):
            value = bytes(self._value)
            if self._is_base64:
                text = Base64Text(f"the field {self._name!r}")
                text.feed(value)
                value = text.finish()
            self.options[self._name] = value.decode("utf-8", "replace")


def _unquoted(name: str) -> str:
    """Leave out single quotes, which some programs write instead of double ones."""
    quoted = len(name) > 2 and name[0] == name[-1] == "'"
    return name[1:-1] if quoted else name


def _broken(why: str) -> BadRequestError:
    return BadRequestError(f"the multipart body is broken: {why}", code="broken_multipart")
