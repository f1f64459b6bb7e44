"""Counters: a budget with a limit, and a measured rate."""

from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """Counts how much of a limited amount is reserved. Not thread-safe: for one event loop.

    Args:
        limit: Most that may be reserved at once.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self.limit = limit
        self.reserved = 0

    def try_reserve(self, amount: int) -> bool:
        """Reserve ``amount`` if it fits; return whether it did."""
        if self.reserved + amount > self.limit:
            return False
        self.reserved += amount
        return True

    @contextmanager
    def holding(self, amount: int) -> Iterator[None]:
        """Count what exists already for the block, even beyond the limit.

        Nothing else can be reserved while the limit is exceeded.
        """
        self.reserved += amount
        try:
            yield
        finally:
            self.release(amount)

    def release(self, amount: int) -> None:
        """Give ``amount`` back."""
        if amount > self.reserved:
            raise ValueError(f"cannot release {amount} of {self.reserved} reserved")
        self.reserved -= amount


class Rate:
    """Amount per second, measured; recent observations have the largest weight.

    Args:
        memory: Seconds of work over which an observation loses most of its weight.
    """

    def __init__(self, memory: float = 20.0) -> None:
        self._memory = memory
        self._amount = 0.0
        self._seconds = 0.0

    def observe(self, amount: float, seconds: float) -> None:
        """Note that ``amount`` took ``seconds`` of work."""
        fade = max(0.0, 1.0 - seconds / self._memory)
        self._amount = self._amount * fade + amount
        self._seconds = self._seconds * fade + seconds

    def seconds_for(self, amount: float) -> float | None:
        """Return how long ``amount`` will take, or None before any observation."""
        return amount * self._seconds / self._amount if self._amount > 0 else None
