"""Runs one stage on all tiles of one picture, in pieces or smaller tiles where that is needed."""

import asyncio
import math
import time
from collections.abc import Sequence

import structlog

from service.admission.picture_request import PictureRequest
from service.batching.batcher import MicroBatcher
from service.batching.units import UnitResult
from service.device.engine import EngineMemoryError, Tile
from service.device.units_of_work import Outcome, PictureWork, Work, unit_of
from service.observability.metrics import ServiceMetrics

LEAST_TILE = 128
"""Side in pixels below which tiles are not made smaller: they would mostly consist of margins."""

Result = UnitResult[Work, Outcome]
log = structlog.get_logger("abair.tiles")


class SmallPictures:
    """Remembers when the last picture of one tile was submitted."""

    def __init__(self) -> None:
        self._seen_at = -math.inf

    def seen(self) -> None:
        """Note that one is submitted now."""
        self._seen_at = time.monotonic()

    @property
    def seconds_since(self) -> float:
        """Seconds since the last one; infinite if there was none."""
        return time.monotonic() - self._seen_at


class PictureRun:
    """Restores or segments all tiles of one picture.

    Args:
        work: The stage and the picture.
        request: The picture's request.
        batcher: Runs the units on the device.
        metrics: Counts tiles that were made smaller.
        small_pictures: When the last small picture was submitted.
        tile: Largest side of a tile in pixels.
    """

    def __init__(
        self,
        work: PictureWork,
        request: PictureRequest,
        batcher: MicroBatcher[Work, Outcome],
        metrics: ServiceMetrics,
        small_pictures: SmallPictures,
        tile: int,
    ) -> None:
        self._work, self._request, self._batcher = work, request, batcher
        self._policy, self._small_pictures = batcher.policy, small_pictures
        self._metrics, self._tile = metrics, tile
        self._fitting_side = tile
        """Side of tiles that fit the memory; smaller than ``tile`` after memory ran out."""

    async def run(self) -> list[Result]:
        """Run the stage on tiles that cover the picture. The first error cancels the rest."""
        tiles = self._plan(self._tile)
        if len(tiles) > 1:
            return await self._run_in_window(tiles)
        # The only tile keeps the picture's place in the queue.
        self._small_pictures.seen()
        return await self._run_tile(tiles[0], arrived_at=self._request.arrived_at)

    async def _run_in_window(self, tiles: Sequence[Tile]) -> list[Result]:
        """Submit a few tiles at a time, so that the units of other pictures come in between."""
        largest = max(unit_of(self._work.work(tile)).cost for tile in tiles)
        window = asyncio.Semaphore(self._policy.tiles_at_once(largest))
        tasks = [asyncio.create_task(self._run_in_turn(tile, window)) for tile in tiles]
        try:
            return _joined(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_in_turn(self, tile: Tile, window: asyncio.Semaphore) -> list[Result]:
        async with window:
            parts = [tile] if self._fitting_side == self._tile else self._smaller(tile)
            pieces = [piece for part in parts for piece in self._pieces(part)]
            return _joined([await self._run_tile(piece) for piece in pieces])

    async def _run_tile(self, tile: Tile, *, arrived_at: float | None = None) -> list[Result]:
        """Run one tile. If it does not fit the memory, run smaller tiles instead of it."""
        unit = unit_of(self._work.work(tile), arrived_at=arrived_at)
        try:
            return [await self._batcher.submit(unit, deadline=self._request.caller.deadline)]
        except EngineMemoryError as error:
            self._lower_side(tile, error)
        return _joined([await self._run_tile(part) for part in self._smaller(tile)])

    def _pieces(self, tile: Tile) -> Sequence[Tile]:
        """Return the tile, or pieces of it while small pictures arrive (``SchedulingPolicy``)."""
        side = max(LEAST_TILE, self._policy.piece_side())
        waiting, since_small = self._batcher.queued_units, self._small_pictures.seconds_since
        if side >= self._tile or not self._policy.splits_tiles(waiting, since_small):
            return [tile]
        return self._plan(side, tile)

    def _smaller(self, tile: Tile) -> Sequence[Tile]:
        """Return tiles that fit the memory instead of ``tile``."""
        return self._plan(self._fitting_side, tile)

    def _lower_side(self, tile: Tile, error: EngineMemoryError) -> None:
        """Lower the side of tiles after ``tile`` did not fit the memory.

        Raises:
            EngineMemoryError: ``error``, if the tile cannot be made smaller.
        """
        top, left, bottom, right = tile.keep
        if max(bottom - top, right - left) > self._fitting_side:
            return  # another tile has lowered it meanwhile
        half = math.isqrt((bottom - top) * (right - left)) // 2
        if half < LEAST_TILE:
            raise error
        self._fitting_side = half
        self._metrics.tiles_halved.inc()
        log.warning("out of memory: the tiles are halved", stage=self._work.stage, tile=half)

    def _plan(self, side: int, tile: Tile | None = None) -> Sequence[Tile]:
        """Cut the picture, or the part of it that ``tile`` keeps, into tiles."""
        height, width = self._work.picture.shape[:2]
        part = None if tile is None else tile.keep
        return self._work.engine.plan_tiles(height, width, side, part)


def _joined(results: Sequence[list[Result]]) -> list[Result]:
    return [result for some in results for result in some]


def seconds_running(results: Sequence[Result]) -> float:
    """Return the seconds in which at least one of the units' batches ran."""
    total, until = 0.0, -math.inf
    for result in sorted(results, key=lambda result: result.began):
        end = result.began + result.ran
        total += max(0.0, end - max(until, result.began))
        until = max(until, end)
    return total
