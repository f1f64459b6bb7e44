"""Degrade clean pictures for an evaluation: by one or several degradations, mild or severe."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from torch import Tensor

from model.config import Degradation
from model.degradations import DEGRADATIONS, Picture, degrade, to_bytes
from model.degradations.compression import QUALITY_MIN
from model.degradations.noise import SIGMA_MAX, add_white
from model.pictures.folders import pictures_in, read_rgb
from model.restoring.photographs import as_planes

SIDE = 512
"""Pixels: larger clean pictures are cropped to their middle."""

MIXTURES: tuple[tuple[str, ...], ...] = (
    (Degradation.BLUR, Degradation.NOISE),
    (Degradation.BLUR, "jpeg"),
    (Degradation.HAZE, Degradation.RAIN),
    (Degradation.RAIN, Degradation.NOISE),
    (Degradation.LOWLIGHT, Degradation.NOISE),
    (Degradation.HAZE, Degradation.LOWLIGHT),
)
"""Combinations of degradations; the first one is applied first."""

MILD = ("noise of 5/255", Degradation.NOISE.value, 5 / 255 / SIGMA_MAX)
"""Mild noise: title (it starts with the degradation), degradation and severity."""

SEVERITIES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Severities at which a degradation is measured, from mild to severe."""

LATER: tuple[tuple[str, str, float | None], ...] = (
    ("jpeg of quality 20", "jpeg", (100 - 20) / (100 - QUALITY_MIN)),
    ("bitdepth of 4", "bitdepth", 1.0),
    ("snow", "snow", None),
)
"""Tasks of degradations outside the map, as ``MILD``; None: drawn by ``draw_severity``."""


def draw_severity(rng: np.random.Generator) -> float:
    """Draw a severity at even odds from mild to severe.

    Not as in training: what is measured would change with it.
    """
    return float(rng.uniform(SEVERITIES[0], SEVERITIES[-1]))


def clean_pictures(
    folder: Path, count: int, seed: int
) -> Iterator[tuple[Picture, np.random.Generator]]:
    """Take the pictures of a folder in turn until there are ``count``.

    Yields:
        The middle of each, (H, W, 3) float32 in [0, 1], at most ``SIDE`` a side, and a generator of
        its own; equal seeds give equal ones.

    Raises:
        ValueError: If the folder holds no picture.
    """
    paths = pictures_in(folder)
    if not paths:
        raise ValueError(f"there are no pictures in {folder}")
    for index, path in enumerate(islice(cycle(paths), count)):
        yield _middle(as_planes(read_rgb(path))), np.random.default_rng([seed, index])


def over_each_other(
    folder: Path, kinds: Sequence[str], count: int, *, seed: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Degrade clean pictures by one kind after the other, as of ``draw_severity``.

    Args:
        folder: Clean pictures, as of ``clean_pictures``.
        kinds: Names of ``DEGRADATIONS``, in the order in which they are done.
        count: Number of pictures.
        seed: Of severities.

    Yields:
        Degraded and clean, (3, H, W) uint8.

    Raises:
        ValueError: If the folder holds no picture, or a name is unknown.
    """
    if unknown := set(kinds) - set(DEGRADATIONS):
        raise ValueError(f"unknown degradations {sorted(unknown)}")
    for clean, rng in clean_pictures(folder, count, seed):
        picture = clean
        for kind in kinds:
            picture = degrade(picture, kind, draw_severity(rng), rng)
        yield as_tensor(picture), as_tensor(clean)


def degraded_by(
    folder: Path, kind: str, severity: float | None, count: int, *, seed: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Degrade clean pictures by one kind at one severity, None: as of ``draw_severity``.

    Noise of a given severity is white, as in the benchmarks. Else as ``over_each_other``.
    """
    for clean, rng in clean_pictures(folder, count, seed):
        if kind == Degradation.NOISE and severity is not None:
            degraded = add_white(clean, severity * SIGMA_MAX, rng)
        else:
            drawn = draw_severity(rng) if severity is None else severity
            degraded = degrade(clean, kind, drawn, rng)
        yield as_tensor(degraded), as_tensor(clean)


def as_tensor(picture: Picture) -> Tensor:
    """Round (H, W, 3) in [0, 1] to 8 bits: -> (3, H, W) uint8."""
    return as_planes(to_bytes(picture))


def _middle(picture: Tensor) -> Picture:
    """Crop (3, H, W) uint8 to its middle -> (h, w, 3) float in [0, 1], h and w at most SIDE."""
    top, left = (max(0, (side - SIDE) // 2) for side in picture.shape[1:])
    crop = picture[:, top : top + SIDE, left : left + SIDE]
    return np.ascontiguousarray(crop.permute(1, 2, 0).numpy(), dtype=np.float32) / np.float32(255)
