"""Pictures to train on: a folder of clean photographs, with depth where known, and real pairs.

DATA/clean/**                          photographs
DATA/depth/NAME.* and NAME_d.png       photographs with depth, 16 bit, larger is farther
DATA/pairs/DEGRADATION/degraded/STEM.* real degraded pictures ...
DATA/pairs/DEGRADATION/clean/STEM.*    ... and their clean ones
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.pictures.folders import depth_pairs, pictures_in, read_depth, read_rgb, task_pairs


@dataclass(frozen=True)
class Sample:
    """One picture to train on, uint8 RGB.

    Attributes:
        clean: (H, W, 3).
        depth: (H, W) float32 relative, larger is farther; None where not known.
        degraded: (H, W, 3), a real degraded picture; None where it is to be made.
    """

    clean: NDArray[np.uint8]
    depth: NDArray[np.float32] | None = None
    degraded: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Sources:
    """All pictures of a training folder, decoded."""

    clean: list[Sample]
    depth: list[Sample] = field(default_factory=list)
    pairs: dict[str, list[Sample]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.clean:
            raise ValueError("there is no clean picture to train on; put some under DATA/clean")


def read_sources(
    data: Path,
    *,
    pairs: tuple[str, ...] = (),
    shortest: int = 128,
    without: Collection[Path] = (),
) -> Sources:
    """Decode a training folder.

    Args:
        data: Laid out as above.
        pairs: Degradations whose real pairs are wanted.
        shortest: Pictures with a side below this many pixels are left out.
        without: Pictures that are left out: clean ones, those with depth, and those of pairs.

    Raises:
        ValueError: If no clean picture is found, or a pair's pictures differ in size.
    """
    paths = [path for path in pictures_in(data / "clean") if path not in without]
    clean = [Sample(read_rgb(path)) for path in paths]
    depth = [
        Sample(read_rgb(pair.picture), depth=read_depth(pair.depth))
        for pair in depth_pairs(data / "depth")
        if pair.picture not in without
    ]
    real = {name: read_pairs(data / "pairs" / name, without=without) for name in pairs}

    def long_enough(samples: list[Sample]) -> list[Sample]:
        return [sample for sample in samples if min(sample.clean.shape[:2]) >= shortest]

    return Sources(
        long_enough(clean),
        long_enough(depth),
        {name: long_enough(samples) for name, samples in real.items()},
    )


def read_pairs(task: Path, *, without: Collection[Path] = ()) -> list[Sample]:
    """Read ``task/degraded/**/STEM.*`` with ``task/clean/**/STEM.*``, but for those left out.

    Raises:
        ValueError: If a picture has no partner, or the two differ in size.
    """
    samples = []
    for pair in task_pairs(task):
        if pair.clean in without:
            continue
        sample = Sample(read_rgb(pair.clean), degraded=read_rgb(pair.degraded))
        assert sample.degraded is not None
        if sample.clean.shape != sample.degraded.shape:
            raise ValueError(
                f"the pictures of a pair need one shape: {pair.degraded} has "
                f"{sample.degraded.shape}, its clean picture {sample.clean.shape}"
            )
        samples.append(sample)
    return samples
