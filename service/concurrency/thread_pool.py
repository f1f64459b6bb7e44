"""A few threads for short and long calls, shared so that short calls never wait for long ones."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from service.concurrency.ongoing_work import OngoingWork
from service.concurrency.serial_thread import SerialThread
from service.concurrency.stop_signal import StopSignal

R = TypeVar("R")
T = TypeVar("T")


class PoolClosedError(RuntimeError):
    """The pool was abandoned before the call was done."""


@dataclass(frozen=True)
class PoolRequest:
    """For whom a pool runs a call.

    Attributes:
        small: Whether the call is short, so that it must not wait for long ones.
        ongoing: Counts the call until its thread is free again.
        waited: Called in the thread with the seconds that the call waited for it.
        ran: Called in the thread with the seconds that the call took.
    """

    small: bool = True
    ongoing: OngoingWork = field(default_factory=OngoingWork)
    waited: Callable[[float], object] = lambda _: None
    ran: Callable[[float], object] = lambda _: None


class ThreadPool(Generic[R]):
    """Daemon threads, each with a resource of its own, which run one call at a time.

    Long calls leave one thread to short calls, if there are at least two threads. A thread cannot
    be interrupted: a call whose caller has left keeps its thread until it ends.

    Args:
        name: Name of the threads.
        resources: One per thread. Each call gets the resource of its thread.
    """

    def __init__(self, name: str, resources: list[R]) -> None:
        if not resources:
            raise ValueError("a pool has at least one thread")
        self._free = [
            (SerialThread(f"{name}_{index}"), resource) for index, resource in enumerate(resources)
        ]
        self._threads = list(self._free)
        self._places = asyncio.Semaphore(len(resources))
        self._large_places = asyncio.Semaphore(max(1, len(resources) - 1))
        self._callers: set[asyncio.Task[object]] = set()
        self._abandoned = False

    async def run(
        self,
        request: PoolRequest,
        call: Callable[[R], T],
        stop: StopSignal | None = None,
    ) -> T:
        """Run ``call`` in a free thread, and return what it returns.

        Args:
            request: For whom.
            call: Gets the resource of its thread.
            stop: Set if the caller leaves, so that the call can end early.

        Raises:
            PoolClosedError: If the pool was abandoned before the call's end.
        """
        asked = time.monotonic()
        caller = asyncio.current_task()
        assert caller is not None
        if self._abandoned:
            raise PoolClosedError("the pool was abandoned")
        self._callers.add(caller)
        try:
            await self._take_place(request)
            return await self._run(request, asked, call, stop)
        except asyncio.CancelledError:
            if not self._abandoned:
                raise
            caller.uncancel()
            raise PoolClosedError("the pool was abandoned") from None
        finally:
            self._callers.discard(caller)

    def abandon(self) -> None:
        """Raise ``PoolClosedError`` for everybody who waits. Running calls cannot be stopped."""
        self._abandoned = True
        for caller in list(self._callers):
            caller.cancel()

    def stop(self, last: Callable[[R], None]) -> None:
        """Let each thread end after its call and after ``last``, which gets the resource.

        No thread keeps the process from ending, even if its call hangs.
        """
        for thread, resource in self._threads:
            thread.stop(partial(last, resource))

    async def _take_place(self, request: PoolRequest) -> None:
        if not request.small:
            await self._large_places.acquire()
        try:
            await self._places.acquire()
        except asyncio.CancelledError:
            if not request.small:
                self._large_places.release()
            raise

    async def _run(
        self,
        request: PoolRequest,
        asked: float,
        call: Callable[[R], T],
        stop: StopSignal | None,
    ) -> T:
        thread, resource = self._free.pop()

        def free_thread(done: "asyncio.Task[T]") -> None:
            self._free.append((thread, resource))
            self._places.release()
            if not request.small:
                self._large_places.release()
            if not done.cancelled():
                done.exception()  # marks the error as seen: the caller may have left

        task = asyncio.create_task(thread.call(_timed, request, asked, partial(call, resource)))
        request.ongoing.add(task)
        task.add_done_callback(free_thread)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if stop is not None:
                stop.set()
            raise


def _timed(request: PoolRequest, asked: float, call: Callable[[], T]) -> T:
    """Run ``call`` in its thread, and report how long it waited and how long it took."""
    began = time.monotonic()
    request.waited(began - asked)
    try:
        return call()
    finally:
        request.ran(time.monotonic() - began)
