"""Chooses how the body of a request is read: by its type, and by its first bytes."""

from collections.abc import Mapping
from typing import Protocol

from python_multipart.multipart import parse_options_header

from service.errors import UnsupportedMediaError
from service.http.json_body import JsonBody
from service.http.multipart_form import MultipartForm
from service.http.raw_body import RawBody

GENERIC = frozenset(
    {
        "",
        "*/*",
        "application/binary",
        "application/octet-stream",
        "application/x-binary",
        "application/x-octet-stream",
        "application/x-www-form-urlencoded",
        "text/plain",
        "binary/octet-stream",
        "application/force-download",
        "application/x-download",
    }
)
"""Types that say nothing about a file: programs send those of forms and text by themselves."""
_JSON = (b"{", b"\xef\xbb\xbf{")
_ARRAYS = frozenset({"application/x-npy", "application/npy", "application/x-numpy"})


class BodyReader(Protocol):
    """Reads a body from its chunks."""

    @property
    def options(self) -> Mapping[str, str]:
        """The options of the body, once it is read."""

    def feed(self, chunk: bytes) -> None:
        """Read the next bytes of the body."""

    def finish(self) -> bytes:
        """Return the picture's bytes, after the last bytes of the body."""


def body_reader(content_type: str) -> BodyReader:
    """Return what reads a body of a type.

    Raises:
        UnsupportedMediaError: If no body of this type is read.
        BadRequestError: If it is multipart without a boundary.
    """
    kind, parameters = parse_options_header(content_type)
    name = kind.decode("latin-1")
    if name == "multipart/form-data":
        return MultipartForm(parameters.get(b"boundary", b""))
    if name in ("application/json", "text/json") or name.endswith("+json"):
        return JsonBody()
    if name.startswith("image/") or name in _ARRAYS:
        return RawBody()
    if name in GENERIC:
        return _AnyBody()
    raise UnsupportedMediaError(
        f"Content-Type is {name}",
        hint="Send multipart/form-data with a field 'image' (curl -F image=@photo.jpg), "
        "the file itself with Content-Type: image/... (curl --data-binary @photo.jpg "
        "-H 'Content-Type: image/jpeg'), or JSON with the picture as base64.",
    )


class _AnyBody:
    """A body without a type: its first bytes tell JSON from a picture."""

    def __init__(self) -> None:
        self._reader: BodyReader | None = None

    @property
    def options(self) -> Mapping[str, str]:
        return {} if self._reader is None else self._reader.options

    def feed(self, chunk: bytes) -> None:
        if self._reader is None and chunk:
            self._reader = JsonBody() if chunk.lstrip().startswith(_JSON) else RawBody()
        if self._reader is not None:
            self._reader.feed(chunk)

    def finish(self) -> bytes:
        return b"" if self._reader is None else self._reader.finish()
