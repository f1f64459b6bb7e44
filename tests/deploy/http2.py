"""HTTP/2 over a plain connection, from frames made by hand: also those no library would send."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx

from tools.fleet.processes import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GO_AWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACKNOWLEDGED = 1, 4, 1
STATIC = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
"""Statuses of HPACK's static table."""

Fields = Sequence[tuple[str, str]]


@dataclass
class Connection:
    """One connection; ``connected`` makes it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Send one frame."""
        self.writer.write(frame(kind, flags, stream, payload))

    async def status(self, stream: int = 1) -> int | None:
        """Wait for a stream's answer; None: the stream or the connection was ended instead."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    head = await self.reader.readexactly(9)
                    payload = await self.reader.readexactly(int.from_bytes(head[:3]))
                    kind, number = head[3], int.from_bytes(head[5:])
                    if kind == SETTINGS and not head[4] & ACKNOWLEDGED:
                        self.send(SETTINGS, ACKNOWLEDGED, 0, b"")
                    if kind == GO_AWAY or (kind == RESET and number == stream):
                        return None
                    if kind == HEADERS and number == stream:
                        return status_of(payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Connect, introduce ourselves, and end the connection afterwards."""
    there = httpx.URL(url)
    connection = Connection(*await asyncio.open_connection(there.host, there.port))
    connection.writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
    try:
        yield connection
    finally:
        connection.writer.close()
        with contextlib.suppress(ConnectionError):
            await connection.writer.wait_closed()


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Make one frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def block(fields: Fields) -> bytes:
    """Write header fields as HPACK literals without indexing."""
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)


def _string(text: str) -> bytes:
    data = text.encode("latin-1")
    length, size = len(data), b""
    if length < 127:
        return bytes([length]) + data
    length -= 127
    while length >= 128:
        size += bytes([length % 128 + 128])
        length //= 128
    return b"\x7f" + size + bytes([length]) + data


def status_of(payload: bytes) -> int:
    """Read the status, which is the first field of an answer."""
    while payload[0] & 0xE0 == 0x20:  # the table's size
        payload = payload[1:]
    if payload[0] & 0x80:
        return STATIC[payload[0] & 0x7F]
    return int(payload[2 : 2 + payload[1]])


async def ask(url: str, fields: Fields, body: bytes | None = None) -> int | None:
    """Send one request on a connection of its own; return its status, None: it was cut off."""
    async with connected(url) as connection:
        ending = END_HEADERS | (END_STREAM if body is None else 0)
        connection.send(HEADERS, ending, 1, block(fields))
        if body is not None:
            connection.send(DATA, END_STREAM, 1, body)
        return await connection.status()


def request(method: str, path: str, *more: tuple[str, str]) -> Fields:
    """Make the fields of a request."""
    pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "service")]
    return [*pseudo, *more]
