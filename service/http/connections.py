"""Connections that callers cannot hold for nothing: bounded heads, slow readers, half-closed ones.

uvicorn bounds how long a kept connection may be idle. It bounds neither the size of a request's
head nor the time that a head takes, nor how long an answer may wait for a caller who does not read.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.errors import (
    HeadStalledError,
    HeadTooLargeError,
    MalformedRequestError,
    ServiceError,
)
from service.http.problems import problem_response, title

MAX_HEAD_BYTES = 64 * 2**10
"""Most bytes of a request's first line and headers together. Beyond that: 431."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROBE_SECONDS = (0.0, 0.1, 1.0)
"""When a caller who sends no more gets an interim answer. The system of a caller who is gone
answers it with a reset, which the next interim answer notices."""
_LINGER_SECONDS = 1.0
"""How long what a refused caller still sends is thrown away. Without that, the system would reset
the connection, and the caller would not see the refusal."""


@dataclass(frozen=True)
class ConnectionLimits:
    """How long a connection may make no progress.

    Attributes:
        head_seconds: Longest time from the first byte of a request, or from the opening of the
            connection, to the end of the request's head.
        answer_pause_seconds: Longest time in which a caller takes no byte of an answer.
        ended: Called with ``head`` or ``answer`` when a connection is ended for one of the two.
    """

    head_seconds: float
    answer_pause_seconds: float
    ended: Callable[[str], None]


class _TooManyHeadBytes(Exception):  # noqa: N818 - ends the parsing, and is caught by uvicorn
    """The head of a request has more bytes than are accepted."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection of a caller.

    Args:
        limits: How long it may make no progress.
        arguments: uvicorn's, as of ``HttpToolsProtocol``.
    """

    def __init__(self, *, limits: ConnectionLimits, **arguments: Any) -> None:  # noqa: ANN401
        super().__init__(**arguments)
        self._limits = limits
        self._head_bytes = 0  # that came, while the head is incomplete
        self._parsed_bytes = 0  # of the head's path and headers
        self._in_head = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._too_large = self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the caller time to send a head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless a head has become too large."""
        if self._refused:
            return
        before = self._in_head
        super().data_received(data)
        if before and self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """Begin to count the head of a request."""
        super().on_message_begin()
        self._head_bytes, self._parsed_bytes, self._in_head = 0, 0, True
        self._await_head()

    def on_url(self, url: bytes) -> None:
        """Count the path."""
        super().on_url(url)
        self._count_parsed(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        super().on_header(name, value)
        self._count_parsed(len(name) + len(value) + len(": \r\n"))

    def on_headers_complete(self) -> None:
        """End the head's time."""
        self._in_head = False
        self._stop_head_timer()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what could not be parsed."""
        if self._too_large:
            self._refuse_head()
        else:
            self._refuse(MalformedRequestError(msg))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a caller who sends no more but still reads; end the connection of any other.

        A caller who closed the whole connection looks the same until something is written.
        """
        if self._refused:
            return False
        cycle = self._unanswered()
        if cycle is None or cycle.more_body or cycle.scope["http_version"] == "1.0":
            return False  # HTTP/1.0 has no interim answers that could tell who is gone
        cycle.keep_alive = False
        for seconds in _PROBE_SECONDS:
            self.loop.call_later(seconds, self._probe, cycle)
        return True

    def pause_writing(self) -> None:
        """Begin to watch whether the caller reads."""
        super().pause_writing()
        self._watch_answer()

    def resume_writing(self) -> None:
        """End the watch."""
        super().resume_writing()
        self._stop_answer_timer()

    def _probe(self, cycle: RequestResponseCycle) -> None:
        """Write an interim answer, which clients ignore."""
        if not (cycle.response_started or self.transport.is_closing()):
            self.transport.write(_CONTINUE)

    def _count_parsed(self, size: int) -> None:
        self._parsed_bytes += size
        if self._parsed_bytes > MAX_HEAD_BYTES:
            self._too_large = True
            raise _TooManyHeadBytes

    def _await_head(self) -> None:
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(self._limits.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        if self.transport.is_closing():
            return
        if self._unanswered() is not None:
            self._await_head()  # requests behind one that is being answered are not read yet
            return
        if self._head_bytes:
            seconds = self._limits.head_seconds
            self._refuse(HeadStalledError(f"the head was not complete after {seconds:g} seconds"))
        else:
            self.transport.close()
        self._limits.ended("head")

    def _watch_answer(self) -> None:
        self._stop_answer_timer()
        left = self.transport.get_write_buffer_size()
        self._answer_timer = self.loop.call_later(
            self._limits.answer_pause_seconds, self._check_answer, left
        )

    def _check_answer(self, before: int) -> None:
        """End the connection if the caller has taken nothing since the last look."""
        if self.transport.get_write_buffer_size() < before:
            self._watch_answer()
            return
        self._limits.ended("answer")
        self.transport.abort()

    def _refuse_head(self) -> None:
        self._refuse(HeadTooLargeError(f"the head has more than {MAX_HEAD_BYTES} bytes"))

    def _unanswered(self) -> RequestResponseCycle | None:
        """Return the request that is being received or answered; None between requests."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return None if cycle is None or cycle.response_complete else cycle

    def _refuse(self, error: ServiceError) -> None:
        """Answer with a problem and close the connection: what follows cannot be understood.

        While an earlier request is being answered, only that answer is finished.
        """
        if (cycle := self._unanswered()) is not None:
            self._refused, cycle.keep_alive = True, False
            return
        answer = problem_response(error, request_id="")
        head = [f"HTTP/1.1 {error.status} {title(error.status)}".encode(), b"connection: close"]
        head += [name + b": " + value for name, value in answer.raw_headers]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + bytes(answer.body))
        self._refused = True
        self._stop_timers()
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _stop_timers(self) -> None:
        self._stop_head_timer()
        self._stop_answer_timer()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
