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


@dataclass(frozen=True)
class Described:
    """One picture as a whole.

    Attributes:
        description: What restoring and segmenting need.
        weights: The estimator's weight of each adapter, in [0, 1], in the adapters' order.
    """

    description: Description
    weights: tuple[float, ...]


@dataclass(frozen=True)
class RestoreTask:
    """One tile to restore.

    Attributes:
        picture: The whole degraded picture.
        tile: The part to do.
        description: Of the whole picture.
        weights: Weight of each adapter in [0, 1]; None for the baseline alone.
        strength: Blend of input (0) and restored (1).
    """

    picture: Pixels
    tile: Tile
    description: Description
    weights: tuple[float, ...] | None
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
        totals: Sum of each class's probability over the pixels, shape (C,).
        probabilities: Of the planes asked for, shape (planes, h, w), float16 in [0, 1].
    """

    labels: NDArray[np.uint8]
    totals: NDArray[np.float64]
    probabilities: NDArray[np.float16]


class Engine(Protocol):
    """A restorer on a device. All but ``prepare`` and ``plan`` are called in one thread."""

    @property
    def info(self) -> EngineInfo:
        """The model and where it runs."""

    @property
    def adapters(self) -> tuple[AdapterFacts, ...]:
        """Resident adapters, in the order of the weights."""

    def plan(self, height: int, width: int, tile: int) -> Sequence[Tile]:
        """Cut a picture into tiles whose kept parts cover it; a function of the sizes alone."""

    def prepare(self, picture: Pixels) -> Any:  # noqa: ANN401 - the engine's own
        """Take what ``describe`` needs from a picture; called in many threads."""

    def describe(self, prepared: Sequence[Any]) -> list[Described]:
        """Describe whole pictures."""

    def top(self, weights: tuple[float, ...]) -> tuple[float, ...]:
        """Reduce the estimator's weights to the likeliest adapter alone, or to none."""

    def restore(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        """Restore tiles whose crops have equal sizes and types; returns what they keep."""

    def segment(self, tasks: Sequence[SegmentTask]) -> list[Segmented]:
        """Segment tiles whose crops have equal sizes and types."""

    def warm_up(self) -> None:
        """Run each kind of work once, so that the first caller need not wait."""
