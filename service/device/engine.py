"""The engine protocol: what the service needs of a model on a device. Arrays in, arrays out.

Another runtime than torch implements ``Engine`` and nothing else; see docs/architecture.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model.model_info import AdapterInfo, ModelInfo

Pixels = NDArray[np.uint8 | np.uint16]
"""Picture of shape (H, W, 3), sRGB; uint8 in [0, 255] or uint16 in [0, 65535]."""

Description = Any
"""Whole-picture features of an engine. Only the engine looks inside."""

PixelBox = tuple[int, int, int, int]
"""Top, left, bottom and right of a rectangle in picture pixels; bottom and right exclusive."""

MapCells = Sequence[tuple[PixelBox, NDArray[np.float32]]]
"""For each segmented tile: the pixels that it answers for, and ``SegmentedTile.cells``."""


class EngineMemoryError(RuntimeError):
    """The device does not have the memory for a task, even if the task is alone in its batch."""


class EngineFatalError(RuntimeError):
    """The device cannot be used any more. The process should end."""


@dataclass(frozen=True, eq=False)
class SpatialWeights:
    """Adapter weights that vary over a picture. Two are equal only if they are the same object.

    Attributes:
        weights: Weight of each adapter in each cell of a grid over the whole picture, shape
            (K, rows, columns), float32 in [0, 1].
    """

    weights: NDArray[np.float32]

    def means(self) -> tuple[float, ...]:
        """Return the mean weight of each adapter over the picture."""
        return tuple(self.weights.mean(axis=(1, 2)).tolist())


@dataclass(frozen=True)
class Removal:
    """The degradations to remove from one picture.

    Attributes:
        amounts: Amount of each adapter's degradation, in [0, 1], in the order of the adapters.
        adapters: Whether the adapters are used; if not, the baseline removes them alone.
        spatial_weights: Adapter weights that vary over the picture; None: ``amounts`` everywhere.
    """

    amounts: tuple[float, ...]
    adapters: bool = True
    spatial_weights: SpatialWeights | None = None


class Tile(Protocol):
    """A part of a picture that is one unit of work."""

    @property
    def crop(self) -> PixelBox:
        """The pixels that the network reads. They may pass the picture's bottom and right."""

    @property
    def keep(self) -> PixelBox:
        """The pixels that the tile answers for, inside the picture."""


@dataclass(frozen=True)
class EngineInfo:
    """The model, and the device that runs it.

    Attributes:
        model: Name, digest, size and licence of the base model.
        device: ``cpu`` or ``cuda``.
        device_name: Name of the processor or GPU.
        precision: ``bf16`` or ``fp32``.
        classes: Classes of the degradation map, in the order of its channels.
        batch_pixels: Pixels above which a larger batch gains nothing on this device.
        threads: Number of batches that may run at once on it, each in a thread of its own.
    """

    model: ModelInfo
    device: str
    device_name: str
    precision: str
    classes: tuple[str, ...]
    batch_pixels: int
    threads: int

    @property
    def model_version(self) -> str:
        """Name of the model and the first digits of its digest: ``abair@0123456789ab``."""
        return f"{self.model.name}@{self.model.sha256[:12]}"


@dataclass(frozen=True)
class Described:
    """Whole-picture features and estimate, computed once and used by all tiles.

    Attributes:
        description: The features that restoring and segmenting need.
        amounts: Estimated amount of each adapter's degradation, in [0, 1], in their order.
    """

    description: Description
    amounts: tuple[float, ...]


@dataclass(frozen=True)
class RestoreTask:
    """One tile to restore.

    Attributes:
        picture: The whole degraded picture.
        tile: The part to restore.
        description: Features of the whole picture.
        removal: The degradations to remove from the whole picture.
        strength: Blend of the input (0) and the restored picture (1).
    """

    picture: Pixels
    tile: Tile
    description: Description
    removal: Removal
    strength: float = 1.0


@dataclass(frozen=True)
class SegmentTask:
    """One tile to segment.

    Attributes:
        picture: The whole degraded picture.
        tile: The part to segment.
        description: Features of the whole picture.
        planes: Indices of the classes whose probabilities are wanted.
    """

    picture: Pixels
    tile: Tile
    description: Description
    planes: tuple[int, ...] = ()


@dataclass(frozen=True)
class SegmentedTile:
    """The degradation map of one tile; h and w are the size of what the tile keeps.

    Attributes:
        labels: Most probable class of each pixel, shape (h, w), uint8.
        cells: Sum of each class's probability over the pixels of each grid cell that the tile
            touches, shape (C, rows, columns), float32. ``Engine.spatial_weights`` joins them.
        probabilities: Probabilities of the wanted classes, shape (P, h, w), float16 in [0, 1].
    """

    labels: NDArray[np.uint8]
    cells: NDArray[np.float32]
    probabilities: NDArray[np.float16]


class Engine(Protocol):
    """A model on a device.

    ``describe``, ``restore``, ``segment``, ``use_threads`` and ``warm_up`` are called in the
    device's threads; everything else may be called in any thread.
    """

    @property
    def info(self) -> EngineInfo:
        """The model, and the device that runs it."""

    @property
    def adapters(self) -> tuple[AdapterInfo, ...]:
        """The loaded adapters, in the order of the amounts."""

    @property
    def warm_up_sides(self) -> Sequence[int]:
        """Sides in pixels for ``warm_up``, in the order in which to call it."""

    def plan_tiles(
        self, height: int, width: int, tile: int, part: PixelBox | None = None
    ) -> Sequence[Tile]:
        """Cut a picture into tiles whose kept parts cover it. Depends on the arguments alone.

        Args:
            height: Of the picture.
            width: Of the picture.
            tile: Largest side of a tile.
            part: The part to cover, as one tile of the picture keeps it; None: the whole picture.
        """

    def prepare(self, picture: Pixels) -> Any:  # noqa: ANN401 - only the engine looks inside
        """Return the views of a picture that ``describe`` needs."""

    def use_threads(self, count: int) -> None:
        """Let the next calls in this thread compute with ``count`` of the device's threads."""

    def describe(self, prepared: Sequence[Any]) -> list[Described]:
        """Describe whole pictures."""

    def spatial_weights(
        self, amounts: tuple[float, ...], cells: MapCells, size: tuple[int, int]
    ) -> SpatialWeights:
        """Scale the adapter weights at each place by the degradation map.

        Args:
            amounts: Amount of each adapter's degradation.
            cells: The map, as ``segment`` returned it for each tile.
            size: Height and width of the picture.
        """

    def restore(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        """Restore tiles whose crops have equal sizes and types. Returns what each tile keeps."""

    def segment(self, tasks: Sequence[SegmentTask]) -> list[SegmentedTile]:
        """Segment tiles whose crops have equal sizes and types."""

    def warm_up(self, side: int) -> None:
        """Run each kind of work once on a square picture, so that the first caller need not wait.

        The service calls it once for each of ``warm_up_sides``. Batches may run between the calls.
        """

    def memory(self) -> tuple[int, int]:
        """Return the bytes of GPU memory in use and held by the runtime; 0 and 0 on a CPU."""
