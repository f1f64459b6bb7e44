"""How long the body of a request may take to come in."""

import asyncio
import math
from collections.abc import AsyncIterator

from service.errors import DrainingError, UploadStalledError


class UploadClock:
    """Bounds how long bodies take to come in.

    Args:
        pause: Longest wait for the next bytes, seconds.
    """

    def __init__(self, pause: float) -> None:
        self._pause, self._end = pause, math.inf
        self._waits: set[asyncio.Timeout] = set()

    def end_in(self, seconds: float) -> None:
        """Refuse bodies that take longer than ``seconds`` from now, because the service stops."""
        self._end = asyncio.get_running_loop().time() + seconds
        for wait in self._waits:
            wait.reschedule(min(self._end, wait.when() or math.inf))

    async def next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """Return the next bytes of a body; None at its end.

        Raises:
            UploadStalledError: If they did not come in time.
            DrainingError: If they did not come before the service ends.
        """
        now = asyncio.get_running_loop().time()
        wait = asyncio.timeout_at(min(self._end, now + self._pause))
        self._waits.add(wait)
        try:
            async with wait:
                return await anext(chunks, None)
        except TimeoutError:
            if self._end < math.inf:
                raise DrainingError("the service ends before the body has come in") from None
            raise UploadStalledError(
                f"no further bytes of the body came for {self._pause:g} seconds"
            ) from None
        finally:
            self._waits.discard(wait)
