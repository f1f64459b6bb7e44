"""The code of the decoding processes, which ``process_host`` starts.

The first process, the host, has loaded the decoders and does nothing but fork: a worker is there
within milliseconds and shares the host's memory. The host also ends workers, since only a parent
can do that without the danger of hitting another process. All end when the service ends.
"""

import contextlib
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import AvifImagePlugin, Image

from model.pictures import PictureError, decode
from service.decoding.socket_frames import EndedError, Failure, receive_request, send

COMMAND = struct.Struct("<cI")
"""What the service asks of the host, and the number of the worker that ``END`` is about.
With ``FORK`` comes the worker's end of a connection; ``PING`` asks for nothing."""
REPLY = struct.Struct("<q")
"""The number of the new worker, or how the worker ended: its exit code, or minus its signal."""
AVIF_THREADS = 2
"""Threads that decode one AVIF; with one per core, their stacks alone would pass the limit."""
FORK, END, PING = b"F", b"E", b"P"


def main(control: int) -> None:
    """Serve as the host until the service closes the connection ``control``."""
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the service decides when its processes end
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    AvifImagePlugin.DEFAULT_MAX_THREADS = AVIF_THREADS
    Image.MAX_IMAGE_PIXELS = None  # files are inspected before they are decoded
    Image.init()
    with socket.socket(fileno=control) as connection, contextlib.suppress(EndedError):
        while True:
            _run_command(connection)
    os.killpg(0, signal.SIGKILL)  # the workers, and this process


def _run_command(connection: socket.socket) -> None:
    message, sockets, _, _ = socket.recv_fds(connection, COMMAND.size, 1)
    if len(message) < COMMAND.size:
        raise EndedError("the service ended")
    command, number = COMMAND.unpack(message)
    if command == PING:
        connection.sendall(REPLY.pack(0))
        return
    if command == END:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        _, status = os.waitpid(number, 0)
        connection.sendall(REPLY.pack(os.waitstatus_to_exitcode(status)))
        return
    worker = os.fork()
    if not worker:
        connection.close()
        _work(socket.socket(fileno=sockets[0]))
    os.close(sockets[0])
    connection.sendall(REPLY.pack(worker))


def _work(connection: socket.socket) -> None:
    """Serve as a worker until the connection is closed; never returns."""
    code = 1
    try:
        with contextlib.suppress(OSError):  # not Linux
            # Where memory runs out, the kernel should end this process rather than the service.
            Path("/proc/self/oom_score_adj").write_text("500")
        stream, allocated = connection.makefile("rb"), _allocated()
        with contextlib.suppress(EndedError):
            while True:
                _answer(connection, stream, allocated)
        code = 0
    finally:
        os._exit(code)


def _answer(connection: socket.socket, stream: BinaryIO, allocated: int) -> None:
    """Decode one picture; ``allocated`` bytes are those of the process before its first one."""
    data, metadata, seconds, memory = receive_request(stream)
    answer: object
    try:
        with _limited(seconds, allocated + len(data) + memory):
            answer = decode(data, metadata=metadata)
    except PictureError as error:
        answer = Failure(type(error).__name__, str(error), error.hint)
    except MemoryError:
        answer = Failure(MemoryError.__name__, "")
    send(connection, answer)


@contextlib.contextmanager
def _limited(seconds: float, memory: int) -> Iterator[None]:
    """Bound what a block may cost.

    Args:
        seconds: Processor time, after which SIGPROF ends the process.
        memory: Bytes of the whole process, beyond which allocating raises MemoryError.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, before[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _allocated() -> int:
    """Return the bytes that ``RLIMIT_DATA`` counts now; a huge number where that is unknown."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:  # not Linux
        return 2**50
    return next(int(line.split()[1]) for line in status.splitlines() if "VmData" in line) * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
