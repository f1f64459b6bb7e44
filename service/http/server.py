"""The uvicorn server, with a shutdown that loses no request, and a reload on SIGHUP."""

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
    """What the server needs of the service."""

    @property
    def is_broken(self) -> bool:
        """Whether only a restart can help."""

    def retire(self) -> None:
        """Become not ready, but serve requests."""

    def drain(self) -> None:
        """Refuse new requests."""

    def abandon(self) -> None:
        """Answer every request in progress with an error."""

    async def idle(self) -> None:
        """Wait until no request is open."""

    async def reload(self) -> None:
        """Reload the adapters from the model folder. Errors are logged."""


class DrainingServer(uvicorn.Server):
    """Stops in order: becomes not ready, refuses new requests, finishes open requests, closes.

    A second signal ends at once. SIGHUP reloads the adapters.

    Args:
        config: Configuration of uvicorn.
        service: The service.
        linger: Seconds to serve requests while not ready, so that balancers notice.
        grace: After that: seconds to finish open requests.
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
        """Listen. If that fails, uvicorn logs why and exits, and this logs what to do."""
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
        """Begin to stop. Must be called in the event loop. A second call stops at once."""
        if self._drain is not None:
            if not self._drain.done():  # an accepted request is not answered
                self.exit_code = 1
            self.force_exit = self.should_exit = True
            return
        self._drain = asyncio.get_running_loop().create_task(self._finish())

    def begin_reload(self) -> None:
        """Begin to reload. Must be called in the event loop."""
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
        """Check the service ten times per second. A broken service ends the process."""
        if self._service.is_broken and not self.should_exit:
            log.error("the service is broken: ending")
            self.exit_code, self.should_exit = 1, True
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain on SIGTERM and SIGINT, and reload on SIGHUP."""
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
