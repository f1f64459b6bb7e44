"""The state of a running service: loading, ready, about to stop, draining, or broken."""

import asyncio
import contextlib
from collections.abc import Iterator

from service.admission.upload_clock import UploadClock
from service.batching.batcher import MicroBatcher
from service.device.engine import Engine
from service.device.units_of_work import Outcome, Work
from service.errors import DrainingError, NotReadyError, UnhealthyError
from service.observability.metrics import ServiceMetrics
from service.pipeline import Pipeline
from service.settings import Settings

MAX_HEARTBEAT_AGE = 10.0
"""Seconds without a heartbeat of the batcher after which the service is unhealthy."""


class ServiceState:
    """Whether the service accepts pictures, and the engine, batcher and pipeline that it uses.

    Args:
        settings: Grace time and stall time.
        upload_clock: Ends request bodies when the service drains.
    """

    def __init__(self, settings: Settings, upload_clock: UploadClock) -> None:
        self._settings, self._upload_clock = settings, upload_clock
        self.engine: Engine | None = None
        self.batcher: MicroBatcher[Work, Outcome] | None = None
        self.failure: BaseException | None = None
        """The error that loading the model ended with, if it did."""
        self.loaded = asyncio.Event()
        """Set when the service is ready, or when the model could not be loaded."""
        self._pipeline: Pipeline | None = None
        self._retiring = self._draining = False
        self._open_requests = 0
        self._all_answered = asyncio.Event()

    def start(self, batcher: MicroBatcher[Work, Outcome]) -> None:
        """Start the batcher that runs all units until the service ends."""
        self.batcher = batcher
        batcher.start()

    def use(self, engine: Engine, pipeline: Pipeline) -> None:
        """Let ``engine`` and ``pipeline`` take all pictures from now on."""
        self.engine, self._pipeline = engine, pipeline

    def retire(self) -> None:
        """Become not ready, but accept pictures: balancers need a moment to notice."""
        self._retiring = True

    def drain(self) -> None:
        """Become not ready, and refuse new requests. Requests in progress go on.

        Bodies that are still incomplete after half of the grace time are refused.
        """
        self._retiring = self._draining = True
        self._upload_clock.end_in(self._settings.grace_seconds / 2)

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count an open request for the block; ``idle`` waits for it."""
        self._open_requests += 1
        try:
            yield
        finally:
            self._open_requests -= 1
            if not self._open_requests:
                self._all_answered.set()

    async def idle(self) -> None:
        """Wait until no request is open."""
        while self._open_requests:
            self._all_answered.clear()
            await self._all_answered.wait()

    @property
    def is_broken(self) -> bool:
        """Whether only a restart can help."""
        return self.failure is not None or (
            self.batcher is not None and self.batcher.failure is not None
        )

    @property
    def is_ready(self) -> bool:
        """Whether balancers should send pictures here."""
        return not (self._pipeline is None or self._retiring or self.is_broken)

    def check_ready(self) -> Engine:
        """Return the engine, if balancers should send pictures here.

        Raises:
            UnavailableError: If they should not. It says why.
        """
        if self._retiring:
            raise DrainingError("the service is about to shut down")
        self.pipeline()
        self.check_health()
        return self.loaded_engine()

    def check_health(self) -> float | None:
        """Return the age of the batcher's heartbeat; None while the model is being loaded.

        Raises:
            UnhealthyError: If only a restart can help.
        """
        if self.failure is not None:
            raise UnhealthyError("the model could not be loaded")
        if self.batcher is None:
            return None
        age, busy = self.batcher.heartbeat_age, self.batcher.busy_seconds
        if not self.batcher.alive:
            raise UnhealthyError("the batcher stopped with an error")
        if age > MAX_HEARTBEAT_AGE:
            raise UnhealthyError(f"the batcher has not moved for {age:.0f} seconds")
        if busy > self._settings.stall_seconds:
            raise UnhealthyError(f"a batch has been running for {busy:.0f} seconds")
        return age

    def pipeline(self) -> Pipeline:
        """Return the pipeline for new pictures.

        Raises:
            UnavailableError: If the service does not accept pictures now. It says why.
        """
        if self._draining:
            raise DrainingError("the service is shutting down")
        if self.is_broken:
            raise UnhealthyError("the service failed and must be restarted")
        if self._pipeline is None:
            raise NotReadyError("the model is being loaded", retry_after=5.0)
        return self._pipeline

    def loaded_engine(self) -> Engine:
        """Return the engine that takes new pictures.

        Raises:
            NotReadyError: If the model is still being loaded.
        """
        if self.engine is None:
            raise NotReadyError("the model is being loaded", retry_after=5.0)
        return self.engine

    def show(self, metrics: ServiceMetrics) -> None:
        """Add the gauges of this state to ``metrics``."""
        metrics.gauge(
            "restore_ready", "1 while pictures are accepted, else 0.", lambda: float(self.is_ready)
        )
        metrics.gauge(
            "restore_queue_units",
            "Tiles and pictures waiting for the device.",
            lambda: self.batcher.queued_units if self.batcher else 0,
        )
        metrics.gauge(
            "restore_queue_pixels",
            "Pixels waiting for the device.",
            lambda: self.batcher.queued_cost if self.batcher else 0,
        )
        metrics.gauge(
            "restore_device_used_bytes",
            "Memory in use on the GPU; 0 on a CPU.",
            lambda: self.engine.memory()[0] if self.engine else 0,
        )
        metrics.gauge(
            "restore_device_held_bytes",
            "GPU memory that torch holds; 0 on a CPU.",
            lambda: self.engine.memory()[1] if self.engine else 0,
        )
        metrics.gauge(
            "restore_heartbeat_age_seconds",
            "Seconds since the batcher's last heartbeat.",
            lambda: self.batcher.heartbeat_age if self.batcher else 0.0,
        )
