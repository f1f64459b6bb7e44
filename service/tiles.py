"""Runs one picture on the device: describes it, then restores or segments it tile by tile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import structlog

from service.admission.picture_request import PictureRequest
from service.answers.degradation_map import DegradationMap
from service.batching.batcher import BatcherClosedError, MicroBatcher, QueueFullError
from service.device.engine import (
    Described,
    Engine,
    EngineMemoryError,
    MapCells,
    Pixels,
    Removal,
)
from service.device.units_of_work import (
    DescribeWork,
    Outcome,
    PictureWork,
    RestorePicture,
    SegmentPicture,
    SegmentWork,
    Work,
    unit_of,
)
from service.errors import (
    DeadlineExceededError,
    DrainingError,
    EngineFailedError,
    FullError,
    OutOfMemoryError,
    UnhealthyError,
)
from service.observability.metrics import ServiceMetrics
from service.picture_run import PictureRun, Result, SmallPictures, seconds_running

log = structlog.get_logger("abair.tiles")


class TileRunner:
    """Submits the units of pictures to the batcher, and waits for them.

    Args:
        engine: The model. A picture stays with the engine that described it.
        batcher: Runs the units on the device.
        metrics: Counts tiles that were made smaller.
        tile: Side in pixels of a tile. Pictures above ``tile * tile`` pixels are tiled.
    """

    def __init__(
        self,
        engine: Engine,
        batcher: MicroBatcher[Work, Outcome],
        metrics: ServiceMetrics,
        *,
        tile: int,
    ) -> None:
        self._engine, self._batcher, self._metrics = engine, batcher, metrics
        self._tile = tile
        self._small_pictures = SmallPictures()

    async def describe(self, prepared: object, request: PictureRequest) -> Described:
        """Describe a picture from what ``Engine.prepare`` returned for it."""
        unit = unit_of(DescribeWork(self._engine, prepared), arrived_at=request.arrived_at)
        with self._service_errors():
            result = await self._batcher.submit(unit, deadline=request.caller.deadline)
        request.times.add("queue", result.waited)
        request.times.add("describe", result.ran)
        if not isinstance(result.value, Described):
            raise TypeError(f"Engine.describe must return Described, got {result.value!r}")
        return result.value

    async def restore(
        self,
        picture: Pixels,
        described: Described,
        removal: Removal,
        strength: float,
        request: PictureRequest,
    ) -> Pixels:
        """Restore all tiles into a new picture of the same shape and type."""
        out = np.empty_like(picture)
        await self._run(
            RestorePicture(self._engine, picture, described.description, removal, strength, out),
            request,
        )
        return out

    async def segment(
        self,
        picture: Pixels,
        described: Described,
        classes: tuple[int, ...],
        request: PictureRequest,
    ) -> tuple[DegradationMap, MapCells]:
        """Make the degradation map of a picture.

        Args:
            picture: The picture.
            described: Its features.
            classes: Indices of the classes whose probabilities are wanted.
            request: The request.

        Returns:
            The map, and what ``Engine.spatial_weights`` needs of it.
        """
        height, width = picture.shape[:2]
        labels = np.empty((height, width), np.uint8)
        planes = np.empty((len(classes), height, width), np.float16)
        work = SegmentPicture(self._engine, picture, described.description, classes, labels, planes)
        cells = [
            (result.item.task.tile.keep, result.value)
            for result in await self._run(work, request)
            if isinstance(result.item, SegmentWork) and isinstance(result.value, np.ndarray)
        ]
        sums = sum(part.sum(axis=(1, 2), dtype=np.float64) for _, part in cells)
        means = np.asarray(sums) / (height * width)
        return DegradationMap(self._engine.info.classes, labels, means, planes), cells

    async def _run(self, work: PictureWork, request: PictureRequest) -> list[Result]:
        """Run a stage on all tiles of a picture, and add the time to the stage."""
        began = time.monotonic()
        run = PictureRun(
            work, request, self._batcher, self._metrics, self._small_pictures, self._tile
        )
        with self._service_errors():
            results = await run.run()
        ran = seconds_running(results)
        request.times.add("queue", max(0.0, time.monotonic() - began - ran))
        request.times.add(work.stage, ran)
        return results

    @contextmanager
    def _service_errors(self) -> Iterator[None]:
        """Turn the errors of the batcher and the engine into the service's errors."""
        try:
            yield
        except QueueFullError as error:
            raise FullError(str(error)) from error
        except TimeoutError as error:
            raise DeadlineExceededError(str(error)) from error
        except BatcherClosedError as error:
            if self._batcher.failure is None:
                raise DrainingError(
                    "the service was stopped before the picture was done"
                ) from error
            raise UnhealthyError("the device failed") from error
        except EngineMemoryError as error:
            raise OutOfMemoryError(
                "the device does not have enough memory for this picture"
            ) from error
        except Exception as error:
            log.exception("engine failed")
            raise EngineFailedError("the model failed on this picture") from error
