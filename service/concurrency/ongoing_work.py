"""Work of one request that goes on in threads, perhaps after its caller has left."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class OngoingWork:
    """Counts the calls of one request that run in threads."""

    def __init__(self) -> None:
        self._count = 0
        self._callbacks: list[Callable[[], None]] = []

    def add(self, call: asyncio.Future[T]) -> None:
        """Count ``call`` until it is done."""
        self._count += 1
        call.add_done_callback(self._ended)

    def when_done(self, callback: Callable[[], None]) -> None:
        """Run ``callback`` as soon as no call runs: now, or when the last one has ended."""
        self._callbacks.append(callback)
        self._run_callbacks()

    def _ended(self, _: object) -> None:
        self._count -= 1
        self._run_callbacks()

    def _run_callbacks(self) -> None:
        while self._callbacks and not self._count:
            self._callbacks.pop()()
