"""uvicorn, ending as balancers and callers want it to."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

import structlog
import uvicorn

log = structlog.get_logger("abair.server")


class Drainable(Protocol):
    """What the server has to know of the service."""

    @property
    def is_broken(self) -> bool:
        """Whether only a restart can help."""

    def retire(self) -> None:
        """Turn not ready and serve on."""

    def drain(self) -> None:
        """Refuse what is new."""

    def abandon(self) -> None:
        """Tell everybody who still waits that they wait in vain."""

    async def idle(self) -> None:
        """Wait until every request begun is answered."""

    async def reload(self) -> None:
        """Take up what is new in the model's folder; what fails is logged."""


class DrainingServer(uvicorn.Server):
    """Ends in order: not ready but serving, refuse what is new, finish what was begun, close.

    A second signal ends at once. SIGHUP reloads the adapters.

    Args:
        config: uvicorn's.
        service: What is served.
        linger: Seconds to serve on while not ready, so that balancers notice and nobody is refused.
        grace: Seconds to finish what was begun, after that.
    """

    def __init__(
        self, config: uvicorn.Config, service: Drainable, *, linger: float, grace: float
    ) -> None:
        super().__init__(config)
        self._service, self._linger, self._grace = service, linger, grace
        self._drain: asyncio.Task[None] | None = None
        self._reload: asyncio.Task[None] | None = None
        self.exit_code = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; where that fails uvicorn logs why and exits, and this says what to do."""
        try:
            await super().startup(sockets)
        except SystemExit:
            log.error(
                "cannot listen: stop what listens there or take another --port; 0 finds a free one",
                host=self.config.host,
                port=self.config.port,
            )
            raise

    def begin_drain(self) -> None:
        """Begin to end; to be called in the event loop. Called again: end at once."""
        if self._drain is not None:
            if not self._drain.done():  # something accepted is not answered
                self.exit_code = 1
            self.force_exit = self.should_exit = True
            return
        self._drain = asyncio.get_running_loop().create_task(self._finish())

    def begin_reload(self) -> None:
        """Begin to reload; to be called in the event loop."""
        self._reload = asyncio.get_running_loop().create_task(self._service.reload())

    async def _finish(self) -> None:
        log.info("draining", linger_seconds=self._linger, grace_seconds=self._grace)
        try:
            self._service.retire()
            await asyncio.sleep(self._linger)
            self._service.drain()
            async with asyncio.timeout(self._grace):
                await self._service.idle()
        except TimeoutError:
            log.error("not everything was finished within the grace time")
            self._service.abandon()
            self.exit_code = 1
        finally:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look after the service ten times a second; a broken one ends the process."""
        if self._service.is_broken and not self.should_exit:
            log.error("the service is broken: ending")
            self.exit_code, self.should_exit = 1, True
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain on SIGTERM and SIGINT, reload on SIGHUP; unlike uvicorn, outlive them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        act = {signal.SIGINT: self.begin_drain, signal.SIGTERM: self.begin_drain}
        if hasattr(signal, "SIGHUP"):  # not on Windows
            act[signal.SIGHUP] = self.begin_reload

        def handle(number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(act[signal.Signals(number)])

        before = {number: signal.signal(number, handle) for number in act}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
