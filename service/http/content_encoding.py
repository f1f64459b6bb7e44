"""Bodies that the caller has packed: ``Content-Encoding: gzip`` and ``deflate``."""

import zlib
from collections.abc import Iterator
from typing import Protocol

from service.errors import BadRequestError, UnsupportedMediaError

PIECE_BYTES = 64 * 2**10
"""Most bytes that are unpacked at once, so that they are counted before there are many."""
MAX_MEMBERS = 4096
"""Most members of a gzip file. Programs that pack in parallel write one per 64 KiB."""
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_DEFLATED = 8
"""Lowest four bits of the first byte of zlib's format."""


class Unpacker(Protocol):
    """Undoes the encoding of a body."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the next bytes of the body hold, in pieces of at most ``PIECE_BYTES``."""

    def finish(self) -> None:
        """Check that the encoding has ended, after the last bytes of the body."""


def unpacker_of(header: str) -> Unpacker | None:
    """Return what undoes the encodings that ``Content-Encoding`` names; None: there are none.

    Raises:
        UnsupportedMediaError: If an encoding is not known, or if there are several.
    """
    codings = [one for part in header.split(",") if (one := part.strip().lower())]
    codings = [one for one in codings if one != "identity"]
    if not codings:
        return None
    if codings in (["gzip"], ["x-gzip"]):
        return _Inflater(is_gzip=True)
    if codings == ["deflate"]:
        return _Inflater(is_gzip=False)
    raise UnsupportedMediaError(
        f"Content-Encoding is {', '.join(codings)}, which is not undone here",
        code="unsupported_encoding",
        hint="Send the body as it is, or packed once by gzip or deflate.",
        headers={"Accept-Encoding": "gzip, deflate"},
    )


class _Inflater:
    """Unpacks gzip, also of several members, and deflate with zlib's header or without it.

    Args:
        is_gzip: Whether it is gzip.
    """

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip, self._members = is_gzip, 0
        self._stream: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the next bytes of the body hold, in pieces of at most ``PIECE_BYTES``."""
        try:
            yield from self._pieces(chunk)
        except zlib.error:
            raise _broken("what is packed is damaged, or is not packed") from None

    def _pieces(self, chunk: bytes) -> Iterator[bytes]:
        while chunk := self._begin_member(chunk):
            piece = None
            while piece is None or chunk or len(piece) == PIECE_BYTES:
                assert self._stream is not None
                piece = self._stream.decompress(chunk, PIECE_BYTES)
                chunk = self._stream.unconsumed_tail
                if piece:
                    yield piece
                if self._stream.eof:
                    chunk = self._stream.unused_data
                    break

    def _begin_member(self, chunk: bytes) -> bytes:
        """Begin the first or the next member where one begins; return what is to be unpacked."""
        if self._stream is not None and not self._stream.eof:
            return chunk
        if self._stream is not None:
            chunk = chunk.lstrip(b"\0")  # zeros between the members of a gzip file are padding
        if not chunk:
            return b""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise _broken(f"it has more than {MAX_MEMBERS} members")
        if self._members > 1 and not self._is_gzip:
            raise _broken("bytes follow the end of what is packed")
        zlib_header = chunk[0] & 15 == _DEFLATED
        self._stream = zlib.decompressobj(
            _GZIP if self._is_gzip else _ZLIB if zlib_header else _RAW
        )
        return chunk

    def finish(self) -> None:
        """Check that the encoding has ended, after the last bytes of the body."""
        if self._stream is None or not self._stream.eof:
            raise _broken("it ends before the end of what is packed")


def _broken(why: str) -> BadRequestError:
    return BadRequestError(
        f"the body is not what its Content-Encoding says: {why}",
        code="broken_encoding",
        hint="Send the body as it is, without Content-Encoding.",
    )
