"""Accepts or refuses pictures: limits on requests, pixels and memory, keys, and deadlines."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.admission.counters import Budget, Rate
from service.admission.picture_request import Caller
from service.errors import (
    CostlyImageError,
    DeadlineExceededError,
    FullError,
    KeyLimitError,
)
from service.observability.metrics import ServiceMetrics
from service.settings import Settings

LEAST_PIXELS = 2**16
"""Smaller batches and pictures are charged as this many pixels: fixed costs dominate them."""


class Admission:
    """Counts the pictures that were accepted and not yet answered, and refuses too many.

    Args:
        settings: The limits.
        metrics: Shows the counts.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bytes = Budget(settings.queue_bytes)
        self.pixels = Budget(settings.queue_pixels)
        self.memory = Budget(settings.queue_memory_bytes)
        self.rate = Rate()
        """Pixels per second of the device while it runs batches; see ``batch_ran``."""
        self.in_flight = 0
        self._settings, self._clock = settings, clock
        self._key_requests: Counter[str] = Counter()
        self._key_pixels: Counter[str] = Counter()
        self._metrics = metrics
        metrics.gauge(
            "restore_reserved_pixels",
            "Pixels of the pictures accepted and not yet answered.",
            lambda: self.pixels.reserved,
        )
        metrics.gauge(
            "restore_reserved_bytes",
            "Bytes of memory reserved for the pictures accepted and not yet answered.",
            lambda: self.memory.reserved,
        )
        metrics.gauge(
            "restore_held_bytes",
            "Bytes in memory of request bodies, and of answers until they have been taken.",
            lambda: self.bytes.reserved,
        )

    @contextmanager
    def request(self, caller: Caller) -> Iterator[None]:
        """Count a request of a key for the block. The block begins before the body is read.

        Raises:
            KeyLimitError: If the key has as many requests in progress as it may have.
        """
        limit, count = self._settings.key_requests, self._key_requests[caller.key]
        if caller.key and limit is not None and count >= limit:
            raise KeyLimitError(
                f"this key has {count} requests in progress of {limit} allowed",
                retry_after=self._seconds_for(self._key_pixels[caller.key] / count),
            )
        self._key_requests[caller.key] += 1
        try:
            yield
        finally:
            caller.ongoing.when_done(lambda: _subtract(self._key_requests, caller.key, 1))

    @contextmanager
    def place(self, pixels: int, caller: Caller, *, memory: int = 0) -> Iterator[None]:
        """Reserve a place for a picture for the block, and until its calls in threads have ended.

        Args:
            pixels: Number of pixels of the picture.
            caller: Who sent it.
            memory: Bytes that the picture will need.

        Raises:
            KeyLimitError: If the caller's key would have more pixels in progress than it may have.
            FullError: If there is no place, or none in time. It says when there will be one.
            CostlyImageError: If the picture needs more memory than all pictures together may have.
            DeadlineExceededError: If the picture would be too late even if it were alone.
        """
        self._check_room(pixels)
        self._check_memory(memory)
        self._check_key(pixels, caller)
        self._check_deadline(pixels, caller.deadline)
        self._reserve(pixels, memory, caller)
        try:
            yield
        finally:
            caller.ongoing.when_done(lambda: self._release(pixels, memory, caller))

    def batch_ran(self, pixels: int, seconds: float) -> None:
        """Note that a batch of ``pixels`` took ``seconds`` of the device."""
        self.rate.observe(max(pixels, LEAST_PIXELS), seconds)

    def _check_room(self, pixels: int) -> None:
        reserved = self.pixels.reserved
        if self.in_flight >= self._settings.queue_requests:
            raise FullError(
                f"the service is full: {self.in_flight} pictures are waiting",
                retry_after=self._seconds_for(reserved / self.in_flight),
            )
        excess = reserved + pixels - self.pixels.limit
        if excess > 0:
            raise FullError(
                f"the service is full: {reserved} pixels are waiting",
                retry_after=self._seconds_for(excess),
            )

    def _check_memory(self, memory: int) -> None:
        if memory > self.memory.limit:
            raise CostlyImageError(
                f"the picture needs about {memory >> 20} MiB of memory, and "
                f"{self.memory.limit >> 20} MiB are allowed",
                hint="Send a smaller picture, or ask for format=jpeg, which takes less memory; the "
                "operator sets the limit with ABAIR_QUEUE_MEMORY_BYTES.",
            )
        excess = self.memory.reserved + memory - self.memory.limit
        if excess > 0:
            pixels_per_byte = self.pixels.reserved / self.memory.reserved
            raise FullError(
                f"the service is full: {self.memory.reserved >> 20} MiB of memory are reserved",
                retry_after=self._seconds_for(excess * pixels_per_byte),
            )

    def _check_key(self, pixels: int, caller: Caller) -> None:
        limit = self._settings.key_pixels
        if not caller.key or limit is None:
            return
        excess = self._key_pixels[caller.key] + pixels - limit
        if excess > 0:
            raise KeyLimitError(
                f"this key has {self._key_pixels[caller.key]} pixels in progress of {limit}",
                retry_after=self._seconds_for(excess),
            )

    def _check_deadline(self, pixels: int, deadline: float | None) -> None:
        alone = self.rate.seconds_for(max(pixels, LEAST_PIXELS))
        if deadline is None or alone is None:
            return
        left, ahead = deadline - self._clock(), self._seconds_for(self.pixels.reserved)
        if alone > left:
            raise DeadlineExceededError(
                f"the picture would take about {alone:.1f} s, but {max(0.0, left):.1f} s are left"
            )
        if ahead + alone > left:
            raise FullError(
                f"the picture would be done in about {ahead + alone:.1f} s, "
                f"but {left:.1f} s are left",
                retry_after=ahead + alone - left,
            )

    def _seconds_for(self, pixels: float) -> float:
        """Return how many seconds ``pixels`` will take; 0 while that is unknown."""
        return self.rate.seconds_for(pixels) or 0.0

    def _reserve(self, pixels: int, memory: int, caller: Caller) -> None:
        """Count a picture that was checked before."""
        if not (self.pixels.try_reserve(pixels) and self.memory.try_reserve(memory)):
            raise RuntimeError(f"{pixels} pixels and {memory} bytes were checked and do not fit")
        self._key_pixels[caller.key] += pixels
        self._count(+1)

    def _release(self, pixels: int, memory: int, caller: Caller) -> None:
        self.pixels.release(pixels)
        self.memory.release(memory)
        _subtract(self._key_pixels, caller.key, pixels)
        self._count(-1)

    def _count(self, change: int) -> None:
        self.in_flight += change
        self._metrics.in_flight.set(self.in_flight)


def _subtract(counts: Counter[str], key: str, amount: int) -> None:
    """Subtract ``amount`` from the count of ``key``, and forget counts of zero."""
    counts[key] -= amount
    if not counts[key]:
        del counts[key]
