"""Splits a multipart body into its parts, as the chunks of the body come in.

RFC 2046 wants CRLF at the end of each line. Programs that write bodies themselves often send LF,
or text before the first boundary. ``python_multipart`` refuses both, so this is our own: the first
boundary's line tells which line end the body has, and what comes before it is left out.
"""

from collections.abc import Mapping
from typing import Protocol

MAX_PART_HEADERS, MAX_PART_HEADER_BYTES = 8, 4096
"""Most headers of one part, and most bytes of one of them."""
_MAX_BOUNDARY = 256
_MAX_PREAMBLE = 64 * 2**10
_MAX_PADDING = 256
"""Most spaces between a boundary and the end of its line."""


class MultipartError(ValueError):
    """The body is not built as multipart demands. The text says why."""


class Parts(Protocol):
    """What is done with the parts."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Begin a part; the names of its headers are in lower case, the values in Latin-1."""

    def data(self, data: bytes) -> None:
        """Take the next bytes of the part."""

    def end(self) -> None:
        """End the part."""


class PartReader:
    """Finds the parts of a multipart body.

    Args:
        boundary: The boundary, from the content type.
        parts: What is done with the parts.

    Raises:
        MultipartError: If the boundary or the body cannot be used.
    """

    def __init__(self, boundary: bytes, parts: Parts) -> None:
        if not boundary:
            raise MultipartError("its Content-Type has no boundary")
        if len(boundary) > _MAX_BOUNDARY:
            raise MultipartError(f"its boundary has more than {_MAX_BOUNDARY} bytes")
        self._dashes, self._parts = b"--" + boundary, parts
        self._line_end = b""
        self._buffer = b""
        self._headers: dict[str, str] = {}
        self._header_lines = 0
        self._preamble = 0
        self._step = self._before_parts
        self.has_ended = False

    def feed(self, chunk: bytes) -> None:
        """Find parts in the next bytes of the body."""
        self._buffer += chunk
        while not self.has_ended and self._step():
            pass
        if self.has_ended:
            self._buffer = b""  # what follows the last boundary says nothing

    def _before_parts(self) -> bool:
        """Look for the line of the first boundary; return whether it is there."""
        at = 0
        while (at := self._buffer.find(self._dashes, at)) >= 0:
            begins_line = (at == 0 and not self._preamble) or self._buffer[at - 1 : at] == b"\n"
            if begins_line and (line := self._rest_of_line(at + len(self._dashes))) != b"":
                if line is None:
                    self._drop(at - 1)
                    return False
                self._line_end = self._line_end or (b"\r\n" if line.endswith(b"\r\n") else b"\n")
                return self._after_boundary(at + len(self._dashes), line)
            at += 1
        self._drop(len(self._buffer) - len(self._dashes) - 1)
        return False

    def _drop(self, count: int) -> None:
        """Leave out text before the first boundary."""
        count = max(0, count)
        self._preamble += count
        if self._preamble > _MAX_PREAMBLE:
            raise MultipartError(f"its first boundary is not in its first {_MAX_PREAMBLE} bytes")
        self._buffer = self._buffer[count:]

    def _rest_of_line(self, start: int) -> bytes | None:
        """Return what follows the dashes of a boundary up to the end of its line.

        Returns:
            The spaces and the line's end, or ``--``; None: more bytes are needed; empty: this is no
            boundary.
        """
        rest = self._buffer[start : start + _MAX_PADDING]
        if rest.startswith(b"--"):
            return b"--"
        padding = rest[: len(rest) - len(rest.lstrip(b" \t"))]
        rest = rest[len(padding) :]
        for end in (b"\r\n", b"\n"):
            if rest.startswith(end):
                return padding + end
        unfinished = rest in (b"", b"\r") or (rest == b"-" and not padding)
        return None if unfinished and len(padding) < _MAX_PADDING else b""

    def _after_boundary(self, start: int, line: bytes) -> bool:
        self._buffer = self._buffer[start + len(line) :]
        self.has_ended = line == b"--"
        self._headers, self._header_lines, self._step = {}, 0, self._in_headers
        return True

    def _in_headers(self) -> bool:
        """Read one line of a part's headers; return whether it was there."""
        end = self._buffer.find(b"\n")
        if max(end, len(self._buffer) if end < 0 else 0) > MAX_PART_HEADER_BYTES:
            raise MultipartError(f"a part's header has more than {MAX_PART_HEADER_BYTES} bytes")
        if end < 0:
            return False
        line = self._buffer[:end].removesuffix(b"\r").decode("latin-1")
        if not line:
            self._parts.begin(self._headers)
            # The line end before a boundary belongs to it, so it is kept for an empty part.
            self._buffer = self._line_end + self._buffer[end + 1 :]
            self._step = self._at_data
            return True
        self._buffer = self._buffer[end + 1 :]
        self._add_header(line)
        return True

    def _add_header(self, line: str) -> None:
        self._header_lines += 1
        if self._header_lines > MAX_PART_HEADERS:
            raise MultipartError(f"a part has more than {MAX_PART_HEADERS} headers")
        name, colon, value = line.partition(":")
        if line[0] in " \t" and self._headers:  # the last header goes on
            name = next(reversed(self._headers))
            value = f"{self._headers[name]} {line.strip()}"
        elif not colon or not name.strip():
            raise MultipartError("a part has a header that cannot be read")
        self._headers[name.strip().lower()] = value.strip()

    def _at_data(self) -> bool:
        """Begin a part's data, before which a line end was added."""
        if len(self._buffer) < len(self._line_end) + len(self._dashes) + 2:
            return False
        if self._buffer.startswith(self._line_end + self._dashes):
            line = self._rest_of_line(len(self._line_end) + len(self._dashes))
            if line is None:
                return False
            if line:
                self._parts.end()
                return self._after_boundary(len(self._line_end) + len(self._dashes), line)
        self._buffer = self._buffer[len(self._line_end) :]
        self._step = self._in_data
        return True

    def _in_data(self) -> bool:
        """Pass on a part's data; return whether its end was there."""
        mark, at = self._line_end + self._dashes, 0
        while (at := self._buffer.find(mark, at)) >= 0:
            line = self._rest_of_line(at + len(mark))
            if line is None:
                self._pass_on(at)
                return False
            if line:
                self._pass_on(at)
                self._parts.end()
                return self._after_boundary(len(mark), line)
            at += 1
        self._pass_on(len(self._buffer) - len(mark))
        return False

    def _pass_on(self, count: int) -> None:
        if count > 0:
            self._parts.data(self._buffer[:count])
            self._buffer = self._buffer[count:]
