"""The units of work that the device runs: describe a picture, restore a tile, segment a tile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from service.batching.units import Unit
from service.device.engine import (
    Described,
    Description,
    Engine,
    Pixels,
    Removal,
    RestoreTask,
    SegmentTask,
    Tile,
)


@dataclass(frozen=True)
class DescribeWork:
    """Describe one picture from what ``Engine.prepare`` returned for it."""

    engine: Engine
    prepared: Any


@dataclass(frozen=True)
class RestoreWork:
    """Restore one tile and write it into ``out``, shape (H, W, 3), of the picture's type."""

    engine: Engine
    task: RestoreTask
    out: Pixels


@dataclass(frozen=True)
class SegmentWork:
    """Segment one tile and write it into the map of the whole picture.

    Attributes:
        engine: The model.
        task: The tile.
        labels: Shape (H, W), uint8. The tile is written into it.
        planes: Shape (P, H, W), float16, one plane per class of the task. Written too.
    """

    engine: Engine
    task: SegmentTask
    labels: NDArray[np.uint8]
    planes: NDArray[np.float16]


TileWork = RestoreWork | SegmentWork
Work = DescribeWork | TileWork
Outcome = Described | NDArray[np.float32] | None
"""Result of describing; of segmenting: the cells of the tile; of restoring: None."""


@dataclass(frozen=True)
class RestorePicture:
    """What all tiles of one picture have in common when they are restored.

    Attributes:
        engine: The engine that described the picture.
        picture: The whole degraded picture.
        description: Its features.
        removal: The degradations to remove.
        strength: Blend of the input (0) and the restored picture (1).
        out: The restored picture, of the same shape and type. The tiles are written into it.
    """

    stage: ClassVar[str] = "restore"

    engine: Engine
    picture: Pixels
    description: Description
    removal: Removal
    strength: float
    out: Pixels

    def work(self, tile: Tile) -> RestoreWork:
        """Return the work on one tile."""
        task = RestoreTask(self.picture, tile, self.description, self.removal, self.strength)
        return RestoreWork(self.engine, task, self.out)


@dataclass(frozen=True)
class SegmentPicture:
    """What all tiles of one picture have in common when they are segmented.

    Attributes:
        engine: The engine that described the picture.
        picture: The whole degraded picture.
        description: Its features.
        classes: Indices of the classes whose probabilities are wanted.
        labels: Shape (H, W), uint8. The tiles are written into it.
        planes: Shape (P, H, W), float16. The tiles are written into it.
    """

    stage: ClassVar[str] = "segment"

    engine: Engine
    picture: Pixels
    description: Description
    classes: tuple[int, ...]
    labels: NDArray[np.uint8]
    planes: NDArray[np.float16]

    def work(self, tile: Tile) -> SegmentWork:
        """Return the work on one tile."""
        task = SegmentTask(self.picture, tile, self.description, self.classes)
        return SegmentWork(self.engine, task, self.labels, self.planes)


PictureWork = RestorePicture | SegmentPicture


def unit_of(work: Work, *, arrived_at: float | None = None) -> Unit[Work]:
    """Wrap work in a unit that has the cost, in pixels, and the batch key for the batcher.

    Tiles share a batch if their crops have equal sizes and types. Describing comes first for each
    picture, so only its units can be refused. Engines do not share a batch: after a reload, the old
    engine finishes the pictures that it described.

    Args:
        work: The work.
        arrived_at: The time that decides its place in the queue; None: when it is submitted.
    """
    engine = id(work.engine)  # the work keeps the engine alive
    if isinstance(work, DescribeWork):
        return Unit(work, ("describe", engine), 1, arrived_at)
    top, left, bottom, right = work.task.tile.crop
    stage = "restore" if isinstance(work, RestoreWork) else "segment"
    height, width = bottom - top, right - left
    key = (stage, engine, height, width, work.task.picture.dtype.itemsize)
    return Unit(work, key, height * width, arrived_at, continues=True)


def run_batch(batch: Sequence[Work], threads: int) -> list[Outcome]:
    """Run a batch of one stage and engine, in one of the device's threads.

    Args:
        batch: The work.
        threads: Number of the device's threads that the batch has.
    """
    engine = batch[0].engine
    engine.use_threads(threads)
    prepared = [work.prepared for work in batch if isinstance(work, DescribeWork)]
    if prepared:
        return list(engine.describe(prepared))
    restoring = [work for work in batch if isinstance(work, RestoreWork)]
    if restoring:
        _restore(engine, restoring)
        return [None] * len(restoring)
    return _segment(engine, [work for work in batch if isinstance(work, SegmentWork)])


def _restore(engine: Engine, batch: Sequence[RestoreWork]) -> None:
    restored = engine.restore([work.task for work in batch])
    for work, pixels in zip(batch, restored, strict=True):
        work.out[_kept(work.task.tile)] = pixels


def _segment(engine: Engine, batch: Sequence[SegmentWork]) -> list[Outcome]:
    cells: list[Outcome] = []
    segmented = engine.segment([work.task for work in batch])
    for work, part in zip(batch, segmented, strict=True):
        rows, columns = _kept(work.task.tile)
        work.labels[rows, columns] = part.labels
        work.planes[:, rows, columns] = part.probabilities
        cells.append(part.cells)
    return cells


def _kept(tile: Tile) -> tuple[slice, slice]:
    """Return the rows and columns that a tile answers for."""
    top, left, bottom, right = tile.keep
    return slice(top, bottom), slice(left, right)
