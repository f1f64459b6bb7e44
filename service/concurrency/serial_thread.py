"""A thread that runs calls one after the other, for the event loop."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")
E = TypeVar("E", bound=BaseException)


class SerialThread:
    """A daemon thread that runs calls in their order.

    Unlike an executor's threads it never keeps the process from ending, even if a call hangs.

    Args:
        name: The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in the thread; return its result or raise its error."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
                _post(loop, future, future.set_exception, storable(error))
            else:
                _post(loop, future, future.set_result, result)

        self._calls.put(run)
        return await future

    def stop(self, last: Callable[[], None] | None = None) -> None:
        """Let the thread end after its calls, and after ``last``."""
        if last is not None:
            self._calls.put(last)
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # it holds the pictures of a batch


def storable(error: E) -> E | RuntimeError:
    """Return ``error``; for StopIteration, which a future cannot hold, a RuntimeError."""
    return RuntimeError(f"{error!r}") if isinstance(error, StopIteration) else error


def _post(
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[T]",
    settle: Callable[[S], None],
    value: S,
) -> None:
    """Settle ``future`` in its loop, unless it was cancelled or the loop is closed."""

    def settle_if_wanted() -> None:
        if not future.done():
            settle(value)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(settle_if_wanted)
