"""Units of work for the device, and how an engine runs a batch of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.batching.unit_queue import Unit
from service.device.engine import Described, Engine, Pixels, RestoreTask, SegmentTask, Tile


@dataclass(frozen=True)
class DescribeWork:
    """Describe one picture from what ``Engine.prepare`` took of it."""

    engine: Engine
    prepared: Any


@dataclass(frozen=True)
class RestoreWork:
    """Restore one tile and put it into ``out``, shape (H, W, 3), of the picture's type."""

    engine: Engine
    task: RestoreTask
    out: Pixels


@dataclass(frozen=True)
class SegmentWork:
    """Segment one tile and put it into the whole map.

    Attributes:
        engine: The model.
        task: The tile.
        labels: Shape (H, W), uint8, written.
        planes: Shape (P, H, W), float16, written; one a plane of the task.
    """

    engine: Engine
    task: SegmentTask
    labels: NDArray[np.uint8]
    planes: NDArray[np.float16]


TileWork = RestoreWork | SegmentWork
Work = DescribeWork | TileWork
Outcome = Described | NDArray[np.float32] | None
"""Of describing; of segmenting: the cells of the tile; of restoring: nothing more."""


def unit(work: Work, *, since: float | None = None) -> Unit[Work]:
    """Make a unit; what it costs is pixels, what shares a batch has its crop's size and type.

    Describing comes first; what follows it is never refused. Engines don't mix: after a reload, the
    old one still finishes what it began.
    """
    engine = id(work.engine)  # the work keeps it alive
    if isinstance(work, DescribeWork):
        return Unit(work, ("describe", engine), 1, since)
    top, left, bottom, right = work.task.tile.crop
    kind = "restore" if isinstance(work, RestoreWork) else "segment"
    height, width = bottom - top, right - left
    bucket = (kind, engine, height, width, work.task.picture.dtype.itemsize)
    return Unit(work, bucket, height * width, since, follows=True)


def run(items: Sequence[Work], lanes: int) -> list[Outcome]:
    """Run a batch of one kind and engine, with so many of the device's lanes, in one of them."""
    engine = items[0].engine
    engine.enter(lanes)
    describing = [item.prepared for item in items if isinstance(item, DescribeWork)]
    if describing:
        return list(engine.describe(describing))
    restoring = [item for item in items if isinstance(item, RestoreWork)]
    if restoring:
        for item, pixels in zip(
            restoring, engine.restore([item.task for item in restoring]), strict=True
        ):
            item.out[_inside(item.task.tile)] = pixels
        return [None] * len(restoring)
    segmenting = [item for item in items if isinstance(item, SegmentWork)]
    return _segment(engine, segmenting)


def _segment(engine: Engine, items: Sequence[SegmentWork]) -> list[Outcome]:
    cells: list[Outcome] = []
    for item, part in zip(items, engine.segment([item.task for item in items]), strict=True):
        rows, columns = _inside(item.task.tile)
        item.labels[rows, columns] = part.labels
        item.planes[:, rows, columns] = part.probabilities
        cells.append(part.cells)
    return cells


def _inside(tile: Tile) -> tuple[slice, slice]:
    top, left, bottom, right = tile.keep
    return slice(top, bottom), slice(left, right)
