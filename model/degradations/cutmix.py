"""Degradation CutMix: several degradations in one picture, with a map of which is where."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.degradations._picture import Picture, check_picture

_HALF_SHARE = 0.25


def cutmix(
    pictures: Sequence[Picture], labels: Sequence[int], rng: np.random.Generator
) -> tuple[Picture, NDArray[np.uint8]]:
    """Paste one rectangle of each further picture into the first.

    Args:
        pictures: Two or three differently degraded copies of one clean picture, (H, W, 3).
        labels: Class of each, in [0, 255].
        rng: Source of randomness.

    Returns:
        The mixed picture (H, W, 3), and the class of each pixel (H, W).

    Raises:
        ValueError: When numbers or shapes do not fit.
    """
    if len(pictures) not in (2, 3) or len(pictures) != len(labels):
        raise ValueError(
            f"cutmix takes 2 or 3 pictures and a label for each, "
            f"got {len(pictures)} and {len(labels)}"
        )
    for picture in pictures:
        check_picture(picture)
    if len({picture.shape for picture in pictures}) > 1:
        raise ValueError(f"pictures must share a shape, got {[p.shape for p in pictures]}")
    mixed = pictures[0].copy()
    classes = np.full(mixed.shape[:2], labels[0], dtype=np.uint8)
    for picture, label in zip(pictures[1:], labels[1:], strict=True):
        rows, columns = sample_rectangle(mixed.shape[0], mixed.shape[1], rng)
        mixed[rows, columns] = picture[rows, columns]
        classes[rows, columns] = label
    return mixed, classes


def sample_rectangle(height: int, width: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """A rectangle of 10 to 50 % of the area; one in four spans the full height or width.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        rng: Source of randomness.

    Returns:
        Its rows and columns, at least one of each.
    """
    area = rng.uniform(0.1, 0.5)
    tall = float(np.clip(np.exp(rng.uniform(np.log(0.5), np.log(2))) * area**0.5, area, 1))
    if rng.random() < _HALF_SHARE:
        tall = 1.0 if rng.random() < 0.5 else area
    return _sample_span(height, tall, rng), _sample_span(width, area / tall, rng)


def _sample_span(side: int, share: float, rng: np.random.Generator) -> slice:
    size = int(np.clip(round(side * share), 1, side))
    start = int(rng.integers(0, side - size + 1))
    return slice(start, start + size)
