"""Who may come in: bounded by pixels, by requests, and by whether the service is ending."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from service.budget import Budget, Rate
from service.errors import DrainingError, FullError
from service.metrics import ServiceMetrics
from service.settings import Settings


class Admission:
    """Counts what was accepted and not yet answered; refuses what would be too much.

    Args:
        settings: Limits.
        metrics: Where the counts are shown.
    """

    def __init__(self, settings: Settings, metrics: ServiceMetrics) -> None:
        self.bytes = Budget(settings.queue_bytes)
        self.pixels = Budget(settings.queue_pixels)
        self.rate = Rate()
        self.in_flight = 0
        self.draining = False
        self._max_requests = settings.queue_requests
        self._idle = asyncio.Event()
        self._idle.set()
        self._metrics = metrics
        metrics.gauge(
            "restore_reserved_pixels",
            "Pixels of the pictures accepted and not answered.",
            lambda: self.pixels.reserved,
        )
        metrics.gauge("restore_held_bytes", "Bytes of bodies held.", lambda: self.bytes.reserved)

    @contextmanager
    def place(self, pixels: int) -> Iterator[None]:
        """Hold a place for a picture for the block.

        Raises:
            DrainingError: If the service is ending.
            FullError: If there is no place; tells when there will be.
        """
        if self.draining:
            raise DrainingError("the service is shutting down")
        if self.in_flight >= self._max_requests:
            raise self._full(f"{self.in_flight} pictures are waiting")
        with self.pixels.reservation(pixels) as granted:
            if not granted:
                raise self._full(f"{self.pixels.reserved} pixels are waiting")
            self._count(+1)
            try:
                yield
            finally:
                self._count(-1)

    async def idle(self) -> None:
        """Wait until everything accepted is answered."""
        await self._idle.wait()

    def _full(self, why: str) -> FullError:
        seconds = self.rate.seconds_for(self.pixels.reserved)
        return FullError(
            f"the service is full: {why}", retry_after=1.0 if seconds is None else seconds
        )

    def _count(self, change: int) -> None:
        self.in_flight += change
        self._metrics.in_flight.set(self.in_flight)
        if self.in_flight:
            self._idle.clear()
        else:
            self._idle.set()
