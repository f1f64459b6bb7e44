"""Who may come in: bounded by pixels, requests, each key's share, and deadlines."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.budget import Budget, Rate
from service.errors import (
    DeadlineExceededError,
    FullError,
    KeyLimitError,
)
from service.metrics import ServiceMetrics
from service.settings import Settings

LEAST_PIXELS = 2**16
"""Smaller batches and pictures are charged as this many pixels: fixed costs dominate them."""


@dataclass(frozen=True)
class Caller:
    """What a request says beside its picture and options.

    Attributes:
        accept: Its ``Accept``.
        key: Whose it is; empty: anybody's.
        deadline: ``time.monotonic()`` when its answer is of no use any more; None: never.
    """

    accept: str = ""
    key: str = ""
    deadline: float | None = None


class Admission:
    """Counts what was accepted and not yet answered; refuses what would be too much.

    Args:
        settings: Limits.
        metrics: Where the counts are shown.
        clock: Tells the time, seconds.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bytes = Budget(settings.queue_bytes)
        self.pixels = Budget(settings.queue_pixels)
        self.rate = Rate()
        """Pixels a second of the device while it works; see ``worked``."""
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
            "restore_held_bytes", "Bytes of request bodies in memory.", lambda: self.bytes.reserved
        )

    @contextmanager
    def request(self, caller: Caller) -> Iterator[None]:
        """Count a request of a key for the block, from before its body is read.

        Raises:
            KeyLimitError: If the key has as many at once as it may.
        """
        limit, count = self._settings.key_requests, self._key_requests[caller.key]
        if caller.key and limit is not None and count >= limit:
            raise KeyLimitError(
                f"this key has {count} requests in progress of {limit} allowed",
                retry_after=self._seconds_for(self._key_pixels[caller.key] / count),
            )
        with _counted(self._key_requests, caller.key, 1):
            yield

    @contextmanager
    def place(self, pixels: int, caller: Caller) -> Iterator[None]:
        """Hold a place for a picture for the block.

        Raises:
            KeyLimitError: If the caller's key has all the pixels that it may have.
            FullError: If there is no place, or none in time; tells when there will be.
            DeadlineExceededError: If even alone it would be too late.
        """
        self._check_room(pixels)
        self._check_key(pixels, caller)
        self._check_deadline(pixels, caller.deadline)
        with self.pixels.reservation(pixels), _counted(self._key_pixels, caller.key, pixels):
            self._count(+1)
            try:
                yield
            finally:
                self._count(-1)

    def worked(self, pixels: int, seconds: float) -> None:
        """Note that a batch of ``pixels`` ran for ``seconds``."""
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
        """Return how long ``pixels`` will take, as far as is known."""
        return self.rate.seconds_for(pixels) or 0.0

    def _count(self, change: int) -> None:
        self.in_flight += change
        self._metrics.in_flight.set(self.in_flight)


@contextmanager
def _counted(counts: Counter[str], key: str, amount: int) -> Iterator[None]:
    """Count ``amount`` for ``key`` during the block; what is zero isn't kept."""
    counts[key] += amount
    try:
        yield
    finally:
        counts[key] -= amount
        if not counts[key]:
            del counts[key]
