"""The service's side of the decoding processes: starts them, sends them files, ends them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from pickle import PickleBuffer
from typing import BinaryIO

from model.pictures import (
    BrokenPictureError,
    Metadata,
    OversizedPictureError,
    Picture,
    UnsupportedPictureError,
)
from service.concurrency.stop_signal import StoppedError, StopSignal
from service.decoding import worker_process
from service.decoding.decode_limits import DecodeLimits
from service.decoding.socket_frames import EndedError, Failure, receive_answer, send
from service.decoding.worker_process import COMMAND, END, FORK, PING, REPLY

_ERRORS = {
    kind.__name__: kind
    for kind in (BrokenPictureError, UnsupportedPictureError, OversizedPictureError)
}


LARGE_BYTES = 16 * 2**20
"""Bytes of pixels after which the process is ended. Decoders keep memory, which would add up."""
PATIENCE = 5.0
"""Seconds to wait until the host ends by itself."""


class DecodingHost:
    """The host process, which forks the decoding processes. It starts when it is first needed.

    Args:
        module: The module that it runs.
    """

    def __init__(self, module: str = worker_process.__name__) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, connection: socket.socket) -> int:
        """Start a decoding process for the other end of ``connection``; return its number."""
        with self._lock:
            try:
                return self._ask(FORK, 0, connection)
            except OSError:  # the host died: start another one
                self._close()
                return self._ask(FORK, 0, connection)

    def end(self, number: int) -> int:
        """End a decoding process; return its exit code, or minus the signal that ended it."""
        with self._lock:
            try:
                return self._ask(END, number)
            except OSError:  # its workers died with the host
                self._close()
                return -signal.SIGKILL

    @property
    def process_id(self) -> int:
        """The number of the host process; 0 if it does not run."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the host, and wait until it has loaded the decoders."""
        with self._lock:
            self._ask(PING, 0)

    def decoder(self) -> "DecodingProcess":
        """Make one more decoder. Its process starts when it is first needed."""
        return DecodingProcess(self)

    def close(self) -> None:
        """End the host and all decoding processes. Callers that wait for one get an error."""
        with self._lock:
            self._close()

    def __del__(self) -> None:
        """End a host that was started while the service was already stopping."""
        self._close()

    def _ask(self, command: bytes, number: int, sent: socket.socket | None = None) -> int:
        if self._connection is None:
            self._start()
        assert self._connection is not None
        files = [] if sent is None else [sent.fileno()]
        socket.send_fds(self._connection, [COMMAND.pack(command, number)], files)
        reply = self._connection.recv(REPLY.size, socket.MSG_WAITALL)
        if len(reply) < REPLY.size:
            raise ConnectionResetError("the host of the decoding processes ended")
        return int(REPLY.unpack(reply)[0])

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
            )
        self._connection = ours

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._connection = self._process = None


def _environment() -> dict[str, str]:
    """Return the environment of the host: the path of our code, and no secrets of the service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ABAIR_")}
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return kept | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class DecoderEndedError(Exception):
    """A decoding process ended before the picture was decoded.

    Args:
        code: Its exit code, or minus the signal that ended it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the decoding process ended with {code}")
        self.code = code

    @property
    def took_too_long(self) -> bool:
        """Whether it took more processor time than its limits allow."""
        return self.code == -signal.SIGPROF

    @property
    def was_killed(self) -> bool:
        """Whether it was killed from outside, as the kernel does where memory runs out."""
        return self.code == -signal.SIGKILL


class MemoryLimitError(Exception):
    """Decoding a picture needs more memory than its limits allow."""


class DecodingProcess:
    """A process that decodes pictures, one at a time. After its end the next call starts another.

    Args:
        host: Starts the process.
    """

    def __init__(self, host: DecodingHost) -> None:
        self._host = host
        self._number = 0
        self._connection: socket.socket | None = None
        self._stream: BinaryIO | None = None

    def decode(
        self, data: bytes, limits: DecodeLimits, *, metadata: Metadata, stop: StopSignal
    ) -> Picture:
        """Decode a picture. Raises the errors of ``model.pictures.decode``, and these.

        Raises:
            DecoderEndedError: If the process ended before the picture's end.
            MemoryLimitError: If the picture needs more memory than its limits allow.
            StoppedError: If ``stop`` was set before the picture's end.
        """
        connection, stream = self._connected()
        request = (PickleBuffer(data), metadata, limits.seconds, limits.memory)
        try:
            with stop.runs(lambda: _hang_up(connection)):
                send(connection, request)
                answer = receive_answer(stream)
        except (EndedError, ValueError):
            code = self._end()
            if stop.is_set:
                raise StoppedError("nobody waits for the picture any more") from None
            raise DecoderEndedError(code) from None
        if isinstance(answer, Failure):
            raise _exception(answer)
        assert isinstance(answer, Picture)
        if answer.rgb.nbytes > LARGE_BYTES:
            self._end()  # so that its memory is freed at once
        return answer

    def close(self) -> None:
        """Close the connection, which ends the process."""
        for end in (self._stream, self._connection):
            if end is not None:
                end.close()
        self._connection = self._stream = None

    def _connected(self) -> tuple[socket.socket, BinaryIO]:
        if self._connection is None or self._stream is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._number = self._host.fork(theirs)
            self._connection, self._stream = ours, ours.makefile("rb")
        return self._connection, self._stream

    def _end(self) -> int:
        """End the process; return its exit code."""
        self.close()
        return self._host.end(self._number)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side may be gone
        connection.shutdown(socket.SHUT_RDWR)


def _exception(failure: Failure) -> Exception:
    if failure.kind == MemoryError.__name__:
        return MemoryLimitError("decoding needs more memory than its limits allow")
    return _ERRORS[failure.kind](failure.detail, hint=failure.hint)
