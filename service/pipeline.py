"""What happens to one picture: admit, decode, describe, restore tiles, stitch, encode."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import numpy as np
import structlog

from model.pictures import Metadata, Picture
from service.admission import Admission
from service.answers import (
    NPZ,
    Facts,
    Result,
    Segmentation,
    Stages,
    map_answer,
    map_form,
    restore_form,
    restored_answer,
)
from service.batcher import BatcherClosedError, MicroBatcher, QueueFullError
from service.buckets import Answer
from service.engine import Described, Engine, EngineMemoryError, Pixels, RestoreTask, SegmentTask
from service.errors import (
    DrainingError,
    EngineFailedError,
    FieldProblem,
    FullError,
    InvalidOptionsError,
    OutOfMemoryError,
    UnhealthyError,
)
from service.images import decode, read_header
from service.metrics import ServiceMetrics
from service.schemas import MapOptions, RestoreOptions
from service.settings import Settings
from service.work import DescribeWork, Outcome, RestoreWork, SegmentWork, Work, unit

P = ParamSpec("P")
T = TypeVar("T")
Weights = tuple[float, ...] | None

log = structlog.get_logger("abair.pipeline")


class Pipeline:
    """Takes pictures through the service. Nothing but waiting happens in the event loop.

    Args:
        engine: The model.
        batcher: The way to the device.
        admission: The places.
        metrics: Where it is shown.
        settings: Limits and sizes.
    """

    def __init__(
        self,
        engine: Engine,
        batcher: MicroBatcher[Work, Outcome],
        admission: Admission,
        metrics: ServiceMetrics,
        settings: Settings,
    ) -> None:
        self._engine, self._batcher, self._admission = engine, batcher, admission
        self._metrics, self._settings = metrics, settings
        self._pool = ThreadPoolExecutor(settings.decode_threads, "codec")
        self._headers = ThreadPoolExecutor(1, "header")  # apart: a refusal must not queue
        self._model = f"{engine.info.model}@{engine.info.sha256[:12]}"
        self._names = [adapter.name for adapter in engine.adapters]

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._headers.shutdown(wait=False, cancel_futures=True)

    async def restore(self, data: bytes, options: RestoreOptions, accept: str) -> Result:
        """Restore one picture.

        Args:
            data: The file.
            options: What the caller wants.
            accept: The request's ``Accept``.

        Raises:
            ServiceError: Whatever the caller has to be told.
        """
        self._check(options)
        header = await self._run(
            self._headers, read_header, data, max_pixels=self._settings.max_pixels
        )
        form = restore_form(options, accept, header)
        stages = Stages()
        with self._admission.place(header.pixels):
            picture, described = await self._see(data, options.metadata, stages)
            del data
            weights = self._weights(options, described.weights)
            pixels = await self._restore(picture, described, weights, options.strength, stages)
            wants_map = form.as_json and options.include == "map"
            segmentation = (
                await self._segment(picture, described, (), stages) if wants_map else None
            )
            facts = self._facts(described, weights, stages)
            result = await self._run(
                self._pool, restored_answer, picture, pixels, form, options, facts, segmentation
            )
        self._observe(facts)
        self._metrics.pixels.inc(header.pixels)
        return result

    async def degradation_map(self, data: bytes, options: MapOptions, accept: str) -> Result:
        """Map the degradations of one picture; arguments as of ``restore``."""
        classes = self._engine.info.classes
        media_type = map_form(options, accept, classes)
        header = await self._run(
            self._headers, read_header, data, max_pixels=self._settings.max_pixels
        )
        stages = Stages()
        with self._admission.place(header.pixels):
            picture, described = await self._see(data, "strip", stages)
            del data
            planes: tuple[int, ...] = ()
            if media_type == NPZ:
                planes = tuple(range(len(classes)))
            elif options.class_name is not None:
                planes = (classes.index(options.class_name),)
            segmentation = await self._segment(picture, described, planes, stages)
            facts = self._facts(described, None, stages)
            result = await self._run(
                self._pool, map_answer, picture, segmentation, media_type, options, facts
            )
        self._observe(facts)
        return result

    # --- stages ---------------------------------------------------------------------------------

    async def _see(
        self, data: bytes, metadata: Metadata, stages: Stages
    ) -> tuple[Picture, Described]:
        """Decode and describe."""
        with stages.measure("decode"):
            picture = await self._run(self._pool, decode, data, metadata=metadata)
            prepared = await self._run(self._pool, self._engine.prepare, picture.rgb)
        with self._told():
            answer = await self._batcher.submit(unit(DescribeWork(prepared), since=stages.began))
        stages.add("queue", answer.waited)
        stages.add("describe", answer.ran)
        if not isinstance(answer.value, Described):
            raise TypeError(f"an engine describes with Described, got {answer.value!r}")
        return picture, answer.value

    async def _restore(
        self,
        picture: Picture,
        described: Described,
        weights: Weights,
        strength: float,
        stages: Stages,
    ) -> Pixels:
        """Restore every tile into a new picture of the input's shape and type."""
        if strength == 0:
            return picture.rgb
        out = np.empty_like(picture.rgb)
        height, width = picture.rgb.shape[:2]
        works = [
            RestoreWork(
                RestoreTask(picture.rgb, tile, described.description, weights, strength), out
            )
            for tile in self._engine.plan(height, width, self._settings.tile)
        ]
        await self._submit(works, "restore", stages)
        return out

    async def _segment(
        self, picture: Picture, described: Described, planes: tuple[int, ...], stages: Stages
    ) -> Segmentation:
        height, width = picture.rgb.shape[:2]
        labels = np.empty((height, width), np.uint8)
        kept = np.empty((len(planes), height, width), np.float16)
        works = [
            SegmentWork(SegmentTask(picture.rgb, tile, described.description, planes), labels, kept)
            for tile in self._engine.plan(height, width, self._settings.tile)
        ]
        answers = await self._submit(works, "segment", stages)
        totals = sum(answer.value for answer in answers if isinstance(answer.value, np.ndarray))
        means = np.asarray(totals) / (height * width)
        return Segmentation(self._engine.info.classes, labels, means, kept)

    async def _submit(
        self, works: Sequence[Work], stage: str, stages: Stages
    ) -> list[Answer[Outcome]]:
        """Run a picture's tiles, a few in the queue at a time, so that others come in between."""
        began = time.perf_counter()
        since = stages.began if len(works) == 1 else None  # a large picture's tiles take turns
        units = [unit(work, since=since) for work in works]
        window = max(2, math.ceil(2 * self._batch_pixels / max(one.cost for one in units)))
        with self._told():
            answers = await self._batcher.submit_all(units, window=window)
        stages.add("queue", answers[0].waited)
        stages.add(stage, time.perf_counter() - began - answers[0].waited)
        return answers

    @property
    def _batch_pixels(self) -> int:
        return self._settings.max_batch_pixels or self._engine.info.batch_pixels

    async def _run(
        self,
        pool: ThreadPoolExecutor,
        function: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: function(*args, **kwargs))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Put what the batcher and the engine raise into words for the caller."""
        try:
            yield
        except QueueFullError as error:
            raise FullError(str(error)) from error
        except BatcherClosedError as error:
            if self._batcher.failure is None:
                raise DrainingError(
                    "the service was stopped before the picture was done"
                ) from error
            raise UnhealthyError("the device failed") from error
        except EngineMemoryError as error:
            raise OutOfMemoryError("the device has not the memory for this picture") from error
        except Exception as error:
            log.exception("engine failed")
            raise EngineFailedError("the model failed on this picture") from error

    # --- weights --------------------------------------------------------------------------------

    def _check(self, options: RestoreOptions) -> None:
        if options.blend == "pixel":
            raise InvalidOptionsError("blend=pixel is not available yet", code="not_available")
        if isinstance(options.adapters, dict):
            unknown = [name for name in options.adapters if name not in self._names]
            if unknown:
                raise InvalidOptionsError(
                    f"unknown adapter: {', '.join(unknown)}",
                    code="unknown_adapter",
                    hint=f"Adapters are: {', '.join(self._names)}; see GET /adapters.",
                    errors=[
                        FieldProblem(option="adapters", detail=f"unknown: {n}") for n in unknown
                    ],
                )

    def _weights(self, options: RestoreOptions, estimated: tuple[float, ...]) -> Weights:
        """Return the weights to apply; None for the baseline alone."""
        choice = options.adapters
        if isinstance(choice, dict):
            return tuple(choice.get(name, 0.0) for name in self._names)
        if choice == "none":
            return None
        return self._engine.top(estimated) if choice == "top" else estimated

    def _facts(self, described: Described, weights: Weights, stages: Stages) -> Facts:
        degradations: dict[str, float] = {}
        for adapter, share in zip(self._engine.adapters, described.weights, strict=True):
            degradations[adapter.degradation] = degradations.get(adapter.degradation, 0.0) + share
        applied = dict(zip(self._names, weights or [0.0] * len(self._names), strict=True))
        clean = max(0.0, 1.0 - sum(degradations.values()))
        return Facts(
            model=self._model,
            degradations={name: round(share, 4) for name, share in degradations.items()}
            | {"clean": round(clean, 4)},
            adapters={name: round(weight, 4) for name, weight in applied.items() if weight > 0},
            stages=stages,
        )

    def _observe(self, facts: Facts) -> None:
        for stage, seconds in facts.stages.seconds.items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)
        self._metrics.observe_seen(facts.adapters, facts.degradations)
