"""What the service wants of a model on a device; arrays in, arrays out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8 | np.uint16]
"""Picture of shape (H, W, 3), sRGB; uint8 in [0, 255] or uint16 in [0, 65535]."""

Description = Any
"""What an engine knows of a picture as a whole; nobody else looks inside."""


class EngineMemoryError(RuntimeError):
    """The device has not the memory for a task, however small its batch."""


class EngineFatalError(RuntimeError):
    """The device cannot be used any more: the process should end."""


@dataclass(frozen=True, eq=False)
class Field:
    """Weights that vary over a picture; two are the same only if they are one.

    Attributes:
        weights: Of each adapter in each of the cells that divide the picture evenly, shape
            (K, gh, gw), float32 in [0, 1].
    """

    weights: NDArray[np.float32]

    def means(self) -> tuple[float, ...]:
        """Return each adapter's mean weight over the picture."""
        return tuple(self.weights.mean(axis=(1, 2)).tolist())


@dataclass(frozen=True)
class Removal:
    """What is to be removed from one picture.

    Attributes:
        amounts: Amount of each adapter's degradation, in [0, 1], in the adapters' order.
        adapters: Whether the adapters take part; else the baseline removes what it can alone.
        field: Weights of the adapters that vary over the picture; None where they don't vary.
    """

    amounts: tuple[float, ...]
    adapters: bool = True
    field: Field | None = None

    @property
    def nothing(self) -> bool:
        """Whether nothing is to be removed, so that the answer is the picture itself."""
        return not any(self.amounts)


Box = tuple[int, int, int, int]
"""Top, left, bottom and right of a rectangle in picture pixels; bottom and right exclusive."""


class Tile(Protocol):
    """One unit of work."""

    @property
    def crop(self) -> Box:
        """What the network reads; it may pass the picture's bottom and right."""

    @property
    def keep(self) -> Box:
        """What the tile answers for, inside the picture."""


@dataclass(frozen=True)
class AdapterFacts:
    """What is known of one resident adapter."""

    name: str
    title: str
    degradation: str
    rank: int
    parameters: int
    bytes: int
    sha256: str
    gain_db: float | None
    licence: str


@dataclass(frozen=True)
class EngineInfo:
    """What is known of the model and where it runs.

    Attributes:
        model: Name of the model.
        sha256: Digest of its weights.
        parameters: Number of its weights, adapters not counted.
        licence: SPDX identifier of the weights' licence.
        device: ``cpu`` or ``cuda``.
        device_name: Name of the processor or card.
        precision: ``bf16`` or ``fp32``.
        classes: Classes of the degradation map, in the order of its channels.
        batch_pixels: Most pixels that make sense in one batch on this device.
        lanes: Most batches that make sense at once on it.
    """

    model: str
    sha256: str
    parameters: int
    licence: str
    device: str
    device_name: str
    precision: str
    classes: tuple[str, ...]
    batch_pixels: int
    lanes: int


@dataclass(frozen=True)
class Described:
    """One picture as a whole.

    Attributes:
        description: What restoring and segmenting need.
        amounts: Estimated amount of each adapter's degradation, in [0, 1], in their order.
    """

    description: Description
    amounts: tuple[float, ...]


@dataclass(frozen=True)
class RestoreTask:
    """One tile to restore.

    Attributes:
        picture: The whole degraded picture.
        tile: The part to do.
        description: Of the whole picture.
        removal: What is to be removed from the whole picture.
        strength: Blend of input (0) and restored (1).
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
        tile: The part to do.
        description: Of the whole picture.
        planes: Classes whose probabilities are wanted.
    """

    picture: Pixels
    tile: Tile
    description: Description
    planes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Segmented:
    """One segmented tile; h and w are those of what it keeps.

    Attributes:
        labels: Most probable class of each pixel, shape (h, w), uint8.
        cells: Sum of each class's probability over the pixels of each cell that the tile touches,
            shape (C, rows, columns), float32; ``Engine.lead`` joins them.
        probabilities: Of the planes asked for, shape (planes, h, w), float16 in [0, 1].
    """

    labels: NDArray[np.uint8]
    cells: NDArray[np.float32]
    probabilities: NDArray[np.float16]


class Engine(Protocol):
    """A restorer on a device; called in one thread a lane, some methods in any."""

    @property
    def info(self) -> EngineInfo:
        """The model and where it runs."""

    @property
    def adapters(self) -> tuple[AdapterFacts, ...]:
        """Resident adapters, in the order of the weights."""

    def plan(self, height: int, width: int, tile: int, part: Box | None = None) -> Sequence[Tile]:
        """Cut a picture, or what one tile of it keeps, into tiles whose kept parts cover it.

        A function of its arguments alone.
        """

    def prepare(self, picture: Pixels) -> Any:  # noqa: ANN401 - the engine's own
        """Take what ``describe`` needs from a picture; called in any thread."""

    def enter(self, lanes: int) -> None:
        """Let what the calling thread does next have ``lanes`` of the device's lanes."""

    def describe(self, prepared: Sequence[Any]) -> list[Described]:
        """Describe whole pictures."""

    def lead(
        self,
        weights: tuple[float, ...],
        cells: Sequence[tuple[Box, NDArray[np.float32]]],
        size: tuple[int, int],
    ) -> Field:
        """Let the map lead the weights over a picture; called in any thread.

        Args:
            weights: Of the adapters.
            cells: What each tile keeps, and its cells.
            size: Height and width of the picture.
        """

    def restore(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        """Restore tiles whose crops have equal sizes and types; returns what they keep."""

    def segment(self, tasks: Sequence[SegmentTask]) -> list[Segmented]:
        """Segment tiles whose crops have equal sizes and types."""

    def warm_up(self) -> None:
        """Run each kind of work once, so that the first caller need not wait."""

    def memory(self) -> tuple[int, int]:
        """Return bytes of the device that are in use and held; 0 on a CPU; called anywhere."""
