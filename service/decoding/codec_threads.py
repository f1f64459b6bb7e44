"""The threads in which picture files are read, decoded and encoded: never in the event loop.

Headers are read and pictures are encoded in these threads. Decoders are C code that cannot be
interrupted, and they read files of strangers. So each thread has a decoder that runs in a process,
which can be ended: ``service.decoding.process_host``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar

import cv2

from model.pictures import Metadata, Picture
from service.concurrency.stop_signal import StopSignal
from service.concurrency.thread_pool import PoolClosedError, PoolRequest, ThreadPool
from service.decoding.decode_errors import as_service_errors
from service.decoding.decode_limits import DecodeLimits
from service.errors import DrainingError, OutOfMemoryError

P = ParamSpec("P")
T = TypeVar("T")

HEADER_THREADS = 2
"""Threads that only read headers, so that a refusal does not wait for pictures."""
SMALL_PIXELS, SMALL_BYTES = 2**20, 2**20
"""Most pixels of a picture, and most bytes of its file, that do not wait for large pictures."""


class Decoder(Protocol):
    """Decodes one picture at a time, in one thread."""

    def decode(
        self, data: bytes, limits: DecodeLimits, *, metadata: Metadata, stop: StopSignal
    ) -> Picture:
        """Decode a picture within its limits, as ``process_host.DecodingProcess.decode`` does."""

    def close(self) -> None:
        """End the decoder. Nothing is decoded afterwards."""


class DecoderSource(Protocol):
    """Makes decoders."""

    def start(self) -> None:
        """Load what decoding needs."""

    def decoder(self) -> Decoder:
        """Make one more decoder."""

    def close(self) -> None:
        """End all decoders."""


class CodecThreads:
    """Threads that decode and encode pictures, and others that read headers.

    Args:
        threads: Number of pictures that are decoded or encoded at once. Large pictures leave one
            thread to small ones.
        decoders: Makes the decoder of each thread.
    """

    def __init__(self, threads: int, decoders: DecoderSource) -> None:
        cv2.setNumThreads(1)  # OpenCV's own threads would take cores from these and from the model
        self._decoders = decoders
        self._pictures = ThreadPool("codec", [decoders.decoder() for _ in range(threads)])
        self._headers = ThreadPool("header", [None] * HEADER_THREADS)

    async def start(self) -> None:
        """Load what decoding needs."""
        await self._pictures.run(PoolRequest(), lambda _: self._decoders.start())

    async def decode(
        self, request: PoolRequest, data: bytes, limits: DecodeLimits, *, metadata: Metadata
    ) -> Picture:
        """Decode a picture. If the caller leaves, the decoding process is ended."""
        stop = StopSignal()

        def call(decoder: Decoder) -> Picture:
            with as_service_errors():
                return decoder.decode(data, limits, metadata=metadata, stop=stop)

        with _pool_errors():
            return await self._pictures.run(request, call, stop)

    async def run(
        self, request: PoolRequest, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` in a thread for pictures. It goes on if the caller leaves."""
        with _pool_errors():
            return await self._pictures.run(request, lambda _: function(*args, **kwargs))

    async def run_for_header(
        self, request: PoolRequest, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` in a thread for headers. It goes on if the caller leaves."""
        with _pool_errors():
            return await self._headers.run(request, lambda _: function(*args, **kwargs))

    def abandon(self) -> None:
        """Raise ``DrainingError`` for everybody who waits."""
        self._pictures.abandon()
        self._headers.abandon()

    def close(self) -> None:
        """End the decoders, and let the threads end."""
        self._decoders.close()
        self._pictures.stop(lambda decoder: decoder.close())
        self._headers.stop(lambda _: None)


@contextmanager
def _pool_errors() -> Iterator[None]:
    """Turn the errors of a thread pool into the service's errors."""
    try:
        yield
    except MemoryError:
        raise OutOfMemoryError("the service does not have enough memory for this picture") from None
    except PoolClosedError:
        raise DrainingError("the service was stopped before the picture was done") from None
