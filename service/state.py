"""One service from its start to its end: one process, one device, one queue, one registry."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import structlog
from prometheus_client import CollectorRegistry

from service.admission.admission import Admission
from service.admission.upload_clock import UploadClock
from service.batching.batcher import MicroBatcher
from service.batching.unit_queue import Batch
from service.concurrency.serial_thread import SerialThread
from service.decoding.codec_threads import Codecs, Decoders
from service.decoding.process_host import Host
from service.device import units_of_work
from service.device.engine import Engine, EngineFatalError
from service.device.units_of_work import Outcome, Work
from service.errors import DrainingError, NotReadyError, ReloadFailedError, UnhealthyError
from service.observability.metrics import ServiceMetrics
from service.pipeline import Pipeline
from service.settings import Settings
from service.tiles import Passes

MAX_HEARTBEAT_AGE = 10.0
"""Seconds without a beat of the batcher after which the service counts as dead."""

log = structlog.get_logger("abair.lifecycle")


class Lifecycle:
    """Everything a running service consists of.

    Args:
        settings: What the operator set.
        load: Makes the engine; called in the device's thread.
        decoders: Decode pictures; None: processes do.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[Settings], Engine],
        decoders: Decoders | None = None,
    ) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        self.metrics = ServiceMetrics(self.registry)
        self.admission = Admission(settings, self.metrics)
        self.upload_clock = UploadClock(settings.upload_pause_seconds)
        self.engine: Engine | None = None
        self.batcher: MicroBatcher[Work, Outcome] | None = None
        self.failure: BaseException | None = None
        self._pipeline: Pipeline | None = None
        self._load = load
        self._threads = [SerialThread("device-0")]
        self._codecs = Codecs(settings.decode_threads, decoders or Host())
        self._loading: asyncio.Task[None] | None = None
        self._retiring = self._draining = False
        self._open = 0
        self._all_answered = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._batch_pixels = 0
        self.loaded = asyncio.Event()
        """Set when the service is ready, or failed to become so."""
        self._show_gauges()

    def start(self) -> None:
        """Begin to load the model; returns at once."""
        self._loading = asyncio.create_task(self._become_ready(), name="load")

    async def stop(self) -> None:
        """End: whoever still waits is told so, the batch that runs is answered."""
        self.drain()
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        if self.batcher is not None:
            patience = self.settings.grace_seconds if self.admission.in_flight else 1.0
            with contextlib.suppress(TimeoutError):  # a device that hangs must not keep us
                async with asyncio.timeout(patience):
                    await self.batcher.close(finish=False)
        self._codecs.close()
        for thread in self._threads:
            thread.stop()

    def retire(self) -> None:
        """Turn not ready but serve on: balancers need a moment to notice."""
        self._retiring = True

    def drain(self) -> None:
        """Turn not ready and refuse new requests; those begun go on, bodies for a while too."""
        self._retiring = self._draining = True
        self.upload_clock.end_in(self.settings.grace_seconds / 2)

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count a request for the block, from its head on; ``idle`` waits for it."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._all_answered.set()

    async def idle(self) -> None:
        """Wait until no request is open."""
        while self._open:
            self._all_answered.clear()
            await self._all_answered.wait()

    def abandon(self) -> None:
        """Tell everybody who still waits that they wait in vain."""
        self._codecs.abandon()
        if self.batcher is not None:
            self.batcher.abandon()

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

    def check_ready(self) -> None:
        """Tell why balancers should send pictures elsewhere, if they should.

        Raises:
            UnavailableError: If they should.
        """
        if self._retiring:
            raise DrainingError("the service is about to shut down")
        self.pipeline()
        self.check_health()

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
        if busy > self.settings.stall_seconds:
            raise UnhealthyError(f"a batch has been running for {busy:.0f} seconds")
        return age

    def pipeline(self) -> Pipeline:
        """Return the way for pictures.

        Raises:
            UnavailableError: If there is none now.
        """
        if self._draining:
            raise DrainingError("the service is shutting down")
        if self.is_broken:
            raise UnhealthyError("the service failed and must be restarted")
        if self._pipeline is None:
            raise NotReadyError("the model is being loaded", retry_after=5.0)
        return self._pipeline

    async def _become_ready(self) -> None:
        try:
            decoders = asyncio.create_task(self._codecs.start())
            engine = await self._threads[0].call(self._load, self.settings)
            await self._threads[0].call(engine.enter, engine.info.lanes)
            await self._threads[0].call(engine.warm_up)
            await decoders
            self._begin(engine)
        except Exception as error:
            self.failure = error
            log.exception("the model could not be loaded")
        finally:
            self.loaded.set()

    async def reload(self) -> Engine:
        """Load the model's folder again, with what was added to it, and take it from now on.

        What was begun before ends with the engine that began it, so that no request is lost.

        Returns:
            The new engine.

        Raises:
            ReloadFailedError: If the folder cannot be used; the old engine serves on.
            UnavailableError: If the service is not ready, broken or ending.
        """
        async with self._reloading:
            self.pipeline()
            loader = SerialThread("loader")  # batches go on meanwhile
            try:
                engine = await loader.call(self._load, self.settings)
                # A card is the device thread's alone; a processor has room beside its lanes.
                warmer = loader if engine.info.device == "cpu" else self._threads[0]
                await warmer.call(engine.enter, 1)
                await warmer.call(engine.warm_up)
            except Exception as error:
                log.exception("the adapters could not be reloaded")
                raise ReloadFailedError(
                    f"the model folder can't be used, so nothing was changed: {error}"
                ) from error
            finally:
                loader.stop()
            self._switch(engine)
            log.info("reloaded", adapters=[adapter.name for adapter in engine.adapters])
            return engine

    def _begin(self, engine: Engine) -> None:
        settings = self.settings
        self._batch_pixels = settings.max_batch_pixels or engine.info.batch_pixels
        self._threads += [SerialThread(f"device-{lane}") for lane in range(1, engine.info.lanes)]
        self.batcher = MicroBatcher[Work, Outcome](
            units_of_work.run,
            threads=self._threads,
            max_cost=self._batch_pixels,
            max_items=settings.max_batch_items,
            max_wait=0 if engine.info.lanes > 1 else settings.max_wait_ms / 1000,
            max_queued=settings.queue_units,
            fatal=(EngineFatalError,),
            observe=self._observe,
        )
        self.batcher.start()
        self._switch(engine)
        log.info("ready", **self._facts(engine))
        if engine.info.device == "cpu":
            log.warning("the model runs on the CPU")

    def _switch(self, engine: Engine) -> None:
        """Let ``engine`` do every picture from now on."""
        assert self.batcher is not None
        tile, batch_pixels = self.settings.tile, self._batch_pixels
        passes = Passes(engine, self.batcher, self.metrics, tile=tile, batch_pixels=batch_pixels)
        self.engine = engine
        self._pipeline = Pipeline(
            engine, passes, self._codecs, self.admission, self.metrics, self.settings
        )
        self.metrics.device.info(self._facts(engine))

    @staticmethod
    def _facts(engine: Engine) -> dict[str, str]:
        info = engine.info
        return {
            "device": info.device,
            "device_name": info.device_name,
            "precision": info.precision,
            "model": info.model,
            "sha256": info.sha256,
        }

    def _observe(self, batch: Batch) -> None:
        kind = batch.bucket[0] if isinstance(batch.bucket, tuple) else str(batch.bucket)
        self.metrics.observe_batch(kind, batch.reason, batch.items, batch.cost, batch.seconds)
        if kind != "describe":
            self.admission.worked(batch.cost, batch.seconds)

    def _show_gauges(self) -> None:
        gauge = self.metrics.gauge
        gauge(
            "restore_ready", "1 while pictures are accepted, else 0.", lambda: float(self.is_ready)
        )
        gauge(
            "restore_queue_units",
            "Tiles and pictures waiting for the device.",
            lambda: self.batcher.queued_items if self.batcher else 0,
        )
        gauge(
            "restore_queue_pixels",
            "Pixels waiting for the device.",
            lambda: self.batcher.queued_cost if self.batcher else 0,
        )
        gauge(
            "restore_device_used_bytes",
            "Memory in use on the GPU; 0 on a CPU.",
            lambda: self.engine.memory()[0] if self.engine else 0,
        )
        gauge(
            "restore_device_held_bytes",
            "GPU memory that torch holds; 0 on a CPU.",
            lambda: self.engine.memory()[1] if self.engine else 0,
        )
        gauge(
            "restore_heartbeat_age_seconds",
            "Seconds since the batcher's last heartbeat.",
            lambda: self.batcher.heartbeat_age if self.batcher else 0.0,
        )
