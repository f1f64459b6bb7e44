"""A few threads, shared so that small work never waits for large work."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from service.concurrency.serial_thread import SerialThread

R = TypeVar("R")
T = TypeVar("T")


class PoolClosedError(RuntimeError):
    """The pool was abandoned before the work was done."""


class StoppedError(Exception):
    """Work was stopped because nobody waits for it any more."""


class Stop:
    """Tells work in another thread that nobody waits for it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._action: Callable[[], None] | None = None
        self.is_set = False

    def set(self) -> None:
        """Stop the work: call what it said, now or as soon as it says it."""
        with self._lock:
            self.is_set = True
            if self._action is not None:
                self._action()

    @contextlib.contextmanager
    def calls(self, action: Callable[[], None]) -> Iterator[None]:
        """Let ``set`` call ``action`` during the block; it must not wait.

        Raises:
            StoppedError: If the work was stopped before the block.
        """
        with self._lock:
            if self.is_set:
                raise StoppedError("stopped before it began")
            self._action = action
        try:
            yield
        finally:
            with self._lock:
                self._action = None


class Running:
    """Work of one request that runs in threads, and may go on when its caller has left."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: list[Callable[[], None]] = []

    def add(self, work: "asyncio.Future[T]") -> None:
        """Count ``work`` until it is done."""
        self._count += 1
        work.add_done_callback(self._ended)

    def afterwards(self, call: Callable[[], None]) -> None:
        """Call ``call`` as soon as nothing runs: now, or when the last of it has ended."""
        self._waiting.append(call)
        self._settle()

    def _ended(self, _: object) -> None:
        self._count -= 1
        self._settle()

    def _settle(self) -> None:
        while self._waiting and not self._count:
            self._waiting.pop()()


@dataclass(frozen=True)
class Errand:
    """On whose behalf threads are asked to work.

    Attributes:
        small: Whether the work is short, so that it must not wait for what takes long.
        running: Where the work counts until its thread is free again.
        waited: Called in the thread with the seconds that the work waited for it.
        ran: Called in the thread with the seconds that the work took.
    """

    small: bool = True
    running: Running = field(default_factory=Running)
    waited: Callable[[float], object] = lambda _: None
    ran: Callable[[float], object] = lambda _: None


class ThreadPool(Generic[R]):
    """Daemon threads, each with a resource of its own, which run one call at a time.

    Large work leaves one thread to small work, where there are at least two. Nobody can interrupt a
    thread: work whose caller has left keeps its thread until it ends.

    Args:
        name: The threads' name.
        resources: One per thread; its calls get it.
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
        errand: Errand,
        call: Callable[[R], T],
        stop: Stop | None = None,
    ) -> T:
        """Run ``call`` in a thread that is free, and return what it returns.

        Args:
            errand: On whose behalf.
            call: The work; it gets the thread's resource.
            stop: Set if the caller leaves, so that the call can end early.

        Raises:
            PoolClosedError: If the pool was abandoned before the work's end.
        """
        asked = time.monotonic()
        caller = asyncio.current_task()
        assert caller is not None
        if self._abandoned:
            raise PoolClosedError("the pool was abandoned")
        self._callers.add(caller)
        try:
            await self._enter(errand)
            return await self._run(errand, asked, call, stop)
        except asyncio.CancelledError:
            if not self._abandoned:
                raise
            caller.uncancel()
            raise PoolClosedError("the pool was abandoned") from None
        finally:
            self._callers.discard(caller)

    def abandon(self) -> None:
        """Tell everybody who waits for work that they wait in vain; what runs cannot be stopped."""
        self._abandoned = True
        for caller in list(self._callers):
            caller.cancel()

    def stop(self, last: Callable[[R], None]) -> None:
        """Let each thread end after what it does and after ``last``, which gets its resource.

        No thread keeps the process from ending, even if what it does hangs.
        """
        for thread, resource in self._threads:
            thread.stop(partial(last, resource))

    async def _enter(self, errand: Errand) -> None:
        if not errand.small:
            await self._large_places.acquire()
        try:
            await self._places.acquire()
        except asyncio.CancelledError:
            if not errand.small:
                self._large_places.release()
            raise

    async def _run(
        self,
        errand: Errand,
        asked: float,
        call: Callable[[R], T],
        stop: Stop | None,
    ) -> T:
        thread, resource = self._free.pop()

        def leave(done: "asyncio.Task[T]") -> None:
            self._free.append((thread, resource))
            self._places.release()
            if not errand.small:
                self._large_places.release()
            if not done.cancelled():
                done.exception()  # it is of no interest when its caller has left

        def work() -> T:
            began = time.monotonic()
            errand.waited(began - asked)
            try:
                return call(resource)
            finally:
                errand.ran(time.monotonic() - began)

        task = asyncio.create_task(thread.call(work))
        errand.running.add(task)
        task.add_done_callback(leave)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if stop is not None:
                stop.set()
            raise
