"""Passes of one picture over the device: described, then restored or segmented tile by tile."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import structlog
from numpy.typing import NDArray

from service.answers.encode_answer import Segmentation, Stages
from service.batching.batcher import BatcherClosedError, MicroBatcher, QueueFullError
from service.batching.submit_in_turn import take_turns
from service.batching.unit_queue import Answer, Unit
from service.device.engine import (
    Box,
    Described,
    Engine,
    EngineMemoryError,
    Pixels,
    Removal,
    RestoreTask,
    SegmentTask,
    Tile,
)
from service.device.units_of_work import (
    DescribeWork,
    Outcome,
    RestoreWork,
    SegmentWork,
    TileWork,
    Work,
    unit,
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
        removal: Removal,
        strength: float,
        stages: Stages,
    ) -> Pixels:
        """Restore every tile into a new picture of the input's shape and type."""
        if strength == 0 or removal.nothing:
            return picture
        out = np.empty_like(picture)

        def work(tile: Tile) -> TileWork:
            task = RestoreTask(picture, tile, described.description, removal, strength)
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

        def work(tile: Tile) -> TileWork:
            task = SegmentTask(picture, tile, described.description, planes)
            return SegmentWork(self._engine, task, labels, kept)

        cells = [
            (answer.item.task.tile.keep, answer.value)
            for answer in await self._cover(picture, work, "segment", stages)
            if isinstance(answer.item, SegmentWork) and isinstance(answer.value, np.ndarray)
        ]
        sums = sum(part.sum(axis=(1, 2), dtype=np.float64) for _, part in cells)
        means = np.asarray(sums) / (height * width)
        return Segmentation(self._engine.info.classes, labels, means, kept), cells

    async def _cover(
        self, picture: Pixels, work: Callable[[Tile], TileWork], stage: str, stages: Stages
    ) -> list[Answer[Work, Outcome]]:
        """Run ``work`` on tiles that cover a picture."""
        height, width = picture.shape[:2]
        began = time.monotonic()
        tiles = self._engine.plan(height, width, self._tile)
        cut = _Cut((height, width), self._tile, self._engine.plan, partial(self._halved, stage))
        if len(tiles) == 1:
            window, turns = 1, [lambda: [unit(work(tiles[0]), since=stages.began)]]
            self._small_at = time.perf_counter()
        else:
            largest = max(unit(work(tile)).cost for tile in tiles)
            window = max(1, 2 * self._batch_pixels // largest)
            turns = [partial(self._turn, cut, tile, work) for tile in tiles]

        def instead(item: Work, error: Exception) -> list[Unit[Work]]:
            if not isinstance(error, EngineMemoryError) or isinstance(item, DescribeWork):
                raise error
            return [unit(work(tile)) for tile in cut.smaller(item.task.tile, error)]

        with self._told():
            submit = partial(self._batcher.submit, deadline=stages.deadline)
            answers = await take_turns(submit, turns, window=window, instead=instead)
        whole, ran = time.monotonic() - began, _time_of(answers)
        stages.add("queue", max(0.0, whole - ran))
        stages.add(stage, ran)
        return answers

    def _turn(self, cut: "_Cut", tile: Tile, work: Callable[[Tile], TileWork]) -> list[Unit[Work]]:
        """Name the units of a large picture's tile when its turn comes.

        A tile counts from then: small pictures that came while the one before ran go first, and
        wait for one piece of it where it fills a batch.
        """
        return [
            unit(work(piece)) for part in cut.parts(tile) for piece in self._pieces(cut.size, part)
        ]

    def _halved(self, stage: str, side: int) -> None:
        self._metrics.tiles_halved.inc()
        log.warning("out of memory: the tiles are halved", stage=stage, tile=side)

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


class _Cut:
    """How one picture is cut into tiles, which get smaller where the memory is not enough.

    Args:
        size: Height and width of the picture.
        side: Of the tiles.
        plan: Cuts the picture, as ``Engine.plan`` does.
        halved: Called with the new side, whenever it gets smaller.
    """

    def __init__(
        self,
        size: tuple[int, int],
        side: int,
        plan: Callable[[int, int, int, Box], Sequence[Tile]],
        halved: Callable[[int], None],
    ) -> None:
        self.size, self._whole, self._side = size, side, side
        self._plan, self._halved = plan, halved

    def parts(self, tile: Tile) -> Sequence[Tile]:
        """Return a tile of the first side in tiles of the side that fits the memory."""
        return [tile] if self._side == self._whole else self._planned(tile)

    def smaller(self, tile: Tile, error: EngineMemoryError) -> Sequence[Tile]:
        """Return smaller tiles instead of one that did not fit; the others stay as they are.

        Raises:
            EngineMemoryError: ``error``, if it was as small as a tile can be.
        """
        top, left, bottom, right = tile.keep
        if max(bottom - top, right - left) <= self._side:  # no other tile made it smaller meanwhile
            half = math.isqrt((bottom - top) * (right - left)) // 2
            if half < LEAST_TILE:
                raise error
            self._side = half
            self._halved(half)
        return self._planned(tile)

    def _planned(self, tile: Tile) -> Sequence[Tile]:
        return self._plan(*self.size, self._side, tile.keep)


def _time_of(answers: Sequence[Answer[Work, Outcome]]) -> float:
    """Return the seconds in which at least one of the batches ran."""
    total, until = 0.0, -math.inf
    for answer in sorted(answers, key=lambda answer: answer.began):
        end = answer.began + answer.ran
        total += max(0.0, end - max(until, answer.began))
        until = max(until, end)
    return total
