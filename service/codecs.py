"""The threads that decode and encode, so that the event loop never does."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from service.errors import OutOfMemoryError

P = ParamSpec("P")
T = TypeVar("T")


class Codecs:
    """Threads for pictures, and one for headers alone: a refusal must not queue behind pictures.

    Args:
        threads: How many work on pictures.
    """

    def __init__(self, threads: int) -> None:
        self._pictures = ThreadPoolExecutor(threads, "codec")
        self._headers = ThreadPoolExecutor(1, "header")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in a thread for pictures; whoever is cancelled waits for none."""
        return await _run(self._pictures, lambda: function(*args, **kwargs))

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in the thread for headers."""
        return await _run(self._headers, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Let the threads end."""
        self._pictures.shutdown(wait=False, cancel_futures=True)
        self._headers.shutdown(wait=False, cancel_futures=True)


async def _run(pool: Executor, call: Callable[[], T]) -> T:
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, call)
    except MemoryError:
        raise OutOfMemoryError("the service does not have enough memory for this picture") from None
