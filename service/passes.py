"""Passes of one picture over the device: described, then restored or segmented tile by tile."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import structlog
from numpy.typing import NDArray

from service.answers import Segmentation, Stages
from service.batcher import BatcherClosedError, MicroBatcher, QueueFullError
from service.buckets import Answer, Unit
from service.engine import (
    Box,
    Described,
    Engine,
    EngineMemoryError,
    Field,
    Pixels,
    RestoreTask,
    SegmentTask,
    Tile,
)
from service.errors import (
    DeadlineExceededError,
    DrainingError,
    EngineFailedError,
    FullError,
    OutOfMemoryError,
    UnhealthyError,
)
from service.metrics import ServiceMetrics
from service.work import DescribeWork, Outcome, RestoreWork, SegmentWork, Work, unit

Weights = tuple[float, ...] | Field | None
Cells = list[tuple[Box, NDArray[np.float32]]]
"""What each tile keeps, and the sums of the classes' probabilities in its cells."""

LEAST_TILE = 128
"""Side below which a tile isn't halved any more: its margins would be most of it."""

CROWD = 3
"""With this many waiting units, tiles are no longer split: small requests now delay each other more
than the large picture does."""
QUIET_SECONDS = 1.0
"""Seconds after the last small picture until large pictures are restored in whole tiles again."""

log = structlog.get_logger("abair.passes")


class Passes:
    """Submits a picture's units of work and waits for them.

    Args:
        engine: The model; a picture stays with the one that described it.
        batcher: The way to the device.
        metrics: Where it is shown.
        tile: Pictures above ``tile * tile`` pixels are cut into tiles.
        batch_pixels: Most pixels in one batch.
    """

    def __init__(
        self,
        engine: Engine,
        batcher: MicroBatcher[Work, Outcome],
        metrics: ServiceMetrics,
        *,
        tile: int,
        batch_pixels: int,
    ) -> None:
        self._engine, self._batcher, self._metrics = engine, batcher, metrics
        self._tile, self._batch_pixels = tile, batch_pixels
        self._small_at = -math.inf

    async def describe(self, prepared: object, stages: Stages) -> Described:
        """Describe a picture from what ``Engine.prepare`` took of it."""
        one = unit(DescribeWork(self._engine, prepared), since=stages.began)
        with self._told():
            answer = await self._batcher.submit(one, deadline=stages.deadline)
        stages.add("queue", answer.waited)
        stages.add("describe", answer.ran)
        if not isinstance(answer.value, Described):
            raise TypeError(f"an engine describes with Described, got {answer.value!r}")
        return answer.value

    async def restore(
        self,
        picture: Pixels,
        described: Described,
        weights: Weights,
        strength: float,
        stages: Stages,
    ) -> Pixels:
        """Restore every tile into a new picture of the input's shape and type."""
        if strength == 0:
            return picture
        out = np.empty_like(picture)

        def work(tile: Tile) -> Work:
            task = RestoreTask(picture, tile, described.description, weights, strength)
            return RestoreWork(self._engine, task, out)

        await self._cover(picture, work, "restore", stages)
        return out

    async def segment(
        self, picture: Pixels, described: Described, planes: tuple[int, ...], stages: Stages
    ) -> tuple[Segmentation, Cells]:
        """Map a picture, with the probabilities of the classes ``planes``."""
        height, width = picture.shape[:2]
        labels = np.empty((height, width), np.uint8)
        kept = np.empty((len(planes), height, width), np.float16)

        def work(tile: Tile) -> Work:
            task = SegmentTask(picture, tile, described.description, planes)
            return SegmentWork(self._engine, task, labels, kept)

        done = await self._cover(picture, work, "segment", stages)
        cells = [
            (tile.keep, answer.value)
            for tile, answer in done
            if isinstance(answer.value, np.ndarray)
        ]
        sums = sum(part.sum(axis=(1, 2), dtype=np.float64) for _, part in cells)
        means = np.asarray(sums) / (height * width)
        return Segmentation(self._engine.info.classes, labels, means, kept), cells

    async def _cover(
        self, picture: Pixels, work: Callable[[Tile], Work], stage: str, stages: Stages
    ) -> list[tuple[Tile, Answer[Outcome]]]:
        """Run ``work`` on tiles that cover a picture; smaller ones if the memory isn't enough."""
        height, width = picture.shape[:2]
        side = self._tile
        while True:
            with self._told():
                try:
                    return await self._submit((height, width), side, work, stage, stages)
                except EngineMemoryError:
                    side = min(side, math.isqrt(height * width)) // 2
                    if side < LEAST_TILE:
                        raise
            self._metrics.tiles_halved.inc()
            log.warning("out of memory: the tiles are halved", stage=stage, tile=side)

    async def _submit(
        self,
        size: tuple[int, int],
        side: int,
        work: Callable[[Tile], Work],
        stage: str,
        stages: Stages,
    ) -> list[tuple[Tile, Answer[Outcome]]]:
        """Run the tiles of ``side``: one at once, many as turns that others come in between."""
        began = time.perf_counter()
        tiles = self._engine.plan(*size, side)
        if len(tiles) == 1:
            one = unit(work(tiles[0]), since=stages.began)
            answers = [await self._batcher.submit(one, deadline=stages.deadline)]
            self._small_at = time.perf_counter()  # now: one that is halved wasn't small
        else:
            tiles, answers = await self._take_turns(size, tiles, work, stages)
        stages.add("queue", answers[0].waited)
        stages.add(stage, time.perf_counter() - began - answers[0].waited)
        return list(zip(tiles, answers, strict=True))

    async def _take_turns(
        self,
        size: tuple[int, int],
        tiles: Sequence[Tile],
        work: Callable[[Tile], Work],
        stages: Stages,
    ) -> tuple[list[Tile], list[Answer[Outcome]]]:
        """Run a large picture's tiles, in pieces while small pictures come.

        A tile is handed in when its turn comes and counts from then: small pictures that came
        while the one before ran go first, and wait for one piece where it fills a batch.
        """
        pieces: list[Sequence[Tile]] = [[] for _ in tiles]

        def turn(index: int) -> list[Unit[Work]]:
            pieces[index] = self._pieces(size, tiles[index])
            return [unit(work(piece)) for piece in pieces[index]]

        largest = max(unit(work(tile)).cost for tile in tiles)
        answers = await self._batcher.submit_all(
            [partial(turn, index) for index in range(len(tiles))],
            window=max(1, 2 * self._batch_pixels // largest),
            deadline=stages.deadline,
        )
        return [piece for group in pieces for piece in group], answers

    def _pieces(self, size: tuple[int, int], tile: Tile) -> Sequence[Tile]:
        """Split a tile into pieces of half a batch each, if that helps small pictures.

        A tile is not split if no small picture arrived recently, or if the queue is crowded: the
        large picture would starve.
        """
        side = max(LEAST_TILE, math.isqrt(self._batch_pixels // 2))
        alone = time.perf_counter() - self._small_at > QUIET_SECONDS
        if side >= self._tile or alone or self._batcher.queued_items >= CROWD:
            return [tile]
        return self._engine.plan(*size, side, tile.keep)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Put what the batcher and the engine raise into words for the caller."""
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
