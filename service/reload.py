"""Loads the model when the service starts, and again when its adapters are reloaded."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from service.admission.admission import Admission
from service.batching.batcher import MicroBatcher
from service.batching.policy import SchedulingPolicy
from service.batching.units import BatchReport
from service.concurrency.serial_thread import SerialThread
from service.decoding.codec_threads import CodecThreads
from service.device.engine import Engine, EngineFatalError, EngineInfo
from service.device.units_of_work import Outcome, Work, run_batch
from service.errors import ReloadFailedError
from service.observability.metrics import ServiceMetrics
from service.pipeline import Pipeline
from service.settings import Settings
from service.state import ServiceState
from service.tiles import TileRunner

log = structlog.get_logger("abair.reload")


class ModelLoader:
    """Loads engines, and lets the service use them.

    Args:
        load: Makes an engine; called in a thread of its own or of the device.
        state: Gets the engine, the batcher and the pipeline.
        codecs: Threads that decode and encode.
        admission: Accepts or refuses pictures.
        metrics: Shows the device and its batches.
        settings: Of the service.
    """

    def __init__(
        self,
        load: Callable[[Settings], Engine],
        state: ServiceState,
        codecs: CodecThreads,
        admission: Admission,
        metrics: ServiceMetrics,
        settings: Settings,
    ) -> None:
        self._load, self._state, self._codecs = load, state, codecs
        self._admission, self._metrics, self._settings = admission, metrics, settings
        self._threads = [SerialThread("device-0")]
        self._starting: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()

    def start(self) -> None:
        """Begin to load the model. Returns at once; ``ServiceState.loaded`` is set at the end."""
        self._starting = asyncio.create_task(self._start(), name="load")

    async def stop(self) -> None:
        """End the batcher and the device's threads. Running batches are answered, if they end.

        Callers whose units still wait get an error.
        """
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._state.batcher is not None:
            patience = self._settings.grace_seconds if self._admission.in_flight else 1.0
            with contextlib.suppress(TimeoutError):  # a device that hangs must not keep the process
                async with asyncio.timeout(patience):
                    await self._state.batcher.close(finish=False)
        for thread in self._threads:
            thread.stop()

    async def reload(self) -> Engine:
        """Load the model folder again, and use the new engine for all pictures from now on.

        Pictures that the old engine described are finished by it, so no request is lost.

        Returns:
            The new engine.

        Raises:
            ReloadFailedError: If the folder cannot be used. The old engine stays in use.
            UnavailableError: If the service is not ready, broken or about to stop.
        """
        async with self._reloading:
            self._state.pipeline()
            loader = SerialThread("loader")  # batches go on meanwhile
            try:
                engine = await loader.call(self._load, self._settings)
                await self._warm_up(engine, loader)
            except Exception as error:
                log.exception("the adapters could not be reloaded")
                raise ReloadFailedError(
                    f"the model folder can't be used, so nothing was changed: {error}"
                ) from error
            finally:
                loader.stop()
            self._use(engine)
            log.info("reloaded", adapters=[adapter.name for adapter in engine.adapters])
            return engine

    async def _start(self) -> None:
        device = self._threads[0]
        try:
            decoders = asyncio.create_task(self._codecs.start())
            engine = await device.call(self._load, self._settings)
            await device.call(engine.use_threads, engine.info.threads)
            for side in engine.warm_up_sides:
                await device.call(engine.warm_up, side)
            await decoders
            self._begin(engine)
        except Exception as error:
            self._state.failure = error
            log.exception("the model could not be loaded")
        finally:
            self._state.loaded.set()

    async def _warm_up(self, engine: Engine, loader: SerialThread) -> None:
        """Warm up a new engine while the old one runs batches.

        Only the device's thread may use a GPU. It warms up one size at a time, so that batches that
        wait run between two sizes. A CPU has cores for one more thread.
        """
        thread = loader if engine.info.device == "cpu" else self._threads[0]
        await thread.call(engine.use_threads, 1)
        for side in engine.warm_up_sides:
            await thread.call(engine.warm_up, side)

    def _begin(self, engine: Engine) -> None:
        """Start the batcher with the first engine."""
        info = engine.info
        self._threads += [SerialThread(f"device-{number}") for number in range(1, info.threads)]
        batcher = MicroBatcher[Work, Outcome](
            run_batch,
            threads=self._threads,
            policy=scheduling_policy(self._settings, info),
            fatal=(EngineFatalError,),
            observe=self._observe,
        )
        self._state.start(batcher)
        self._use(engine)
        log.info("ready", **_facts(info))
        if info.device == "cpu":
            log.warning("the model runs on the CPU")

    def _use(self, engine: Engine) -> None:
        assert self._state.batcher is not None
        settings, metrics = self._settings, self._metrics
        tiles = TileRunner(engine, self._state.batcher, metrics, tile=settings.tile)
        pipeline = Pipeline(engine, tiles, self._codecs, self._admission, metrics, settings)
        self._state.use(engine, pipeline)
        metrics.device.info(_facts(engine.info))

    def _observe(self, batch: BatchReport) -> None:
        """Show a batch in the metrics, and measure how fast the device is."""
        key = batch.batch_key
        stage = str(key[0] if isinstance(key, tuple) else key)
        self._metrics.observe_batch(stage, batch.reason, batch.units, batch.cost, batch.seconds)
        if stage != "describe":
            self._admission.batch_ran(batch.cost, batch.seconds)


def scheduling_policy(settings: Settings, info: EngineInfo) -> SchedulingPolicy:
    """Return the policy for a device. Only a GPU waits for more pictures: see ``max_wait``."""
    return SchedulingPolicy(
        max_cost=settings.max_batch_pixels or info.batch_pixels,
        max_units=settings.max_batch_items,
        max_wait=0.0 if info.device == "cpu" else settings.max_wait_ms / 1000,
        max_queued=settings.queue_units,
    )


def _facts(info: EngineInfo) -> dict[str, str]:
    return {
        "device": info.device,
        "device_name": info.device_name,
        "precision": info.precision,
        "model": info.model.name,
        "sha256": info.model.sha256,
    }
