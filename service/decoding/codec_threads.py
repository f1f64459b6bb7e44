"""Where pictures are read, decoded and encoded: never in the event loop.

Headers are read and pictures are encoded in threads. Decoding runs files of strangers through code
that cannot be interrupted, so it runs in processes, which can be ended: ``service.decoding``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar

from model.pictures import Metadata, Picture
from service.concurrency.thread_pool import Errand, PoolClosedError, Stop, ThreadPool
from service.decoding.decode_errors import told
from service.decoding.decode_limits import Limits
from service.errors import DrainingError, OutOfMemoryError

P = ParamSpec("P")
T = TypeVar("T")

HEADER_THREADS = 2
"""Threads that read headers alone, so that a refusal does not queue behind pictures."""


class Decoder(Protocol):
    """Decodes one picture at a time, in one thread."""

    def decode(self, data: bytes, limits: Limits, *, metadata: Metadata, stop: Stop) -> Picture:
        """Decode a picture within its limits, as ``service.decoding.Worker.decode`` does."""

    def close(self) -> None:
        """End what it holds; nothing is decoded afterwards."""


class Decoders(Protocol):
    """Where decoders come from."""

    def start(self) -> None:
        """Load what decoding needs."""

    def decoder(self) -> Decoder:
        """Make one more decoder."""

    def close(self) -> None:
        """End all decoders."""


class Codecs:
    """Threads for pictures, and others for headers.

    Args:
        threads: How many work on pictures; large pictures leave one of them to small ones.
        decoders: Where each of these threads has its decoder from.
    """

    def __init__(self, threads: int, decoders: Decoders) -> None:
        self._decoders = decoders
        self._pictures = ThreadPool("codec", [decoders.decoder() for _ in range(threads)])
        self._headers = ThreadPool("header", [None] * HEADER_THREADS)

    async def start(self) -> None:
        """Load what decoding needs."""
        await self._pictures.run(Errand(), lambda _: self._decoders.start())

    async def decode(
        self, errand: Errand, data: bytes, limits: Limits, *, metadata: Metadata
    ) -> Picture:
        """Decode a picture; its process is ended if the caller leaves."""
        stop = Stop()

        def work(decoder: Decoder) -> Picture:
            with told():
                return decoder.decode(data, limits, metadata=metadata, stop=stop)

        with _pool_told():
            return await self._pictures.run(errand, work, stop)

    async def run(
        self, errand: Errand, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` in a thread for pictures; it goes on if the caller leaves."""
        with _pool_told():
            return await self._pictures.run(errand, lambda _: function(*args, **kwargs))

    async def read(
        self, errand: Errand, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` in a thread for headers; it goes on if the caller leaves."""
        with _pool_told():
            return await self._headers.run(errand, lambda _: function(*args, **kwargs))

    def abandon(self) -> None:
        """Tell everybody who waits that they wait in vain."""
        self._pictures.abandon()
        self._headers.abandon()

    def close(self) -> None:
        """End the decoders, and let the threads end."""
        self._decoders.close()
        self._pictures.stop(lambda decoder: decoder.close())
        self._headers.stop(lambda _: None)


@contextmanager
def _pool_told() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise OutOfMemoryError("the service does not have enough memory for this picture") from None
    except PoolClosedError:
        raise DrainingError("the service was stopped before the picture was done") from None
